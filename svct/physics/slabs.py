"""Objects that are too large to be held in memory: slab by slab along z."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from svct.geometry.grid import Grid

SLAB = 2**25
"""Numbers of a slab, over its materials and voxels, 128 MiB."""

LINES = 2**25
"""Line integrals, over materials, views and samples of a blur, for which the slabs are read once."""


@dataclass(frozen=True, eq=False)
class Slabs:
    """The materials of a volume, read one slab at a time, each whenever it is asked for.

    Args:
        grid: The grid of the whole volume, 3D.
        materials: How many there are.
        read: Takes the first plane and the one after the last; returns their volume fractions, ``(material, z, y, x)``.
        planes: Planes of a slab. Default: as many as `SLAB` allows.
    """

    grid: Grid
    materials: int
    read: Callable[[int, int], Float[Tensor, "material z y x"]]
    planes: int | None = None

    def __iter__(self) -> Iterator[tuple[Grid, Float[Tensor, "material z y x"]]]:
        """Yield each slab with its grid."""
        count, step = self.grid.shape[0], self.step
        for first in range(0, count, step):
            last = min(first + step, count)
            yield slab_grid(self.grid, first, last), self.read(first, last)

    @property
    def step(self) -> int:
        """Planes of a slab."""
        return self.planes or max(1, SLAB // (self.materials * math.prod(self.grid.shape[1:])))


def slab_grid(grid: Grid, first: int, last: int) -> Grid:
    """Return the grid of some planes of a volume.

    Example:
        >>> slab_grid(Grid((4, 8, 8), voxel_mm=2.0), 0, 1).origin_mm
        (0.0, 0.0, -3.0)
    """
    x, y, z = grid.origin_mm
    middle = z + ((first + last) / 2 - grid.shape[0] / 2) * grid.voxel_mm
    return Grid((last - first, *grid.shape[1:]), grid.voxel_mm, (x, y, middle))
