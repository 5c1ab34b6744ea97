"""Joseph's method in a few lines of torch, slow and plain: what the kernels are compared with."""

import torch
from torch import Tensor

from svct.geometry.grid import Grid
from svct.geometry.paths import ACROSS, trace_paths
from svct.geometry.projector import Projector
from svct.geometry.scan import Scan


def project_reference(x: Tensor, scan: Scan, grid: Grid, *, vectors: Tensor | None = None) -> Tensor:
    """Project one image or volume in its own precision.

    Args:
        x: Attenuation ``(ny, nx)`` or ``(nz, ny, nx)``, 1/mm; float64 for an accurate reference.
        scan: The scan geometry.
        grid: The grid of `x`.
        vectors: Other vectors than the scan's own, as from `Scan.vectors_at`.

    Returns:
        Line integrals ``(views, bins)`` or ``(rows, views, bins)``; differentiable in `x` and `vectors`.

    Notes:
        A ray meets each plane of voxels across its main axis at one point; the volume is interpolated there, linearly
        in an image and bilinearly in a volume, and the sum over planes is multiplied by the ray's length between two
        of them (Joseph 1982, IEEE Trans. Med. Imaging 1:192). Outside of the volume, and behind the source, there is
        nothing.
    """
    rays = Projector(scan, grid, "native").rays
    paths = trace_paths(rays.vectors if vectors is None else vectors, rays)
    volume = torch.nn.functional.pad(x.reshape(-1, *x.shape[-2:]), (1, 2) * 3)
    y = torch.zeros(len(paths.axis), dtype=x.dtype)
    for axis, size in enumerate(s - 3 for s in volume.shape):
        plane = torch.arange(size, dtype=x.dtype)
        position = paths.centre[..., None] + paths.slope[..., None] * (plane - (size - 1) / 2)
        first, second = (volume.shape[a] - 3 for a in ACROSS[axis])
        planes = volume.movedim(axis, 0)[1 : size + 1]
        value = _interpolate(planes, position[:, 0].clamp(-1, first), position[:, 1].clamp(-1, second))
        seen = (plane >= paths.low[:, None]) & (plane < paths.high[:, None])
        y = torch.where(paths.axis == axis, (value * seen).sum(-1), y)
    return (y * paths.length).reshape(*scan.detector_shape[:-1], -1, scan.detector_shape[-1])


def _interpolate(planes: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Take from plane i at ``(first[:, i], second[:, i])``; positions count from within a border of one voxel."""
    i, j = first.detach().floor(), second.detach().floor()
    a, b = first - i, second - j
    i, j = i.long() + 1, j.long() + 1
    k = torch.arange(len(planes))
    near = torch.lerp(planes[k, i, j], planes[k, i, j + 1], b.to(planes.dtype))
    far = torch.lerp(planes[k, i + 1, j], planes[k, i + 1, j + 1], b.to(planes.dtype))
    return torch.lerp(near, far, a.to(planes.dtype))
