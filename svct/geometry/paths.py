"""The paths of rays through a grid, differentiable in the geometry."""

from dataclasses import dataclass

import torch
from torch import Tensor

from svct.geometry.backend import Rays

ACROSS = torch.tensor([[1, 2], [0, 2], [0, 1]])
"""The two axes across each main axis; axes count z, y, x."""


@dataclass(frozen=True)
class Paths:
    """How rays cross the planes of their main axes, in voxels.

    Along its main axis a ray meets plane i at the positions ``centre + slope * (i - middle)`` on the two other axes,
    taken in the order z, y, x. An image counts as one slice z, its rows as y.

    Args:
        axis: Main axis of each ray, 0 for z, 1 for y, 2 for x, ``(rays,)``.
        centre: float64 ``(rays, 2)``.
        slope: float64 ``(rays, 2)``.
        length: From one plane to the next along the ray, float64 ``(rays,)``, mm.
        low: First plane in front of the source, ``(rays,)``.
        high: The plane behind the last one in front of the source, ``(rays,)``.
    """

    axis: Tensor
    centre: Tensor
    slope: Tensor
    length: Tensor
    low: Tensor
    high: Tensor


def trace_paths(vectors: Tensor, rays: Rays) -> Paths:
    """Work out the paths of all rays of some views.

    Args:
        vectors: As `Scan.vectors`, float64 ``(views, 6)`` or ``(views, 12)``, mm.
        rays: What does not change from view to view; its own `vectors` are not looked at.

    Returns:
        The paths in the order of the projections, differentiable in `vectors`.
    """
    size = torch.tensor(_size(rays))
    bins, along = rays_in_voxels(vectors, rays)
    z, y, x = along.abs().unbind(-1)
    axis = torch.where((y >= x) & (y >= z), 1, torch.where(x >= z, 2, 0))
    across = ACROSS[axis]
    main = along.gather(-1, axis[:, None])
    slope = along.gather(-1, across) / main
    middle = ((size - 1) / 2.0)[axis, None]
    centre = bins.gather(-1, across) + slope * (middle - bins.gather(-1, axis[:, None]))
    length = rays.voxel_mm * torch.sqrt(1 + slope.square().sum(-1))
    count = size[axis]
    low, high = torch.zeros_like(count), count
    if rays.divergent:
        at = (bins - along).detach().gather(-1, axis[:, None])[:, 0]
        ahead = main.detach()[:, 0] > 0
        low = torch.where(ahead, torch.floor(at + 1e-6) + 1, 0).clamp(min=0).minimum(count)
        high = torch.where(ahead, count, torch.ceil(at - 1e-6)).clamp(min=0).minimum(count)
    return Paths(axis, centre, slope, length, low.long(), high.long())


def _size(rays: Rays) -> tuple[int, ...]:
    return (1,) * (3 - len(rays.shape)) + rays.shape


def _in_voxels(vectors: Tensor, rays: Rays) -> list[Tensor]:
    """Return origin (or direction), detector centre, bin step and row step ``(views, 3)``, in voxels, as z, y, x."""
    ndim = len(rays.shape)
    parts = vectors.reshape(len(vectors), -1, ndim) / rays.voxel_mm
    # The first vector is a point where there is a source, the second always.
    is_point = torch.tensor([rays.divergent, True] + [False] * (parts.shape[1] - 2), dtype=torch.float64)[:, None]
    parts = parts - is_point * torch.tensor(rays.origin_mm, dtype=torch.float64) / rays.voxel_mm
    if ndim == 2:  # row 0 of an image lies at the largest y
        parts = torch.nn.functional.pad(parts * torch.tensor([1.0, -1.0], dtype=torch.float64), (0, 1))
    middle = torch.tensor([(n - 1) / 2 for n in _size(rays)], dtype=torch.float64)
    return list((parts.flip(-1) + is_point * middle).unbind(1))


def _detector_steps(detector: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Return how many steps each row and each bin lie from the detector's middle, float64 ``(rows,)``, ``(bins,)``."""
    rows, bins = (torch.arange(n, dtype=torch.float64) - (n - 1) / 2 for n in (1, *detector)[-2:])
    return rows, bins


def rays_in_voxels(vectors: Tensor, rays: Rays) -> tuple[Tensor, Tensor]:
    """Return the detector bin of each ray and its direction, from the source where there is one.

    Args:
        vectors: As for `trace_paths`.
        rays: As for `trace_paths`.

    Returns:
        Two float64 tensors ``(rays, 3)`` in voxels, z, y, x; voxel (0, 0, 0) is at the origin.
    """
    origin, centre, step, *up = _in_voxels(vectors, rays)
    row_steps, bin_steps = _detector_steps(rays.detector)
    if rays.curved:
        outward = centre - origin
        if up:
            unit = up[0] / up[0].norm(dim=-1, keepdim=True)
            outward = outward - (outward * unit).sum(-1, keepdim=True) * unit
        bend = (step.norm(dim=-1) / outward.norm(dim=-1))[:, None, None]
        angle = bend * bin_steps[:, None]
        move = outward[:, None] * (angle.cos() - 1) + step[:, None] * (angle.sin() / bend)
    else:
        move = step[:, None] * bin_steps[:, None]
    bins = centre[:, None] + move
    if up:
        bins = bins + up[0][:, None] * row_steps[:, None, None, None]
    along = bins - origin[:, None] if rays.divergent else origin[:, None].expand_as(bins)
    return bins.reshape(-1, 3), along.reshape(-1, 3)
