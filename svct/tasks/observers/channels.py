"""Channels through which an observer looks at a region."""

import math
from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError


def laguerre_gauss_channels(
    shape: tuple[int, int], *, width_mm: float, voxel_mm: float, count: int = 10
) -> Float[Tensor, "channel y x"]:
    """Return Laguerre-Gauss channels, for round signals in the middle of a region.

    Args:
        shape: Rows and columns of the region.
        width_mm: The Gaussian's width a, about the signal's diameter, mm.
        voxel_mm: Pixel size, mm.
        count: Number of channels.

    Returns:
        Float64 ``(count, ny, nx)``, orthonormal but for sampling.

    Raises:
        InputError: A size is not positive.

    Example:
        >>> laguerre_gauss_channels((32, 32), width_mm=8.0, voxel_mm=1.0, count=6).shape
        torch.Size([6, 32, 32])

    Notes:
        u_n(r) = sqrt 2 / a exp(-pi r^2 / a^2) L_n(2 pi r^2 / a^2) with the Laguerre polynomials L_n (Gallas and Barrett
        2003, J. Opt. Soc. Am. A 20:1725), each scaled to norm one.
    """
    if width_mm <= 0 or voxel_mm <= 0 or count < 1:
        raise InputError(
            f"Laguerre-Gauss channels: expected positive sizes, got {count} channels, {width_mm} mm, {voxel_mm} mm"
        )
    x, y = _plane(shape, voxel_mm)
    argument = 2 * math.pi * (x**2 + y**2) / width_mm**2
    before, now = torch.zeros_like(argument), torch.ones_like(argument)
    channels = []
    for n in range(count):
        channel = torch.exp(-argument / 2) * now
        channels.append(channel / channel.norm())
        before, now = now, ((2 * n + 1 - argument) * now - n * before) / (n + 1)
    return torch.stack(channels)


def gabor_channels(
    shape: tuple[int, int],
    *,
    voxel_mm: float,
    frequencies: tuple[float, ...] = (3 / 128, 3 / 64, 3 / 32, 3 / 16),
    orientations: int = 5,
    phases: tuple[float, ...] = (0.0, math.pi / 2),
) -> Float[Tensor, "channel y x"]:
    """Return Gabor channels, for signals of any shape.

    Args:
        shape: Rows and columns of the region.
        voxel_mm: Pixel size, mm.
        frequencies: Middle of each passband of one octave, cycles per pixel.
        orientations: How many, evenly over half a turn.
        phases: Of the wave, radians.

    Returns:
        Float64 ``(frequencies * orientations * phases, ny, nx)``, each of norm one.

    Raises:
        InputError: A frequency is not above 0 and below half a cycle per pixel, or there is no orientation or phase.

    Notes:
        exp(-4 ln 2 r^2 / w^2) cos(2 pi f (x cos t + y sin t) + p), w = 1.32 / f for an octave (Eckstein and Whiting
        1996, J. Opt. Soc. Am. A 13:1777; Wunderlich and Noo 2008, IEEE Trans. Med. Imaging 27:1472).
    """
    if not frequencies or not all(0 < f < 0.5 for f in frequencies) or orientations < 1 or not phases:
        raise InputError(
            f"Gabor channels: expected frequencies between 0 and 0.5 cycles per pixel, orientations and phases, got "
            f"{frequencies}, {orientations} and {phases}"
        )
    x, y = _plane(shape, voxel_mm)
    channels = []
    for cycles, turn, phase in product(frequencies, range(orientations), phases):
        f, angle = cycles / voxel_mm, math.pi * turn / orientations
        wide = 4 * math.log(2) * (x**2 + y**2) / (1.32 / f) ** 2
        channel = torch.exp(-wide) * torch.cos(2 * math.pi * f * (x * math.cos(angle) + y * math.sin(angle)) + phase)
        channels.append(channel / channel.norm())
    return torch.stack(channels)


def _plane(shape: tuple[int, int], voxel_mm: float) -> tuple[Tensor, Tensor]:
    rows, columns = ((torch.arange(n, dtype=torch.float64) - (n - 1) / 2) * voxel_mm for n in shape)
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return x, y
