"""A CT volume in Hounsfield units, always in one orientation."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from svct.errors import InputError
from svct.geometry.grid import Grid
from svct.units import hu_to_mu

AIR_HU = -1000
"""Nothing attenuates less than air; lower values in files are padding."""

BODY_HU = -300
"""Voxels above this count as body (or table): above lung and foam, below fat."""


@dataclass(frozen=True, eq=False)
class Volume:
    """CT numbers of one patient, seen as a radiologist does.

    Row 0 is anterior, column 0 the patient's right, slice 0 the most inferior. Values below -1000 HU
    (padding such as -2048 or -1024 outside the scan circle) are clipped to -1000, air, when the volume
    is made.

    Args:
        hu: CT numbers, ``(nz, ny, nx)``, HU; kept as int16 or float32, read-only.
        spacing_mm: Distance of neighbouring voxels along z, y, x, mm.
        source: File name or citation.
        sha256: Hash of the file, or of a series' files one after another from inferior to superior.
        orientation: How the orientation was known, in words.

    Raises:
        InputError: The array is not 3D, not real numbers or not finite, or a spacing is not a length.

    Example:
        >>> water = Volume(np.zeros((2, 4, 4), np.int16), (2.5, 1.0, 1.0), source="made here")
        >>> water.extent_mm
        (5.0, 4.0, 4.0)
    """

    hu: NDArray[np.int16] | NDArray[np.float32] = field(repr=False)
    spacing_mm: tuple[float, float, float]
    source: str
    sha256: str = ""
    orientation: str = "stated by the caller"

    def __post_init__(self) -> None:
        spacing = tuple(float(s) for s in self.spacing_mm)
        if len(spacing) != 3 or not all(np.isfinite(s) and s > 0 for s in spacing):
            raise InputError(f"Volume spacing_mm: expected three lengths (z, y, x) in mm, got {self.spacing_mm!r}")
        object.__setattr__(self, "spacing_mm", spacing)
        object.__setattr__(self, "hu", _clipped(np.asarray(self.hu)))

    @property
    def extent_mm(self) -> tuple[float, float, float]:
        """Edge lengths of the array along z, y, x, mm."""
        nz, ny, nx = self.hu.shape
        dz, dy, dx = self.spacing_mm
        return nz * dz, ny * dy, nx * dx

    def body_fraction(self) -> NDArray[np.float64]:
        """Return the part of each slice that is denser than `BODY_HU`, ``(nz,)``."""
        return np.array([np.mean(plane > BODY_HU) for plane in self.hu])

    def edge_slices(self) -> NDArray[np.bool_]:
        """Return in which slices the body (or table) reaches the array's border, ``(nz,)``.

        There the scan is cut off; projections of such a slice are those of the part that is in the array.
        """
        body = (self.hu[:, [0, -1], :] > BODY_HU).any(axis=(1, 2))
        return np.asarray(body | (self.hu[:, :, [0, -1]] > BODY_HU).any(axis=(1, 2)))

    def fits(self, grid: Grid) -> bool:
        """Say whether `slices_on` keeps all that is denser than `BODY_HU`; false means that it crops.

        Args:
            grid: A 2D grid.

        Raises:
            InputError: The grid is not 2D.
        """
        ny, nx = _plane(grid)
        rows = _outside(self.hu.shape[1], self.spacing_mm[1], ny * grid.voxel_mm)
        columns = _outside(self.hu.shape[2], self.spacing_mm[2], nx * grid.voxel_mm)
        return not ((self.hu[:, rows, :] > BODY_HU).any() or (self.hu[:, :, columns] > BODY_HU).any())

    def slices_on(self, grid: Grid, indices: Sequence[int] | None = None) -> NDArray[np.float32]:
        """Resample axial slices to a 2D grid by averaging attenuation over each pixel's area.

        The array's centre comes to lie on the grid's centre. Outside the array is air (0); what is
        outside the grid is cropped, see `fits`.

        Args:
            grid: A 2D grid.
            indices: Slices to take, counted from the most inferior. Default: all.

        Returns:
            Attenuation, ``(n, ny, nx)``, 1/mm.

        Raises:
            InputError: The grid is not 2D, or there is no slice of that index.

        Example:
            >>> water = Volume(np.zeros((2, 4, 4), np.int16), (2.5, 1.0, 1.0), source="made here")
            >>> water.slices_on(Grid((2, 2), voxel_mm=2.0), [0]).shape
            (1, 2, 2)
        """
        ny, nx = _plane(grid)
        nz = self.hu.shape[0]
        chosen = range(nz) if indices is None else [operator.index(i) for i in indices]
        if not all(0 <= i < nz for i in chosen):
            raise InputError(f"slice indices: expected 0 to {nz - 1}, got {min(chosen)} to {max(chosen)}")
        rows = overlap_weights(self.hu.shape[1], self.spacing_mm[1], (ny, grid.voxel_mm))
        columns = overlap_weights(self.hu.shape[2], self.spacing_mm[2], (nx, grid.voxel_mm))
        same = all(np.array_equal(weights, np.eye(*weights.shape)) for weights in (rows, columns))
        out = np.empty((len(chosen), ny, nx), np.float32)
        for image, index in zip(out, chosen, strict=True):
            mu = hu_to_mu(self.hu[index].astype(np.float32))
            image[:] = mu if same else rows @ mu @ columns.T
        return out


def overlap_weights(count: int, size_mm: float, target: tuple[int, float]) -> NDArray[np.float32]:
    """Return the matrix that averages pixels over larger, smaller or shifted ones along one axis.

    Args:
        count: Source pixels.
        size_mm: Their size, mm.
        target: Number and size in mm of the pixels wanted; both rows of pixels share their centre.

    Returns:
        ``(target count, count)``: the part of each target pixel that each source pixel covers.

    Example:
        >>> overlap_weights(4, 1.0, (2, 2.0)).tolist()
        [[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]]
    """
    n, voxel_mm = target
    have = (np.arange(count + 1) - count / 2) * size_mm
    want = (np.arange(n + 1) - n / 2) * voxel_mm
    upper = np.minimum(want[1:, None], have[None, 1:])
    lower = np.maximum(want[:-1, None], have[None, :-1])
    return np.asarray(np.clip(upper - lower, 0, None) / voxel_mm, np.float32)


def _clipped(values: NDArray[np.generic]) -> NDArray[np.int16] | NDArray[np.float32]:
    if values.ndim != 3 or values.size == 0 or values.dtype.kind not in "iuf":
        raise InputError(
            f"Volume hu: expected real numbers of shape (nz, ny, nx), got {values.dtype} of shape {values.shape}"
        )
    if values.dtype.kind == "f":
        bad = values.size - int(np.count_nonzero(np.isfinite(values)))
        if bad:
            raise InputError(f"Volume hu: expected finite HU, got {bad} of {values.size} voxels NaN or infinite")
    low, high = values.min(), values.max()
    if low < AIR_HU:
        values = np.maximum(values, np.asarray(AIR_HU, values.dtype))
    whole = values.dtype.kind in "iu" and high <= np.iinfo(np.int16).max
    kept: NDArray[np.int16] | NDArray[np.float32]
    kept = np.asarray(values, np.int16).view() if whole else np.asarray(values, np.float32).view()
    kept.flags.writeable = False
    return kept


def _plane(grid: Grid) -> tuple[int, int]:
    if len(grid.shape) != 2:
        raise InputError(f"grid: expected a 2D grid (ny, nx) for axial slices, got shape {grid.shape}")
    return grid.shape[0], grid.shape[1]


def _outside(count: int, size_mm: float, extent_mm: float) -> NDArray[np.bool_]:
    outer_edge = np.abs((np.arange(count) - (count - 1) / 2) * size_mm) + size_mm / 2
    return np.asarray(outer_edge > extent_mm / 2 + 1e-6 * size_mm)
