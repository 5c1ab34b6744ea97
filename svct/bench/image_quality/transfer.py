"""Transfer of an edge: the task-based transfer function of a disc's rim."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.signal.windows import tukey

from svct.bench.image_quality.regions import Disc, Image
from svct.errors import InputError
from svct.geometry.grid import Grid

Values = NDArray[np.float64]

STEP = 0.1
"""Distance of the samples of an edge profile, in pixels."""


@dataclass(frozen=True, eq=False)
class Transfer:
    """A transfer function, the same in all directions.

    Args:
        frequencies: From 0 to half the sampling rate of the pixels, 1/mm.
        values: 1 at frequency zero.
        contrast_hu: Inside less outside, away from the edge, HU.
    """

    frequencies: Values = field(repr=False)
    values: Values = field(repr=False)
    contrast_hu: float

    def at(self, frequency: Values) -> Values:
        """Return the transfer at some frequencies, 1/mm; 0 beyond those that were measured."""
        found: Values = np.interp(frequency, self.frequencies, self.values, right=0.0)
        return found

    def frequency_at(self, level: float) -> float:
        """Return the first frequency with this transfer, 1/mm; NaN where all is above.

        Args:
            level: Such as 0.5 or 0.1.
        """
        below = np.flatnonzero(self.values < level)
        if not below.size:
            return float("nan")
        k = int(below[0])
        if k == 0:
            return 0.0
        f, v = self.frequencies[k - 1 : k + 1], self.values[k - 1 : k + 1]
        return float(f[0] + (v[0] - level) / (v[0] - v[1]) * (f[1] - f[0]))


def edge_transfer(image_hu: Image, grid: Grid, disc: Disc, *, reach_mm: float | None = None) -> Transfer:
    """Measure the transfer function on the rim of a uniform disc in uniform surroundings.

    Args:
        image_hu: ``(ny, nx)``, HU; the mean of repeated scans where there is noise.
        grid: Its grid.
        disc: Where the disc truly is.
        reach_mm: How far from the rim to look, mm, inwards and outwards. Default: 0.75 of the radius.

    Raises:
        InputError: The image does not fit the grid, the surroundings lie outside of it, a rim too short for its
            profile, or no contrast.

    Notes:
        The radial edge method of Richard et al. 2012 (Med. Phys. 39:4115): pixels sorted by their distance from the
        centre give the edge finer than the pixels do, its derivative is the line spread, and the modulus of its Fourier
        transform over that at zero the transfer function. For methods that are not linear it holds for this contrast,
        noise and place. What differs here: samples every tenth of a pixel are the mean over a pixel's width, which is
        divided out as a sinc, and so is the difference over a sample; the line spread is tapered in its outer quarters.
        The rim is taken as straight: for a blur of standard deviation s the error is of the order ``(s / radius)^2``.
    """
    reach = 0.75 * disc.radius_mm if reach_mm is None else reach_mm
    if image_hu.shape != grid.shape or not 0 < reach <= disc.radius_mm:
        raise InputError(
            f"edge_transfer: expected an image of {grid.shape} and a reach of at most the radius {disc.radius_mm:g} "
            f"mm, got {image_hu.shape} and {reach:g} mm"
        )
    _require_inside(grid, disc, reach)
    distance = disc.distance_mm(grid).ravel() - disc.radius_mm
    order = np.argsort(distance)
    distance, values = distance[order], image_hu.ravel()[order].astype(np.float64)
    step, width = STEP * grid.voxel_mm, grid.voxel_mm
    places = np.arange(-reach, reach + step / 2, step)
    profile = _running_mean(distance, values, places, width)
    flat = reach / 4
    contrast = float(profile[places < -reach + flat].mean() - profile[places > reach - flat].mean())
    if not abs(contrast) > 0:
        raise InputError("edge_transfer: expected a disc with contrast, got none; is it where it should be?")
    spread = -np.diff(profile) * tukey(len(profile) - 1, 0.5)
    middles = places[:-1] + step / 2
    f = np.linspace(0, 0.5 / grid.voxel_mm, 129)
    transform = np.abs(np.exp(-2j * np.pi * f[:, None] * middles) @ spread)
    blurred = np.sinc(f * width) * np.sinc(f * step)
    return Transfer(f, transform / transform[0] / blurred, contrast)


def _running_mean(distance: Values, values: Values, places: Values, width: float) -> Values:
    """Return at each place the mean over a width, corrected for where in it the pixels happen to lie."""
    sums = [np.concatenate([[0.0], np.cumsum(v)]) for v in (np.ones_like(values), values, distance)]
    first = np.searchsorted(distance, places - width / 2)
    last = np.searchsorted(distance, places + width / 2)
    count, total, moment = (s[last] - s[first] for s in sums)
    if (count < 2).any():
        raise InputError(
            "edge_transfer: expected pixels at every distance from the rim, got gaps; take a larger disc or smaller "
            "pixels"
        )
    mean = total / count
    slope = np.gradient(mean, places)
    corrected: Values = mean - slope * (moment / count - places)
    return corrected


def _require_inside(grid: Grid, disc: Disc, reach: float) -> None:
    room = [e / 2 - abs(c - o) for e, c, o in zip(grid.extent_mm[::-1], disc.centre_mm, grid.origin_mm, strict=True)]
    if min(room) < disc.radius_mm + reach:
        raise InputError(
            f"edge_transfer: expected the disc and {reach:g} mm around it inside the grid, got {min(room):g} mm from "
            f"its centre to the edge, less than {disc.radius_mm + reach:g}"
        )
