"""Optical blur and crosstalk: light of one detector bin that its neighbours collect."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv1d, pad


def spread_kernel(*, blur_bins: float = 0.0, crosstalk: float = 0.0) -> Float[Tensor, " width"]:
    """Return the part of a bin's light that it and its neighbours get; odd length, sum 1.

    Args:
        blur_bins: Standard deviation of a Gaussian, in bins.
        crosstalk: Part of the light that goes to each of the two next bins.
    """
    radius = math.ceil(4 * blur_bins)
    offset = torch.arange(-radius, radius + 1, dtype=torch.float64)
    gauss = torch.exp(-0.5 * (offset / blur_bins) ** 2) if blur_bins else torch.ones(1, dtype=torch.float64)
    gauss = gauss / gauss.sum()
    cross = torch.tensor([crosstalk, 1 - 2 * crosstalk, crosstalk], dtype=torch.float64)
    return conv1d(pad(gauss, (2, 2))[None, None], cross[None, None])[0, 0] if crosstalk else gauss


def spread(
    signal: Float[Tensor, "*batch row view bin"] | Float[Tensor, "*batch view bin"],
    kernel: Float[Tensor, " width"],
    *,
    axis: int = -1,
) -> Tensor:
    """Convolve along one axis; beyond the edge the last bin goes on, so that a flat signal is unchanged.

    Args:
        signal: ``(..., [row,] view, bin)``.
        kernel: Odd length.
        axis: -1 for the bins, -3 for the rows.
    """
    moved = signal.movedim(axis, -1)
    radius = len(kernel) // 2
    lines = pad(moved.reshape(-1, 1, moved.shape[-1]), (radius, radius), mode="replicate")
    return conv1d(lines, kernel.to(signal)[None, None]).reshape(moved.shape).movedim(-1, axis)
