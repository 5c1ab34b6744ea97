"""Figures of noise and sharpness of each patient, from a scan more than the image itself takes."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from svct.bench.image_quality import Disc, edge_transfer, noise_power
from svct.bench.image_quality.phantom import QualityPhantom
from svct.geometry.analytic import ellipsoid_projections
from svct.geometry.grid import Grid
from svct.geometry.projector import Projector
from svct.sampling.importance import without_metal
from svct.units import MU_WATER

CONTRAST_HU = 100.0
"""Of the disc whose rim is measured, as in `svct bench quality`."""

Image = Float[Tensor, "y x"]
Data = Float[Tensor, "patient view col"]


class Probe(NamedTuple):
    """A figure that needs a second image of each patient.

    Args:
        data: What the second image is made of, from the first image's data, a repeated scan and the projector.
        figures: What both images tell, from first, second, truth, 1/mm, and the grid: name, value and unit of each.
    """

    data: Callable[[Data, Callable[[], Data], Projector], Data]
    figures: Callable[[Image, Image, Image, Grid], tuple[tuple[str, float, str], ...]]


def disc_of(grid: Grid) -> Disc:
    """Return the disc whose rim is measured: where the insert of `QualityPhantom` lies."""
    return QualityPhantom.that_fits(grid).insert


def _with_disc(y: Data, again: Callable[[], Data], A: Projector) -> Data:
    disc = disc_of(A.grid)
    added = ellipsoid_projections(A.scan, disc.centre_mm, (disc.radius_mm,) * 2, CONTRAST_HU / 1000 * MU_WATER)
    return y + torch.from_numpy(added).to(y)


def _noise(x: Image, second: Image, truth: Image, grid: Grid) -> tuple[tuple[str, float, str], ...]:
    """Measure the noise power over the middle half of the image, without metal.

    Notes:
        Two scans suffice for an ensemble estimate (see `svct.bench.image_quality.noise_power`). Metal counts as 0, and
        the variance is over the share of pixels that is left. Noise differs from place to place in a patient: this is
        the mean over the square.
    """
    middle = tuple(slice(n // 4, n - n // 4) for n in grid.shape)
    counts = without_metal(truth)[middle].double()
    regions = torch.stack([x[middle], second[middle]]).double() * counts * (1000 / MU_WATER)
    found = noise_power(regions.numpy(), voxel_mm=grid.voxel_mm)
    magnitude = float((found.variance / counts.mean()) ** 0.5)
    return ("noise", magnitude, "HU"), ("noise_frequency", found.mean_frequency, "1/mm")


def _sharpness(x: Image, second: Image, truth: Image, grid: Grid) -> tuple[tuple[str, float, str], ...]:
    """Measure the transfer of the disc's rim in what the disc changes.

    Notes:
        Both images have the same noise and anatomy, so that their difference is the response to the disc: that of
        Fessler and Rogers 1996 (IEEE Trans. Image Process. 5:1346) for a change of finite size in one noisy scan. What
        the disc would take away from the photons is left out. A transfer that stays above a level counts as reaching
        it at half the sampling rate of the pixels, so that the sharpest patients are not left out.
    """
    change = ((second - x).double() * (1000 / MU_WATER)).numpy()
    transfer = edge_transfer(change, grid, disc_of(grid))
    highest = 0.5 / grid.voxel_mm
    found = ((name, transfer.frequency_at(level)) for name, level in (("ttf50", 0.5), ("ttf10", 0.1)))
    return tuple((name, highest if f != f else f, "1/mm") for name, f in found)


PROBES = {
    "nps": Probe(lambda y, again, A: again(), _noise),
    "ttf": Probe(_with_disc, _sharpness),
}
"""By the name that a plan asks for them with; each costs one more reconstruction of each patient."""
