"""Filtered back projection of a helix."""

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from svct.errors import InputError
from svct.geometry.grid import Grid
from svct.geometry.helical import Helical
from svct.recon import backproject
from svct.recon.helical_rebin import ConeParallel, cone_parallel, rebin_views
from svct.recon.offset import LEAST

FULL = 0.6
"""Part of the detector's height on which rays have full weight."""
LOWEST = 1e-4
"""Weight at the edge of the detector, for voxels that nothing else sees."""


def helical_fbp(
    y: Float[Tensor, "batch row view col"], scan: Helical, grid: Grid, *, filter: str = "ramp"
) -> Float[Tensor, "batch z y x"]:
    """Reconstruct a helix by weighted filtered back projection.

    Args:
        y: Log data ``(batch, rows, views, bins)``.
        scan: The helix, its detector flat or curved, in any order of views.
        grid: The image grid.
        filter: Name of the ramp filter.

    Returns:
        Attenuation, 1/mm; differentiable in `y`. Slices that the helix does not cover, see `covered_slices`, are zero,
        and a warning names them. Outside the circle around the axis that fits into the grid, and where the detector is
        too narrow, voxels that some views do not see come out too low.

    Raises:
        InputError: A pitch that leaves gaps between turns, a grid without any covered slice, a displaced detector, a
            flying focal spot, a leaning detector, too few views, or too large gaps between them.

    Notes:
        WFBP (Stierstorfer et al. 2004, Phys. Med. Biol. 49:2209). Views are resampled to parallel ones, row by row,
        weighted by the cosine of the cone angle and filtered with the ramp. For every angle t of half a turn a voxel is
        seen k times from t + k pi, at detector heights q_k from -1 to 1; with W one up to |q| = `FULL` and falling to
        zero at the edges as a squared cosine, ::

            x = sum over t of pi/N sum over k of W(q_k) f(t + k pi) / sum over k of W(q_k)

        so what is seen more than once is shared out, whatever the pitch, and all rows are used.
    """
    views = cone_parallel(scan)
    covered = _require_cover(scan, views, grid)
    q = rebin_views(y, scan, views, filter=filter)
    image = backproject.backproject_plan(q, _HelixPlan(grid, *q.shape[1:], q.device, views))
    return image if bool(covered.all()) else image * covered.to(q.device)[:, None, None]


def covered_slices(scan: Helical, grid: Grid) -> Bool[Tensor, " z"]:
    """Return which slices a helix sees from half a turn, all over the circle around the axis that fits into the grid.

    Args:
        scan: The helix.
        grid: The image grid.

    Raises:
        InputError: As `helical_fbp`, of the scan alone.

    Example:
        >>> sizes = {"rows": 16, "bins": 40, "row_mm": 3, "bin_mm": 3, "source_mm": 300, "detector_mm": 150}
        >>> scan = Helical([i * math.pi / 40 for i in range(200)], **sizes, pitch_mm=20)
        >>> covered_slices(scan, Grid(shape=(10, 20, 20), voxel_mm=4)).int().tolist()
        [0, 0, 1, 1, 1, 1, 1, 1, 0, 0]
    """
    views = cone_parallel(scan)
    x, y = _ring(grid, views)
    return _seen(views, x, y, _places(grid)[2]).all(dim=1)


@dataclass(frozen=True)
class _HelixPlan(backproject.Plan):
    """Where the voxels of a grid fall on parallel views of a helix."""

    parallel: ConeParallel

    def pieces(self, batch: int) -> Iterator[backproject.Piece]:
        """Go through blocks of slices, and in each through the angles of half a turn with all views at each."""
        v, (nz, ny, nx) = self.parallel, self.shape
        x, y, z = _places(self.grid)
        y, x = (a.flatten() for a in torch.meshgrid(y, x, indexing="ij"))
        samples = 3 * backproject.SAMPLES // (2 + batch)
        heights = v.start_z_mm + v.rise_mm * v.angles
        seen_mm = _height(v, float(torch.hypot(x, y).max()))
        often = min(v.views, 2 * seen_mm / max(abs(v.rise_mm), 1e-9)) / v.half + 1
        depth = min(nz, max(1, int(samples / (ny * nx * often))))
        x, y = x.float().to(self.device), y.float().to(self.device)
        for bottom in range(0, nz, depth):
            slices = slice(bottom, min(bottom + depth, nz))
            near = ((heights > z[slices][0] - seen_mm) & (heights < z[slices][-1] + seen_mm)).nonzero()[:, 0].tolist()
            for first in near[: v.half]:
                chosen = slice(first, near[-1] + 1, v.half)
                angles, level = (t.float().to(self.device) for t in (v.angles[chosen], z[slices]))
                p, rows = v.rows_at(angles, x, y, level)
                weight = _row_weights(rows, v.rows)
                weight /= weight.sum(dim=0).clamp_(min=LOWEST / 2)
                where = torch.empty((*rows.shape, 2), device=self.device)
                where[..., 0] = (((p - v.first_mm) / v.bin_mm * 2 + 1) / v.bins - 1)[:, None]
                where[..., 1] = rows.clamp_(-(v.rows - 1) / 2, (v.rows - 1) / 2).mul_(2 / v.rows)
                yield backproject.Piece(chosen, slices, where, weight)


def _row_weights(rows: Float[Tensor, "*place"], count: int) -> Float[Tensor, "*place"]:
    q = rows.abs().mul_(2 / count)
    beyond = q > 1
    weights = q.sub_(FULL).mul_(math.pi / 2 / (1 - FULL)).clamp_(0, math.pi / 2).cos_().square_().clamp_(min=LOWEST)
    return weights.masked_fill_(beyond, 0)


def _height(v: ConeParallel, radius_mm: float) -> float:
    """How far from the height that a view has on the axis it sees anything within a radius, mm."""
    across = math.asin(min(1.0, float(v.distances.abs().max()) / v.radius_mm))
    edge = abs(v.row_mm) * v.rows / 2 + abs(v.row_shift_mm)
    return edge * (v.radius_mm + radius_mm) / v.reach_mm + abs(v.rise_mm) * across


def _places(grid: Grid) -> list[Float[Tensor, " n"]]:
    """Return the places of the voxels along x, y and z, mm."""
    sizes = zip(grid.origin_mm, grid.shape[::-1], strict=True)
    return [o + grid.voxel_mm * (torch.arange(n, dtype=torch.float64) - (n - 1) / 2) for o, n in sizes]


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
    turns = 2 + math.ceil(_height(replace(v, rise_mm=rise_mm), radius_mm) / max(abs(rise_mm), 1e-9) / math.pi)
    turns = min(turns, 50)
    endless = replace(
        v, rise_mm=rise_mm, start_z_mm=0.0, half=90, first=-turns * math.pi, views=180 * turns, bins=v.bins
    )
    angle = torch.arange(64, dtype=torch.float64) * math.pi / 32
    return bool(_seen(endless, radius_mm * angle.cos(), radius_mm * angle.sin(), torch.zeros(1)).all())


def _require_cover(scan: Helical, views: ConeParallel, grid: Grid) -> Bool[Tensor, " z"]:
    """Return which slices are covered.

    Raises:
        InputError: None is, or the pitch is too large for any.
    """
    near, far = sorted((-float(views.distances[0]), float(views.distances[-1])))
    if near < _circle(grid) - grid.voxel_mm and far - near > LEAST * far:
        raise InputError(
            f"fbp: expected the detector of a helix to reach the edge of the grid, {_circle(grid):.4g} mm from the axis, "
            f"on both sides, got {near:.4g} and {far:.4g} mm; take a smaller grid, or reconstruct with sirt"
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
    z = _places(grid)[2]
    covered = _seen(views, x, y, z).all(dim=1)
    if not bool(covered.any()):
        heights = views.start_z_mm + views.rise_mm * views.angles[[0, -1]]
        raise InputError(
            f"fbp: expected a grid of which the helix sees a slice from half a turn, got slices from z = {float(z[0]):.4g}"
            f" to {float(z[-1]):.4g} mm and sources from {float(heights.min()):.4g} to {float(heights.max()):.4g} mm; "
            "move the grid, or take more views"
        )
    if not bool(covered.all()):
        inner = covered.nonzero()[:, 0]
        warnings.warn(
            f"fbp: the helix covers slices {int(inner[0])} to {int(inner[-1])} of 0 to {len(z) - 1}, z = "
            f"{float(z[inner[0]]):.4g} to {float(z[inner[-1]]):.4g} mm; the others are left at zero",
            stacklevel=4,
        )
    return covered
