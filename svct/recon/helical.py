"""Filtered back projection of a helix."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from svct.geometry.grid import Grid
from svct.geometry.helical import Helical
from svct.recon import backproject
from svct.recon.helical_cover import require_cover, seen_height, voxel_places
from svct.recon.helical_rebin import rebin_views
from svct.recon.helical_views import ConeParallel, cone_parallel

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
        Attenuation, 1/mm; differentiable in `y`. Slices that the helix does not cover, see
        `svct.recon.helical_cover.covered_slices`, are zero, and a warning names the others. Outside the
        circle around the axis that fits into the grid, and where the detector is too narrow, voxels that some views do
        not see come out too low.

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
    covered = require_cover(scan, views, grid)
    q = rebin_views(y, scan, views, filter=filter)
    plan = _HelixPlan(grid, views.rows, views.views, views.bins, q.device, views)
    image = backproject.backproject_plan(q, plan)
    return image if bool(covered.all()) else image * covered.to(q.device)[:, None, None]


@dataclass(frozen=True)
class _HelixPlan(backproject.Plan):
    """Where the voxels of a grid fall on parallel views of a helix."""

    parallel: ConeParallel

    def pieces(self, batch: int) -> Iterator[backproject.Piece]:
        """Go through blocks of slices, and in each through the angles of half a turn with all views at each."""
        v, (nz, ny, nx) = self.parallel, self.shape
        x, y, z = voxel_places(self.grid)
        y, x = (a.flatten() for a in torch.meshgrid(y, x, indexing="ij"))
        samples = 3 * backproject.SAMPLES // (2 + batch)
        heights = v.start_z_mm + v.rise_mm * v.angles
        seen_mm = seen_height(v, float(torch.hypot(x, y).max()))
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
