"""What the data of a view go through before back projection: weights of its rays, and the filter."""

import torch
from jaxtyping import Float
from torch import Tensor

from svct.recon.filters import filter_projections
from svct.recon.frames import Frames, mid_rays

CHUNK = 2**20
"""Numbers that are filtered together."""


def filter_views(
    y: Float[Tensor, "batch row view col"],
    frames: Frames,
    redundancy: Float[Tensor, "view col"],
    arcs: Float[Tensor, " view"],
    name: str,
) -> Float[Tensor, "batch row view col"]:
    """Weight and filter projections, ready for `svct.recon.backproject.backproject_pixels`.

    Args:
        y: Log data; of 2D scans with one row.
        frames: Where the detector of each view stands.
        redundancy: What part of a line's value each ray contributes.
        arcs: Radians that each view stands for.
        name: Of the filter.

    Returns:
        ``arc h * (w (-S . r)_xy / |r| y)``, see `svct.recon.fbp`. Rows go through the filter some at a time, since
        their spectrum takes several times their memory.
    """
    rows, bins = y.shape[1], y.shape[3]
    steps = frames.pitch / frames.reach if frames.curved else frames.pitch
    angle = float(steps.mean()) if frames.curved else 0.0
    after = (arcs / steps.float().to(y.device))[:, None]
    rays = mid_rays(frames, bins)
    inward = -(frames.source[:, None] * rays).sum(dim=-1).float().to(y.device) * redundancy
    squared = rays.square().sum(dim=-1).float().to(y.device)
    height = frames.row_mm * (torch.arange(rows) - (rows - 1) / 2)[:, None] + frames.centre_z - frames.source_z
    height = height.float().to(y.device)[..., None]
    together = max(1, CHUNK // (y.numel() // rows))
    done = []
    for first in range(0, rows, together):
        some = slice(first, first + together)
        before = inward / torch.sqrt(squared + height[some].square()) if frames.divergent else redundancy
        done.append(filter_projections(y[:, some] * before, 1.0, name=name, bin_angle=angle) * after)
    return torch.cat(done, dim=1) if len(done) > 1 else done[0]
