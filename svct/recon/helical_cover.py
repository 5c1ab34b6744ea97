"""Which slices a helix covers."""

import math
import warnings
from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from svct.errors import InputError
from svct.geometry.grid import Grid
from svct.geometry.helical import Helical
from svct.recon.helical_views import ConeParallel, cone_parallel
from svct.recon.offset import LEAST


def covered_slices(scan: Helical, grid: Grid) -> Bool[Tensor, " z"]:
    """Return which slices a helix sees from half a turn, all over the circle around the axis that fits into the grid.

    Args:
        scan: The helix.
        grid: The image grid.

    Raises:
        InputError: As `svct.recon.helical.helical_fbp`, of the scan alone.

    Example:
        >>> sizes = {"rows": 16, "bins": 40, "row_mm": 3, "bin_mm": 3, "source_mm": 300, "detector_mm": 150}
        >>> scan = Helical([i * math.pi / 40 for i in range(200)], **sizes, pitch_mm=20)
        >>> covered_slices(scan, Grid(shape=(10, 8, 8), voxel_mm=8)).int().tolist()
        [0, 1, 1, 1, 1, 1, 1, 1, 1, 0]
    """
    views = cone_parallel(scan)
    x, y = _ring(grid, views)
    return _seen(views, x, y, voxel_places(grid)[2]).all(dim=1)


def seen_height(v: ConeParallel, radius_mm: float) -> float:
    """Return how far from the height that a view has on the axis it sees anything within a radius, mm."""
    across = math.asin(min(1.0, float(v.distances.abs().max()) / v.radius_mm))
    edge = abs(v.row_mm) * v.rows / 2 + abs(v.row_shift_mm)
    return edge * (v.radius_mm + radius_mm) / v.reach_mm + abs(v.rise_mm) * across


def voxel_places(grid: Grid) -> list[Float[Tensor, " n"]]:
    """Return the places of the voxels along x, y and z, mm."""
    sizes = zip(grid.origin_mm, grid.shape[::-1], strict=True)
    return [o + grid.voxel_mm * (torch.arange(n, dtype=torch.float64) - (n - 1) / 2) for o, n in sizes]


def require_cover(scan: Helical, views: ConeParallel, grid: Grid) -> Bool[Tensor, " z"]:
    """Return which slices a helix covers, with a warning where it is not all.

    Args:
        scan: The helix.
        views: Its parallel views.
        grid: The image grid.

    Raises:
        InputError: It covers none, its pitch is too large for any, or its detector is displaced.
    """
    near, far = sorted((-float(views.distances[0]), float(views.distances[-1])))
    if near < _circle(grid) - grid.voxel_mm and far - near > LEAST * far:
        raise InputError(
            f"fbp: expected the detector of a helix to reach the edge of the grid, {_circle(grid):.4g} mm from the "
            f"axis, on both sides, got {near:.4g} and {far:.4g} mm; take a smaller grid, or reconstruct with sirt"
        )
    x, y = _ring(grid, views)
    radius = float(torch.hypot(x, y).max())
    if not _without_gaps(views, radius, views.rise_mm):
        low, high = 0.0, abs(views.rise_mm)
        for _ in range(20):
            middle = (low + high) / 2
            low, high = (middle, high) if _without_gaps(views, radius, middle) else (low, middle)
        raise InputError(
            f"fbp: expected a helix whose turns leave no gap within {radius:.4g} mm of the axis, a pitch_mm of at most "
            f"{2 * math.pi * low:.4g}, got {scan.pitch_mm:.4g}; take a smaller grid, or reconstruct with sirt"
        )
    z = voxel_places(grid)[2]
    covered = _seen(views, x, y, z).all(dim=1)
    if not bool(covered.any()):
        heights = views.start_z_mm + views.rise_mm * views.angles[[0, -1]]
        raise InputError(
            "fbp: expected a grid of which the helix sees a slice from half a turn, got slices from z = "
            f"{float(z[0]):.4g} to {float(z[-1]):.4g} mm and sources from {float(heights.min()):.4g} to "
            f"{float(heights.max()):.4g} mm; move the grid, or take more views"
        )
    if not bool(covered.all()):
        inner = covered.nonzero()[:, 0]
        warnings.warn(
            f"fbp: the helix covers slices {int(inner[0])} to {int(inner[-1])} of 0 to {len(z) - 1}, z = "
            f"{float(z[inner[0]]):.4g} to {float(z[inner[-1]]):.4g} mm; the others are left at zero",
            stacklevel=4,
        )
    return covered


def _ring(grid: Grid, views: ConeParallel, count: int = 32) -> tuple[Float[Tensor, " place"], Float[Tensor, " place"]]:
    """Return places on the axis and around the circle that fits into the grid and the detector, x and y."""
    radius = min(_circle(grid), float(views.distances[-1]), -float(views.distances[0]))
    angle = torch.arange(count, dtype=torch.float64) * 2 * math.pi / count
    return torch.nn.functional.pad(radius * angle.cos(), (1, 0)), torch.nn.functional.pad(radius * angle.sin(), (1, 0))


def _circle(grid: Grid) -> float:
    return (min(grid.shape[1:]) - 1) / 2 * grid.voxel_mm + math.hypot(*grid.origin_mm[:2])


def _seen(
    v: ConeParallel, x: Float[Tensor, " place"], y: Float[Tensor, " place"], z: Float[Tensor, " z"]
) -> Bool[Tensor, "z place"]:
    """Return which places are seen from every angle of half a turn."""
    seen = torch.zeros(v.half, len(z), len(x), dtype=torch.bool)
    for first in range(0, v.views, v.half):
        _, rows = v.rows_at(v.angles[first : first + v.half], x, y, z)
        seen[: len(rows)] |= rows.abs() <= v.rows / 2
    return seen.all(dim=0)


def _without_gaps(v: ConeParallel, radius_mm: float, rise_mm: float) -> bool:
    """Whether a helix without ends would see everything within a radius from half a turn."""
    height = seen_height(replace(v, rise_mm=rise_mm), radius_mm)
    turns = min(50, 2 + math.ceil(height / max(abs(rise_mm), 1e-9) / math.pi))
    endless = replace(v, rise_mm=rise_mm, start_z_mm=0.0, half=90, first=-turns * math.pi, views=180 * turns)
    angle = torch.arange(64, dtype=torch.float64) * math.pi / 32
    return bool(_seen(endless, radius_mm * angle.cos(), radius_mm * angle.sin(), torch.zeros(1)).all())
