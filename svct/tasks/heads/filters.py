"""What a lesion map sees around each pixel: smoothed images and their derivatives at several scales."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

WINDOWS_HU = ((-1000.0, 1000.0), (-1000.0, -400.0), (-160.0, 240.0), (0.0, 100.0))
"""Windows in which the image is seen, HU: all, lung, soft tissue, brain."""

SCALES = (0.7, 1.2, 2.0, 3.5, 6.0)
"""Standard deviations of the Gaussians, pixels."""

PER_SCALE = 4


def sight_count(channels: int) -> int:
    """Return how many numbers `sights` gives for images of so many channels."""
    return (len(WINDOWS_HU) + channels - 1) * (1 + PER_SCALE * len(SCALES))


def sights(seen: Float[Tensor, "n channel y x"]) -> Float[Tensor, "n sight y x"]:
    """Return what is seen around each pixel, the same in any mirror and, but for sampling, turned by any angle.

    Args:
        seen: The image in units of water's attenuation, which is seen in `WINDOWS_HU`, and further channels.

    Returns:
        The channels themselves, and of each at each of `SCALES` the smoothed value, the slope, the Laplacian and the
        difference of the two principal curvatures, in units of the scale; differentiable.

    Notes:
        Differential invariants of scale space (Koenderink and van Doorn 1987, Biol. Cybern. 55:367), with derivatives
        normalised by scale (Lindeberg 1998, Int. J. Comput. Vis. 30:79).
    """
    hu = (seen[:, :1] - 1) * 1000
    windows = [2 * (hu.clamp(low, high) - low) / (high - low) - 1 for low, high in WINDOWS_HU]
    x = torch.cat([*windows, seen[:, 1:]], dim=1)
    found = [x]
    for scale in SCALES:
        smooth = _smoothed(x, scale)
        around = functional.pad(smooth, (1, 1, 1, 1), mode="replicate")
        left, right = around[..., 1:-1, :-2], around[..., 1:-1, 2:]
        above, below = around[..., :-2, 1:-1], around[..., 2:, 1:-1]
        slope = ((right - left).square() + (below - above).square() + 1e-8).sqrt() * (scale / 2)
        xx, yy = left + right - 2 * smooth, above + below - 2 * smooth
        xy = (around[..., 2:, 2:] + around[..., :-2, :-2] - around[..., :-2, 2:] - around[..., 2:, :-2]) / 4
        apart = ((xx - yy).square() + 4 * xy.square() + 1e-8).sqrt()
        found += [smooth, slope, (xx + yy) * scale**2, apart * scale**2]
    return torch.cat(found, dim=1)


def _smoothed(x: Float[Tensor, "n channel y x"], scale: float) -> Float[Tensor, "n channel y x"]:
    """Return images smoothed with a Gaussian; what is beyond the border is as on it."""
    reach = math.ceil(3 * scale)
    place = torch.arange(-reach, reach + 1, dtype=x.dtype)
    kernel = torch.exp(-(place**2) / (2 * scale**2))
    kernel = (kernel / kernel.sum()).expand(x.shape[1], 1, -1)
    x = functional.pad(x, (reach, reach, reach, reach), mode="replicate")
    x = functional.conv2d(x, kernel[:, :, None, :], groups=x.shape[1])
    return functional.conv2d(x, kernel[:, :, :, None], groups=x.shape[1])
