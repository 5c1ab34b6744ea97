"""The object of physical measurements: a water cylinder with one disc, its projections exact."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from svct.bench.image_quality.regions import Disc
from svct.ellipsoid import draw_ellipsoid
from svct.errors import InputError
from svct.geometry.analytic import ellipsoid_projections
from svct.geometry.grid import Grid
from svct.geometry.scan import Scan
from svct.units import MU_WATER, hu_to_mu

DIRECTION = math.radians(30)
"""Where the insert lies as seen from the middle: askew of the pixels' rows."""


@dataclass(frozen=True)
class QualityPhantom:
    """A water cylinder around the axis with a disc insert on one side and plain water on the other.

    Args:
        radius_mm: Of the cylinder, mm.
        contrast_hu: Insert less water, HU.

    Raises:
        InputError: A radius that is not positive, or a contrast of 0 or below -1000 HU.
    """

    radius_mm: float
    contrast_hu: float = 100.0

    def __post_init__(self) -> None:
        if not self.radius_mm > 0 or not math.isfinite(self.radius_mm):
            raise InputError(f"phantom: expected a positive radius in mm, got {self.radius_mm!r}")
        if not self.contrast_hu >= -1000 or self.contrast_hu == 0 or not math.isfinite(self.contrast_hu):
            raise InputError(f"phantom: expected a contrast from -1000 HU on and not 0, got {self.contrast_hu!r} HU")

    @classmethod
    def that_fits(cls, grid: Grid, contrast_hu: float = 100.0) -> "QualityPhantom":
        """Return the phantom of seven tenths of a grid's width."""
        return cls(0.35 * min(grid.extent_mm), contrast_hu)

    @property
    def insert(self) -> Disc:
        """The insert, a fifth of the cylinder's radius, half way out."""
        r = self.radius_mm / 2
        return Disc((r * math.cos(DIRECTION), r * math.sin(DIRECTION)), 0.2 * self.radius_mm)

    @property
    def plain(self) -> Disc:
        """Plain water opposite the insert, as far out."""
        x, y = self.insert.centre_mm
        return Disc((-x, -y), 0.3 * self.radius_mm)

    def plain_square(self, grid: Grid) -> tuple[slice, slice]:
        """Return rows and columns of a square of plain water, of half the cylinder's radius, around that of `plain`."""
        row, column = np.unravel_index(int(np.argmin(self.plain.distance_mm(grid))), grid.shape)
        half = int(self.radius_mm / 4 / grid.voxel_mm)
        return slice(int(row) - half, int(row) + half), slice(int(column) - half, int(column) + half)

    def projections(self, scan: Scan) -> Float[Tensor, "view col"]:
        """Return its exact line integrals, float32."""
        water = ellipsoid_projections(scan, (0, 0), (self.radius_mm,) * 2, MU_WATER)
        insert = ellipsoid_projections(scan, self.insert.centre_mm, (self.insert.radius_mm,) * 2, self._step)
        return torch.from_numpy((water + insert).astype(np.float32))

    def image(self, grid: Grid) -> Float[Tensor, "y x"]:
        """Return it on a grid, each pixel with the mean over its area, 1/mm."""
        water = draw_ellipsoid(grid, centre_mm=(0, 0), axes_mm=(self.radius_mm,) * 2, value=MU_WATER)
        insert = draw_ellipsoid(
            grid, centre_mm=self.insert.centre_mm, axes_mm=(self.insert.radius_mm,) * 2, value=self._step
        )
        return torch.from_numpy(water + insert)

    @property
    def _step(self) -> float:
        return hu_to_mu(self.contrast_hu) - MU_WATER
