"""The image grid."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from svct.errors import InputError


@dataclass(frozen=True)
class Grid:
    """A regular grid of square or cubic voxels, centred on `origin_mm`.

    In 2D, row 0 is the topmost row (largest y) and column 0 the leftmost (smallest x), as in ASTRA's
    2D volumes. In 3D, index 0 of every axis is its smallest coordinate, as in ASTRA's 3D volumes.

    Args:
        shape: ``(ny, nx)`` or ``(nz, ny, nx)``, in voxels.
        voxel_mm: Edge of a voxel, mm.
        origin_mm: Coordinates of the grid's centre, ``(x, y)`` or ``(x, y, z)``, mm; the rotation axis is
            at zero. Default: on the axis.

    Raises:
        InputError: The shape, the voxel size or the origin cannot describe a grid.

    Example:
        >>> Grid(shape=(128, 128), voxel_mm=3.2).extent_mm
        (409.6, 409.6)
    """

    shape: tuple[int, ...]
    voxel_mm: float = 1.0
    origin_mm: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        shape: Sequence[object] = self.shape if isinstance(self.shape, Sequence) else ()
        if len(shape) not in (2, 3) or not all(isinstance(n, int) and n > 0 for n in shape):
            raise InputError(f"Grid shape: expected (ny, nx) or (nz, ny, nx), positive integers, got {self.shape!r}")
        if not (math.isfinite(self.voxel_mm) and self.voxel_mm > 0):
            raise InputError(f"Grid voxel_mm: expected a positive length in mm, got {self.voxel_mm!r}")
        origin = tuple(self.origin_mm) or (0.0,) * len(shape)
        if len(origin) != len(shape) or not all(math.isfinite(o) for o in origin):
            raise InputError(f"Grid origin_mm: expected {len(shape)} finite lengths in mm, got {self.origin_mm!r}")
        object.__setattr__(self, "shape", tuple(self.shape))
        object.__setattr__(self, "voxel_mm", float(self.voxel_mm))
        object.__setattr__(self, "origin_mm", tuple(float(o) for o in origin))

    def to_dict(self) -> dict[str, Any]:
        """Return the grid as plain data."""
        return {"shape": list(self.shape), "voxel_mm": self.voxel_mm, "origin_mm": list(self.origin_mm)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Grid":
        """Build a grid from what `to_dict` gave.

        Args:
            values: The grid's fields.

        Raises:
            InputError: A field is missing, unknown or has an impossible value.
        """
        wanted = {"shape", "voxel_mm", "origin_mm"}
        if set(values) != wanted:
            raise InputError(
                f"grid: expected {', '.join(sorted(wanted))}, got {', '.join(sorted(values)) or 'nothing'}"
            )
        return cls(shape=tuple(values["shape"]), voxel_mm=values["voxel_mm"], origin_mm=tuple(values["origin_mm"]))

    @property
    def extent_mm(self) -> tuple[float, ...]:
        """Edge lengths of the whole grid in mm, in the order of `shape`."""
        return tuple(n * self.voxel_mm for n in self.shape)
