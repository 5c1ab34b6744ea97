"""Scans of a patient that moves: views taken at another time see another patient."""

import math
from collections.abc import Sequence
from itertools import pairwise

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
        image: The patient at rest, 1/mm; air beyond its edge. Of a volume, every plane moves alike.
        grid: Its grid.
        motions: What moves; the first is the outermost.
        time_s: The time, s.

    Raises:
        InputError: The image is not on the grid.

    Notes:
        Bilinear between voxels, which smooths by up to half a voxel where a motion is not a whole number of them.
    """
    if tuple(image.shape[-len(grid.shape) :]) != grid.shape:
        raise InputError(f"image: expected one on a grid {grid.shape}, got {tuple(image.shape)}")
    (half_y, half_x), (ny, nx) = (extent / 2 for extent in grid.extent_mm[-2:]), grid.shape[-2:]
    up = 1 if len(grid.shape) == 3 else -1  # y grows with the index of a volume, and against that of an image
    x = (torch.arange(nx, dtype=torch.float64) + 0.5) * grid.voxel_mm - half_x + grid.origin_mm[0]
    y = up * ((torch.arange(ny, dtype=torch.float64) + 0.5) * grid.voxel_mm - half_y) + grid.origin_mm[1]
    points = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1)
    for motion in motions:
        points = motion.origin(points, time_s)
    source = torch.stack(
        [(points[..., 0] - grid.origin_mm[0]) / half_x, up * (points[..., 1] - grid.origin_mm[1]) / half_y], dim=-1
    )
    images = image.reshape(1, -1, ny, nx)
    return grid_sample(images, source[None].to(image), align_corners=False).reshape(image.shape)


def project_moving(
    A: Projector,
    image: Float[Tensor, "*image"],
    motions: Sequence[Motion],
    *,
    times_s: Sequence[float],
    step_s: float = 0.02,
) -> Float[Tensor, "*line"]:
    """Project a patient who moves while the views are taken; differentiable in the image.

    Args:
        A: The operator of all views.
        image: The patient at rest, 1/mm, float32.
        motions: What moves.
        times_s: When each view of `A` is taken, s; see `view_times`.
        step_s: Views within one step of this time see the same patient, s.

    Returns:
        Line integrals in the order of the views of `A`.

    Raises:
        InputError: Not one finite time per view, or a step that is not positive.
    """
    return project_all_moving([A], image, motions, times_s=times_s, step_s=step_s)[0]


def project_all_moving(
    operators: Sequence[Projector],
    image: Float[Tensor, "*image"],
    motions: Sequence[Motion],
    *,
    times_s: Sequence[float],
    step_s: float = 0.02,
) -> list[Float[Tensor, "..."]]:
    """Project a moving patient by several operators of the same views; see `project_moving`."""
    A = operators[0]
    views = A.range_shape[-2]
    if len(times_s) != views or not all(math.isfinite(t) for t in times_s):
        raise InputError(f"times_s: expected one finite time for each of {views} views, got {len(times_s)} times")
    if not (math.isfinite(step_s) and step_s > 0):
        raise InputError(f"step_s: expected a positive time, got {step_s!r}")
    moments: dict[int, list[int]] = {}
    for view, time in enumerate(times_s):
        moments.setdefault(round(time / step_s), []).append(view)
    found: list[list[Tensor]] = [[] for _ in operators]
    for step, seen in moments.items():
        moved = warp(image, A.grid, motions, time_s=step * step_s)
        for parts, operator in zip(found, operators, strict=True):
            parts.append(operator[seen](moved))
    order = torch.tensor([view for seen in moments.values() for view in seen], device=image.device).argsort()
    return [torch.cat(parts, dim=-2)[..., order, :] for parts in found]


def rotation_times(angles: Sequence[float], *, rotation_s: float) -> tuple[float, ...]:
    """Return when a gantry that turns all the time, the way angles grow, comes by each view.

    Args:
        angles: Of the views in the order of acquisition, radians; a view at the angle of the one before it waits for
            a whole turn.
        rotation_s: Time of a turn, s.

    Raises:
        InputError: The time is not positive.

    Example:
        >>> rotation_times([0.0, math.pi, math.pi / 2], rotation_s=2.0)
        (0.0, 1.0, 2.5)
    """
    if not (math.isfinite(rotation_s) and rotation_s > 0):
        raise InputError(f"rotation_s: expected a positive time, got {rotation_s!r}")
    slack = 1e-9  # rounding of equal angles is no turn of nearly nothing
    times = [0.0] if angles else []
    for before, angle in pairwise(angles):
        turn = (angle - before - slack) % (2 * math.pi) + slack
        times.append(times[-1] + turn / (2 * math.pi) * rotation_s)
    return tuple(times)


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
