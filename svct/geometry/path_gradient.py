"""Derivatives of line integrals by the geometry."""

import torch
from torch import Tensor

import svct._kernels as kernels
from svct.geometry.backend import Rays
from svct.geometry.paths import ACROSS, detector_steps, in_voxels, trace_paths


def differentiate_vectors(x: Tensor, g: Tensor, rays: Rays) -> Tensor:
    """Return the derivative of <g, A x> by the vectors of A.

    Args:
        x: Images, float32 ``(batch, [nz,] ny, nx)``, on the CPU.
        g: Weights of the line integrals, float32 ``(batch, [rows,] views, bins)``.
        rays: The rays of A.

    Returns:
        float64 of the shape of ``rays.vectors``.

    Notes:
        A line integral is l sum_i f(c + s u_i), with u_i the planes across the ray's main axis. The kernel sums f,
        df/dc and u df/dc along each ray, where f is the interpolated image, whose slope is constant within a voxel. The
        chain rule takes them from c, s and l to a point and the direction of the ray, and on to the view's vectors.
    """
    volume = x.reshape(len(x), -1, *x.shape[-2:])
    parts = []
    step = max(1, 200_000 // g[0, ..., :1, :].numel())
    for first in range(0, len(rays.vectors), step):
        part = slice(first, first + step)
        by_bin, by_along = _by_rays(volume, g[..., part, :], rays.with_vectors(rays.vectors[part]))
        parts.append(_by_vectors(by_bin, by_along, rays.with_vectors(rays.vectors[part])))
    return torch.cat(parts)


def _by_rays(volume: Tensor, g: Tensor, rays: Rays) -> tuple[Tensor, Tensor]:
    """Return the derivatives by each ray's bin and direction, in voxels, ``([rows,] views, bins, 3)``."""
    paths = trace_paths(rays.vectors, rays)
    path = torch.stack(
        [paths.centre[:, 0], paths.slope[:, 0], paths.centre[:, 1], paths.slope[:, 1], paths.low, paths.high], dim=1
    )
    sums = volume.new_empty((len(path), 5))
    weights = g.reshape(len(g), -1).contiguous()
    kernels.derive_paths(volume, weights, paths.axis.to(torch.int8), path.float(), sums, torch.get_num_threads())
    total, by_first, by_first_slope, by_second, by_second_slope = sums.double().unbind(1)
    by_centre = torch.stack([by_first, by_second], dim=1) * paths.length[:, None]
    by_slope = torch.stack([by_first_slope, by_second_slope], dim=1) * paths.length[:, None]

    # centre = bin across + slope (middle - bin main), slope = along across / along main, length = voxel |(1, slope)|
    main, across = paths.axis[:, None], ACROSS[paths.axis]
    ahead = paths.along.gather(1, main)
    to_middle = paths.middle.gather(1, main) - paths.bins.gather(1, main)
    by_slope += by_centre * to_middle + total[:, None] * rays.voxel_mm**2 * paths.slope / paths.length[:, None]
    by_bin, by_along = torch.zeros_like(paths.bins), torch.zeros_like(paths.bins)
    by_bin.scatter_(1, across, by_centre)
    by_bin.scatter_(1, main, -(by_centre * paths.slope).sum(1, keepdim=True))
    by_along.scatter_(1, across, by_slope / ahead)
    by_along.scatter_(1, main, -(by_slope * paths.slope).sum(1, keepdim=True) / ahead)
    shape = (*g.shape[1:], 3)
    return by_bin.reshape(shape), by_along.reshape(shape)


def _by_vectors(by_bin: Tensor, by_along: Tensor, rays: Rays) -> Tensor:
    if rays.divergent:  # along = bin - source
        by_bin = by_bin + by_along
    if by_bin.ndim == 3:
        by_bin, by_along = by_bin[None], by_along[None]
    source, centre, step, *up = in_voxels(rays.vectors, rays)
    row_steps, bin_steps = detector_steps(rays.detector)
    by_origin = by_along.sum((0, 2)) * (-1 if rays.divergent else 1)
    by_centre = by_bin.sum((0, 2))
    by_up = torch.einsum("r,rvbi->vi", row_steps, by_bin)
    by_bin = by_bin.sum(0)
    if not rays.curved:
        by_step = torch.einsum("b,vbi->vi", bin_steps, by_bin)
    else:
        # bin = centre + outward (cos a - 1) + step sin a / bend, a = bend * bin step, bend = |step| / |outward|;
        # outward is centre - source without its part along the rows.
        to_centre = centre - source
        unit = up[0] / up[0].norm(dim=1, keepdim=True) if up else torch.zeros_like(step)
        outward = to_centre - _dot(to_centre, unit) * unit
        radius, pitch = outward.norm(dim=1, keepdim=True), step.norm(dim=1, keepdim=True)
        bend = pitch / radius
        angle = bend * bin_steps
        sine, cosine = angle.sin(), angle.cos()
        by_outward = torch.einsum("vb,vbi->vi", cosine - 1, by_bin)
        by_step = torch.einsum("vb,vbi->vi", sine / bend, by_bin)
        on_outward, on_step = (torch.einsum("vi,vbi->vb", t, by_bin) for t in (outward, step))
        change = -sine * bin_steps * on_outward + (cosine * angle - sine) / bend**2 * on_step
        by_bend = change.sum(1, keepdim=True)
        by_step += by_bend * step / (pitch * radius)
        by_outward -= by_bend * bend * outward / radius**2
        by_unit = -_dot(by_outward, unit) * to_centre - _dot(to_centre, unit) * by_outward
        if up:
            by_up += (by_unit - _dot(by_unit, unit) * unit) / up[0].norm(dim=1, keepdim=True)
        by_to_centre = by_outward - _dot(by_outward, unit) * unit
        by_centre = by_centre + by_to_centre
        by_origin = by_origin - by_to_centre
    parts = torch.stack([by_origin, by_centre, by_step, *([by_up] if up else [])], dim=1).flip(-1) / rays.voxel_mm
    if len(rays.shape) == 2:
        parts = parts[..., :2] * parts.new_tensor([1.0, -1.0])
    return parts.reshape(rays.vectors.shape)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(1, keepdim=True)
