"""Scans of a patient that moves: views taken at another time see another patient."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import grid_sample

from svct.errors import InputError
from svct.geometry import Grid, Projector
from svct.physics.motion import Motion


def warp(
    image: Float[Tensor, "*batch y x"], grid: Grid, motions: Sequence[Motion], *, time_s: float
) -> Float[Tensor, "*batch y x"]:
    """Return the patient at a time; differentiable in the image.

    Args:
        image: The patient at rest, 1/mm; air beyond its edge.
        grid: Its grid, 2D.
        motions: What moves; the first is the outermost.
        time_s: The time, s.

    Raises:
        InputError: The grid is not 2D, or the image is not on it.

    Notes:
        Bilinear between voxels, which smooths by up to half a voxel where a motion is not a whole number of them.
    """
    if len(grid.shape) != 2 or tuple(image.shape[-2:]) != grid.shape:
        raise InputError(f"image: expected (..., y, x) on a 2D grid {grid.shape}, got {tuple(image.shape)}")
    half_x, half_y = grid.extent_mm[1] / 2, grid.extent_mm[0] / 2
    x = (torch.arange(grid.shape[1], dtype=torch.float64) + 0.5) * grid.voxel_mm - half_x + grid.origin_mm[0]
    y = half_y - (torch.arange(grid.shape[0], dtype=torch.float64) + 0.5) * grid.voxel_mm + grid.origin_mm[1]
    points = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1)
    for motion in motions:
        points = motion.origin(points, time_s)
    source = torch.stack(
        [(points[..., 0] - grid.origin_mm[0]) / half_x, (grid.origin_mm[1] - points[..., 1]) / half_y], dim=-1
    )
    images = image.reshape(1, -1, *grid.shape)
    return grid_sample(images, source[None].to(image), align_corners=False).reshape(image.shape)


def project_moving(
    A: Projector,
    image: Float[Tensor, "*batch y x"],
    motions: Sequence[Motion],
    *,
    times_s: Sequence[float],
    step_s: float = 0.02,
) -> Float[Tensor, "*batch view bin"]:
    """Project a patient who moves while the views are taken; differentiable in the image.

    Args:
        A: The operator of all views, on a 2D grid.
        image: The patient at rest, 1/mm, float32.
        motions: What moves.
        times_s: When each view of `A` is taken, s; see `view_times`.
        step_s: Views within one step of this time see the same patient, s.

    Returns:
        Line integrals in the order of the views of `A`.

    Raises:
        InputError: Not one finite time per view, or a step that is not positive.
    """
    views = A.range_shape[-2]
    if len(times_s) != views or not all(math.isfinite(t) for t in times_s):
        raise InputError(f"times_s: expected one finite time for each of {views} views, got {len(times_s)} times")
    if not (math.isfinite(step_s) and step_s > 0):
        raise InputError(f"step_s: expected a positive time, got {step_s!r}")
    moments: dict[int, list[int]] = {}
    for view, time in enumerate(times_s):
        moments.setdefault(round(time / step_s), []).append(view)
    parts = [A[seen](warp(image, A.grid, motions, time_s=step * step_s)) for step, seen in moments.items()]
    order = torch.tensor([view for seen in moments.values() for view in seen], device=image.device)
    return torch.cat(parts, dim=-2)[..., order.argsort(), :]


def view_times(order: Sequence[int], *, interval_s: float) -> tuple[float, ...]:
    """Return when each view is taken, from the order of acquisition.

    Args:
        order: View indices in the order in which they are taken, each once.
        interval_s: Time between two of them, s.

    Raises:
        InputError: A view is missing or comes twice.

    Example:
        >>> view_times([2, 0, 1], interval_s=0.5)
        (0.5, 1.0, 0.0)
    """
    if sorted(order) != list(range(len(order))):
        raise InputError(f"order: expected each view from 0 to {len(order) - 1} once, got {list(order)}")
    times = [0.0] * len(order)
    for position, view in enumerate(order):
        times[view] = position * interval_s
    return tuple(times)
