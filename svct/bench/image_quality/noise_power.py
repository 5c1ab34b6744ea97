"""Noise power spectrum of repeated scans."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from svct.errors import InputError

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NoisePower:
    """A noise power spectrum in two dimensions.

    Args:
        spectrum: HU^2 mm^2, ``(fy, fx)`` in the order of `numpy.fft.fft2`.
        voxel_mm: Pixel size, mm.
        repeats: How many scans it is the mean of.
    """

    spectrum: Values = field(repr=False)
    voxel_mm: float
    repeats: int

    @property
    def frequencies(self) -> Values:
        """Distance of each sample from frequency zero, 1/mm, of the spectrum's shape."""
        rows, columns = (np.fft.fftfreq(n, self.voxel_mm) for n in self.spectrum.shape)
        distance: Values = np.hypot(rows[:, None], columns)
        return distance

    @property
    def cell(self) -> float:
        """Area that a sample stands for, 1/mm^2."""
        rows, columns = self.spectrum.shape
        return float(1 / (rows * columns * self.voxel_mm**2))

    @property
    def variance(self) -> float:
        """The integral over all frequencies: the mean variance of a pixel, HU^2."""
        return float(self.spectrum.sum() * self.cell)

    @property
    def mean_frequency(self) -> float:
        """Mean of the distance from frequency zero, weighted with the power, 1/mm."""
        return float((self.frequencies * self.spectrum).sum() / self.spectrum.sum())

    def radial(self) -> tuple[Values, Values]:
        """Return frequencies, 1/mm, up to half the sampling rate, and the mean power around zero at each, HU^2 mm^2.

        Samples go to the nearest multiple of the finest step of both axes; a frequency is the mean of its samples'.
        """
        f = self.frequencies
        step = 1 / (max(self.spectrum.shape) * self.voxel_mm)
        ring = np.rint(f / step).astype(np.int64).ravel()
        count = np.bincount(ring)
        mean_f, mean_power = (np.bincount(ring, v.ravel()) / np.maximum(count, 1) for v in (f, self.spectrum))
        kept = (count > 0) & (np.arange(len(count)) * step <= 0.5 / self.voxel_mm * (1 + 1e-9))
        return mean_f[kept], mean_power[kept]


def noise_power(regions_hu: NDArray[np.floating], *, voxel_mm: float) -> NoisePower:
    """Estimate the noise power spectrum from a region of repeated scans of one object.

    Args:
        regions_hu: The same region of each scan, ``(repeat, ny, nx)``, HU.
        voxel_mm: Pixel size, mm.

    Returns:
        The spectrum at multiples of one over the region's edges.

    Raises:
        InputError: Fewer than two scans, or numbers that are not finite.

    Example:
        >>> white = np.random.default_rng(0).normal(0, 10, (50, 16, 16))
        >>> found = noise_power(white, voxel_mm=0.5)
        >>> bool(np.isclose(found.variance, white.var(axis=0, ddof=1).mean()))
        True

    Notes:
        NPS(u, v) = dx dy / (Nx Ny) <|DFT(region - mean over scans)|^2> n / (n - 1), the ensemble estimate (Siewerdsen,
        Cunningham and Jaffray 2002, Med. Phys. 29:2655; ICRU Report 87, 2012). The mean over scans takes out the object
        and all artefacts that repeat, so that no trend has to be fitted. Noise is taken to be alike all over the
        region.
    """
    regions = np.asarray(regions_hu, dtype=np.float64)
    if regions.ndim != 3 or len(regions) < 2 or not np.isfinite(regions).all() or not voxel_mm > 0:
        raise InputError(
            f"noise_power: expected two or more finite regions (repeat, ny, nx) and a pixel size, got shape "
            f"{regions.shape} and {voxel_mm} mm"
        )
    repeats, ny, nx = regions.shape
    power = (np.abs(np.fft.fft2(regions - regions.mean(axis=0))) ** 2).sum(axis=0) / (repeats - 1)
    return NoisePower(power * voxel_mm**2 / (ny * nx), voxel_mm, repeats)
