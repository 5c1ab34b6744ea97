"""Which rows of a detector see some slices, and the scan of these rows alone."""

import math
from dataclasses import replace

import numpy as np
import torch

from svct.errors import InputError
from svct.geometry.cone import ConeBeam
from svct.geometry.grid import Grid
from svct.geometry.parallel import ParallelBeam
from svct.geometry.scan import Scan
from svct.geometry.vector import VectorBeam
from svct.recon.frames import upright_frames

ALIGNED = 1e-3
"""How far rows may lie from the slices that they stand for, as a part of a voxel."""


def rows_seen(scan: Scan, grid: Grid) -> range:
    """Return the detector rows that `svct.recon.fbp` interpolates in for a grid, one or two more on either side.

    Args:
        scan: A 3D scan that `fbp` takes.
        grid: A 3D grid, such as some slices of a larger one.

    Returns:
        At least one row, also where the detector does not see the grid.

    Raises:
        InputError: `fbp` has no formula for the scan.

    Notes:
        A row lies where the line from the source through a voxel meets the detector: at the height of the voxel over
        the source times detector over voxel distance, which lies between those of the nearest and the farthest corner.
    """
    frames, rows = upright_frames(scan), scan.detector_shape[0]
    half = (grid.shape[0] - 1) / 2 * grid.voxel_mm
    ends = torch.tensor([grid.origin_mm[2] - half, grid.origin_mm[2] + half], dtype=torch.float64)
    reach = frames.reach
    if scan.divergent:
        corner = [n / 2 * grid.voxel_mm + abs(o) for n, o in zip(grid.shape[:0:-1], grid.origin_mm, strict=False)]
        radius = math.hypot(*corner)
        away = frames.source.norm(dim=1)
        near = torch.minimum(away, -(frames.source * frames.ahead).sum(dim=1)) - radius
        if float(near.min()) <= grid.voxel_mm:
            return range(rows)
        nearness = torch.stack([reach / near, reach / (away + radius)])
        base = frames.source_z
    else:
        nearness, base = torch.ones(1, len(reach), dtype=torch.float64), torch.zeros_like(reach)
    height = (ends[:, None, None] - base) * nearness + base
    row = (height - frames.centre_z) / frames.row_mm + (rows - 1) / 2
    first, last = math.floor(float(row.min())) - 1, math.ceil(float(row.max())) + 1
    first = min(max(first, 0), rows - 1)
    return range(first, min(max(last + 1, first + 1), rows))


def keep_rows(scan: Scan, rows: range) -> Scan:
    """Return the scan with some of its detector rows alone.

    Args:
        scan: A 3D scan.
        rows: Which, in steps of 1.

    Raises:
        InputError: A geometry whose detector cannot be cut so.

    Example:
        >>> scan = ParallelBeam([0.0], rows=8, bins=5, row_mm=2.0)
        >>> keep_rows(scan, range(0, 4)).offset_mm
        (0.0, -4.0)
    """
    count = scan.detector_shape[0]
    if rows == range(count):
        return scan
    shift = (rows[0] + rows[-1]) / 2 - (count - 1) / 2
    if isinstance(scan, VectorBeam):
        table = np.array(scan.table)
        table[:, 3:6] += shift * table[:, 9:12]
        return replace(scan, table=table, rows=len(rows))
    if type(scan) is ParallelBeam or (type(scan) is ConeBeam and not any(scan.tilt[:2])):  # type: ignore[index]
        along, up = scan.offset_mm  # type: ignore[misc]
        return replace(scan, rows=len(rows), offset_mm=(along, up + shift * scan.row_mm))  # type: ignore[operator]
    raise InputError(
        f"rows: expected a parallel or cone beam with upright detectors, or one of vectors, got {type(scan).__name__}"
    )


def slice_scan(scan: Scan, grid: Grid) -> tuple[Scan, Grid, int] | None:
    """Return scan and grid of one slice where every slice is seen by a detector row of its own, and the first such row.

    Args:
        scan: A 3D scan.
        grid: The volume's grid.

    Returns:
        2D scan, 2D grid, and the row of slice 0; or None where rows see several slices, or slices no row.

    Example:
        >>> scan = ParallelBeam([0.0], rows=8, bins=5)
        >>> slice_scan(scan, Grid((4, 5, 5)))[2]
        2
    """
    if type(scan) is not ParallelBeam or scan.rows is None or scan.row_mm is None:
        return None
    along, up = scan.offset_mm  # type: ignore[misc]
    below = grid.origin_mm[2] - (grid.shape[0] - 1) / 2 * grid.voxel_mm
    row = (below - up) / scan.row_mm + (scan.rows - 1) / 2
    drift = grid.shape[0] * abs(scan.row_mm / grid.voxel_mm - 1)
    first = round(row)
    if max(drift, abs(row - first)) > ALIGNED or not 0 <= first <= scan.rows - grid.shape[0]:
        return None
    flat = ParallelBeam(scan.angles, bins=scan.bins, bin_mm=scan.bin_mm, offset_mm=along)
    return flat, Grid(grid.shape[1:], grid.voxel_mm, grid.origin_mm[:2]), first
