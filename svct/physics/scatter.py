"""Scattered photons: a convolution of the forward-scatter function, and the grid in front of the detector."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv1d

from svct.errors import InputError

Gaussians = tuple[tuple[float, float], ...]
"""Parts, and standard deviations in mm on the detector, of a sum of Gaussians."""


@dataclass(frozen=True)
class AntiScatterGrid:
    """An anti-scatter grid, by the part of each kind of photon that it lets through.

    Args:
        primary: Part of the primary photons, above 0 to 1; put it into the detector's efficiency.
        scatter: Part of the scattered photons, 0 to 1.

    Raises:
        InputError: A part that no grid has.
    """

    primary: float
    scatter: float

    def __post_init__(self) -> None:
        if not (0 < self.primary <= 1 and 0 <= self.scatter <= 1):
            raise InputError(f"grid: expected parts between 0 and 1, got {self.primary!r} and {self.scatter!r}")


@dataclass(frozen=True)
class ForwardScatter:
    """Scatter by convolution of the forward-scatter function in the projection.

    Args:
        bin_mm: Pitch of the detector bins, mm.
        row_mm: Pitch of the detector rows where the third axis from the end holds rows; None where there are none.
        amplitude: Scatter per primary photon and unit of ``-ln(transmission)``.
        primary_power: Power of the transmission.
        path_power: Power of ``-ln(transmission)``.
        across_bins: Kernel along the bins.
        across_rows: Kernel along the rows.
        reach_mm: Where the kernels end, along bins and rows.
        grid: A grid, where `amplitude` is that without one.

    Raises:
        InputError: A pitch or width is not positive, or an amplitude or power is negative.

    Example:
        >>> air = torch.full((1, 1, 1, 200), 1e5)
        >>> photons = air * math.exp(-4)
        >>> scatter = ForwardScatter(bin_mm=1.0).scattered(photons, air, torch.tensor([70.0]))
        >>> round(float((scatter / photons)[..., 100]), 3)
        0.1

    Notes:
        S = amplitude h * (I0 T^b1 (-ln T)^b2), T the transmission and h a kernel of integral 1 (Ohnesorge, Flohr and
        Klingenbeck-Regn 1999, Eur. Radiol. 9:563; equations 10, 11 and 17 of Rührnschopf and Klingenbeck 2011, Med.
        Phys. 38:5186; b1 = b2 = 1 is forward single scatter). Amplitude and kernel are those of XCIST's convolution
        model (Wu et al. 2022, Phys. Med. Biol. 67:194002): about 15 % scatter to primary behind 35 cm of water for
        120 kVp, a 40 mm beam and its grid; each axis of its kernel is fitted by two Gaussians, within 3 % of the
        peak. Amplitude goes with the width of the beam. The scatter of a view has the mean spectrum of its primary
        photons. Rays brighter than air (noise, bad normalisation) scatter nothing.
    """

    bin_mm: float
    row_mm: float | None = None
    amplitude: float = 0.025
    primary_power: float = 1.0
    path_power: float = 1.0
    across_bins: Gaussians = ((0.19, 5.8), (0.81, 11.1))
    across_rows: Gaussians = ((0.18, 16.0), (0.82, 65.8))
    reach_mm: tuple[float, float] = (24.0, 32.0)
    grid: AntiScatterGrid | None = None

    def __post_init__(self) -> None:
        widths = [width for kernel in (self.across_bins, self.across_rows) for _, width in kernel]
        lengths = [self.bin_mm, *([] if self.row_mm is None else [self.row_mm]), *widths, *self.reach_mm]
        if not all(math.isfinite(length) and length > 0 for length in lengths):
            raise InputError(f"scatter: expected positive lengths in mm, got {lengths}")
        numbers = (self.amplitude, self.primary_power, self.path_power)
        if not all(math.isfinite(number) and number >= 0 for number in numbers):
            raise InputError(f"scatter: expected an amplitude and powers of 0 or more, got {numbers}")

    def scattered(
        self,
        expected: Float[Tensor, " energy *ray"],
        air: Float[Tensor, " energy *air"],
        energies_kev: Float[Tensor, " energy"],
    ) -> Float[Tensor, " energy *ray"]:
        """Return the expected scattered photons, relative to the primary ones behind the grid; differentiable.

        Args:
            expected: Expected primary photons, ``(energy, ..., [row,] view, bin)``.
            air: Those without an object, of a shape that broadcasts to `expected`.
            energies_kev: Middle of each energy bin, keV; they do not matter to this model.

        Raises:
            InputError: Photons and energies, or photons and air, do not match.
        """
        if len(expected) != len(energies_kev):
            raise InputError(f"scatter: expected {len(energies_kev)} energies first, got shape {tuple(expected.shape)}")
        try:
            empty = torch.broadcast_to(air.to(expected), expected.shape).sum(dim=0)
        except RuntimeError as error:
            raise InputError(
                f"air: expected a shape that broadcasts to {tuple(expected.shape)}, got {tuple(air.shape)}"
            ) from error
        tiny = torch.finfo(expected.dtype).tiny
        primary = expected.sum(dim=0)
        transmission = (primary / empty.clamp(min=tiny)).clamp(min=tiny, max=1.0)
        source = empty * transmission**self.primary_power * (-transmission.log()) ** self.path_power
        scatter = self._amplitude * _convolve(source, _kernel(self.across_bins, self.reach_mm[0], self.bin_mm), -1)
        axes: tuple[int, ...] = (-1,)
        if self.row_mm is not None:
            scatter = _convolve(scatter, _kernel(self.across_rows, self.reach_mm[1], self.row_mm), -3)
            axes = (-1, -3)
        spectrum = expected.sum(dim=axes, keepdim=True)
        return scatter * spectrum / spectrum.sum(dim=0, keepdim=True).clamp(min=tiny)

    @property
    def _amplitude(self) -> float:
        return self.amplitude * (self.grid.scatter / self.grid.primary if self.grid else 1.0)


def _kernel(parts: Gaussians, reach_mm: float, pitch_mm: float) -> Tensor:
    radius = max(1, round(reach_mm / pitch_mm))
    offset = torch.arange(-radius, radius + 1, dtype=torch.float64) * pitch_mm
    kernel = torch.zeros_like(offset)
    for part, width in parts:
        kernel += part / width * torch.exp(-0.5 * (offset / width) ** 2)
    return kernel / kernel.sum()


def _convolve(source: Tensor, kernel: Tensor, axis: int) -> Tensor:
    moved = source.movedim(axis, -1)
    lines = moved.reshape(-1, 1, moved.shape[-1])
    result = conv1d(lines, kernel.to(source)[None, None], padding=len(kernel) // 2)
    return result.reshape(moved.shape).movedim(-1, axis)
