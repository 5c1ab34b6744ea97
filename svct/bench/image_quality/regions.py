"""Regions of interest, and errors in them in Hounsfield units."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svct.errors import InputError
from svct.geometry.grid import Grid
from svct.units import MU_WATER

Image = NDArray[np.floating]


@dataclass(frozen=True)
class Disc:
    """A round region.

    Args:
        centre_mm: ``(x, y)``, mm; x grows to the right, y upwards.
        radius_mm: mm.
    """

    centre_mm: tuple[float, float]
    radius_mm: float

    def distance_mm(self, grid: Grid) -> NDArray[np.float64]:
        """Return the distance of every pixel's middle from the centre, ``(ny, nx)``, mm."""
        ny, nx = grid.shape
        x = grid.origin_mm[0] + (np.arange(nx) - (nx - 1) / 2) * grid.voxel_mm - self.centre_mm[0]
        y = grid.origin_mm[1] - (np.arange(ny) - (ny - 1) / 2) * grid.voxel_mm - self.centre_mm[1]
        distance: NDArray[np.float64] = np.hypot(y[:, None], x)
        return distance

    def mask(self, grid: Grid) -> NDArray[np.bool_]:
        """Return which pixels have their middle inside, ``(ny, nx)``."""
        return self.distance_mm(grid) <= self.radius_mm


@dataclass(frozen=True)
class HuErrors:
    """Errors of images, HU.

    Args:
        rmse: Root mean square error, HU.
        bias: Mean error, HU; positive where the images are too bright.
    """

    rmse: float
    bias: float


def hu_errors(x: Image, truth: Image, *, mask: NDArray[np.bool_] | None = None) -> HuErrors:
    """Return root mean square and mean error over all pixels, or those of a region, of all images.

    Args:
        x: Images ``(..., ny, nx)``, 1/mm.
        truth: What they should be, of the same shape, 1/mm.
        mask: The region, ``(ny, nx)``. Default: all.

    Raises:
        InputError: Shapes that do not fit, or an empty region.

    Example:
        >>> hu_errors(np.full((4, 4), 0.0193), np.zeros((4, 4)))
        HuErrors(rmse=1000.0, bias=1000.0)
    """
    if x.shape != truth.shape or x.ndim < 2 or (mask is not None and mask.shape != x.shape[-2:]):
        raise InputError(
            f"hu_errors: expected images of one shape and a mask (ny, nx), got {x.shape}, {truth.shape} and "
            f"{None if mask is None else mask.shape}"
        )
    error = (x.astype(np.float64) - truth) * (1000 / MU_WATER)
    chosen = error if mask is None else error[..., mask]
    if not chosen.size:
        raise InputError("hu_errors: expected a region with pixels in it, got an empty one; is it outside the grid?")
    return HuErrors(float(np.sqrt(np.mean(chosen**2))), float(chosen.mean()))
