"""Ramp filters along the detector."""

import math
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from svct.errors import unknown_name

FILTERS = ("ramp", "shepp-logan", "cosine", "hamming", "hann")


def filter_projections(
    y: Float[Tensor, "*batch view col"], bin_mm: float, *, name: str = "ramp", bin_angle: float = 0.0
) -> Float[Tensor, "*batch view col"]:
    """Filter projections along their bins.

    Args:
        y: Projections ``(..., views, bins)``.
        bin_mm: Distance between bins, mm.
        name: One of `FILTERS`: the ramp, or the ramp times a window.
        bin_angle: Between the bins of a curved detector as its source sees them, radians; 0 where they lie on a line.

    Returns:
        Filtered projections of the same shape, in 1/mm of what `y` is in.

    Raises:
        UnknownNameError: No such filter.

    Notes:
        Convolution with the band-limited ramp sampled in space, h(0) = 1/(4 d^2), h(n odd) = -1/(pi n d)^2, which keeps
        the mean right, unlike a ramp sampled in frequency (Kak and Slaney 1988, section 3.3.3), times d. For bins at
        equal angles a the kernel is multiplied by (n a / sin n a)^2 (section 3.4.1).
    """
    bins = y.shape[-1]
    size = 2 ** math.ceil(math.log2(2 * bins))
    response = _response(name, size, bin_angle, bins).to(y.device) / bin_mm
    spectrum = torch.fft.rfft(y.float(), n=size)
    filtered: Tensor = torch.fft.irfft(spectrum * response, n=size)
    return filtered[..., :bins]


@lru_cache(maxsize=32)
@torch.inference_mode(False)  # what is kept must serve gradients too
def _response(name: str, size: int, bin_angle: float, bins: int) -> Float[Tensor, " frequency"]:
    if name not in FILTERS:
        raise unknown_name("filter", name, list(FILTERS))
    n = torch.arange(size, dtype=torch.float64)
    n = torch.minimum(n, size - n)
    kernel = torch.where(n % 2 == 1, -1 / (math.pi * n.clamp(min=1)) ** 2, torch.zeros_like(n))
    kernel[0] = 0.25
    if bin_angle:
        # Rays further apart than the fan is wide never meet, and the sine has zeros there.
        kernel = torch.where(n < bins, kernel / torch.sinc(n * bin_angle / math.pi) ** 2, 0.0)
    ramp = torch.fft.rfft(kernel).real
    frequency = torch.linspace(0, 1, len(ramp), dtype=torch.float64)  # of the Nyquist frequency
    window = {
        "ramp": torch.ones_like(frequency),
        "shepp-logan": torch.sinc(frequency / 2),
        "cosine": torch.cos(math.pi / 2 * frequency),
        "hamming": 0.54 + 0.46 * torch.cos(math.pi * frequency),
        "hann": 0.5 + 0.5 * torch.cos(math.pi * frequency),
    }[name]
    response: Tensor = (ramp * window).float()
    return response
