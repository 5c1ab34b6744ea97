"""Where the voxels of a reconstructed volume lie in the patient."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svct.errors import InputError
from svct.geometry.grid import Grid

DIRECTIONS = {"R": (1, 0, 0), "L": (-1, 0, 0), "A": (0, 1, 0), "P": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}
"""Right, left, anterior, posterior, superior and inferior as NIfTI counts: right, anterior and superior grow."""

AXES = "LAS"
"""Directions of x, y and z in the patient, as `svct.data.Volume` has them: left, anterior, superior."""


@dataclass(frozen=True)
class Placement:
    """A stack of planes in the patient.

    Args:
        shape: Planes, rows and columns.
        origin_mm: Centre of column 0, row 0, plane 0, mm, in NIfTI's axes (right, anterior, superior).
        steps_mm: From one column, row and plane to the next, each such a vector, mm.
    """

    shape: tuple[int, int, int]
    origin_mm: tuple[float, float, float]
    steps_mm: tuple[tuple[float, float, float], ...]

    @property
    def affine(self) -> NDArray[np.float64]:
        """``(4, 4)``, from column, row and plane to mm as NIfTI counts."""
        matrix = np.eye(4)
        matrix[:3, :3] = np.array(self.steps_mm).T
        matrix[:3, 3] = self.origin_mm
        return matrix

    def with_rows_reversed(self) -> "Placement":
        """Return the placement of the same voxels with the rows counted from the other end."""
        columns, rows, planes = (np.array(step) for step in self.steps_mm)
        origin = np.array(self.origin_mm) + (self.shape[1] - 1) * rows
        return Placement(self.shape, _numbers(origin), (_numbers(columns), _numbers(-rows), _numbers(planes)))


def place(grid: Grid, *, planes: int | None = None, slice_mm: float | None = None, axes: str = AXES) -> Placement:
    """Place a volume, or a stack of images of one grid, in the patient.

    Args:
        grid: Of the volume, or of one image.
        planes: How many images there are; none for a volume.
        slice_mm: Distance of the images, mm; none for a volume. The stack's middle lies at z = 0.
        axes: Where x, y and z of the grid point in the patient: one letter each of R or L, A or P, S or I.

    Raises:
        InputError: The letters do not name three axes, or a length is not positive.

    Example:
        >>> place(Grid((3, 4), voxel_mm=2.0), planes=1, slice_mm=5.0).origin_mm
        (3.0, 2.0, 0.0)

    Notes:
        Row 0 of an image has the largest y; in a volume index 0 of every axis is its smallest coordinate, see `Grid`.
    """
    if len(axes) != 3 or sorted("RLAPSI".find(a) // 2 for a in axes) != [0, 1, 2]:
        raise InputError(
            "axes: expected three letters for x, y and z, one of R and L, one of A and P, one of S and I, got "
            f"{axes!r}; svct's own are {AXES}"
        )
    flat = len(grid.shape) == 2
    count, step_mm = (planes or 1, slice_mm) if flat else (grid.shape[0], grid.voxel_mm)
    if not isinstance(step_mm, (int, float)) or not 0 < step_mm < float("inf"):
        raise InputError(f"slice_mm: expected a positive distance of the slices in mm, got {step_mm!r}")
    shape = (count, grid.shape[-2], grid.shape[-1])
    sizes = np.array([grid.voxel_mm, -grid.voxel_mm if flat else grid.voxel_mm, step_mm])
    centre = np.array((*grid.origin_mm, 0.0)[:3])
    corner = centre - sizes * (np.array(shape[::-1]) - 1) / 2
    patient = np.array([DIRECTIONS[a] for a in axes], np.float64).T
    steps = patient * sizes
    return Placement(shape, _numbers(patient @ corner), tuple(_numbers(steps[:, i]) for i in range(3)))


def _numbers(vector: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = (float(v) + 0.0 for v in vector)  # no minus zero
    return x, y, z
