"""Parallel views out of those of a helix."""

import math

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from svct.geometry.helical import Helical
from svct.recon.filters import filter_projections
from svct.recon.frames import helix_frame
from svct.recon.helical_views import ConeParallel
from svct.recon.short_scan import fan_angles

CHUNK = 2**20
"""Numbers that are worked on together."""


def rebin_views(
    y: Float[Tensor, "batch row view col"], scan: Helical, views: ConeParallel, *, filter: str
) -> Float[Tensor, "batch row parallel distance"]:
    """Resample the views of a helix to parallel ones, weight them by the cosine of their cone angle and filter them.

    Args:
        y: Log data of the scan.
        scan: The helix.
        views: What `cone_parallel` gave for it.
        filter: Name of the ramp filter.

    Returns:
        Filtered projections ``(batch, rows, views, bins)``, 1/mm, times the radians that each view stands for.

    Notes:
        Cubic Hermite interpolation, first between views for every ray angle, then between ray angles.
    """
    angles, group = (torch.from_numpy(a) for a in np.unique(scan.angles, return_inverse=True))
    counts = group.bincount()
    fan = fan_angles(helix_frame(scan), y.shape[3])[0]
    fan, order = fan.sort()
    taps, shares = hermite_taps(angles, views.angles[:, None] + fan)
    sideways, parts = hermite_taps(views.radius_mm * fan.sin(), views.distances)
    mixture = torch.zeros(len(fan), views.bins, dtype=torch.float64).scatter_add_(0, sideways.T, parts.T)
    taps, shares, mixture = taps.to(y.device), shares.float().to(y.device), mixture.float().to(y.device)
    height = views.row_mm * (torch.arange(views.rows, dtype=torch.float64) - (views.rows - 1) / 2) + views.row_shift_mm
    g = torch.asin(views.distances / views.radius_mm)
    away = views.reach_mm / (g - views.turn).cos() if views.flat else torch.full_like(g, views.reach_mm)
    cosine = (math.pi / views.half * away / torch.hypot(away, height[:, None])).float().to(y.device)
    columns = torch.arange(len(fan), device=y.device)
    together = max(1, CHUNK // (len(y) * max(y[0, 0].numel(), views.views * views.bins)))
    done = []
    for bottom in range(0, views.rows, together):
        some = slice(bottom, bottom + together)
        data = y[:, some][..., order.to(y.device)]
        if len(counts) < len(scan):
            mean = data.new_zeros((*data.shape[:2], len(counts), data.shape[3])).index_add(2, group.to(y.device), data)
            data = mean / counts.to(y.device)[:, None]
        else:
            data = data[:, :, torch.argsort(group).to(y.device)]
        parallel = sum((data[:, :, taps[..., k], columns] * shares[..., k] for k in range(4)), start=data.new_zeros(()))
        done.append(filter_projections(parallel @ mixture * cosine[some, None], views.bin_mm, name=filter))
    return torch.cat(done, dim=1)


def hermite_taps(
    nodes: Float[Tensor, " node"], at: Float[Tensor, "*place"]
) -> tuple[Int64[Tensor, "*place 4"], Float[Tensor, "*place 4"]]:
    """Return which samples a cubic Hermite spline through uneven nodes takes at some places, and how much of each.

    Args:
        nodes: Where the samples lie, ascending, two or more.
        at: Where the spline is asked for; beyond the ends it keeps the last value.

    Notes:
        The slope at a node is that between its neighbours; at even steps this is Keys's kernel with a = -1/2 (Keys
        1981, IEEE Trans. Acoust. Speech Signal Process. 29:1153).
    """
    last = len(nodes) - 1
    left = (torch.searchsorted(nodes, at, right=True) - 1).clamp(0, last - 1)
    index = torch.stack([(left - 1).clamp(min=0), left, left + 1, (left + 2).clamp(max=last)], dim=-1)
    before, here, there, after = nodes[index].unbind(dim=-1)
    step = there - here
    s = ((at - here) / step).clamp(0, 1)
    rise, fall = step * s * (1 - s) ** 2 / (there - before), step * s**2 * (s - 1) / (after - here)
    value = s**2 * (3 - 2 * s)
    return index, torch.stack([-rise, 1 - value - fall, value + rise, fall], dim=-1)
