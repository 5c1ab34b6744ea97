"""What the iterative methods share: their input, and the loop with its stopping rule."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from svct.errors import InputError
from svct.geometry.arrays import as_tensor
from svct.geometry.projector import Projector
from svct.recon.checks import check_data, check_nonnegative

Back = Callable[[Tensor], Any]


def set_up(
    y: Any,
    A: Projector,
    *,
    weights: Any = None,
    start: Any = None,
    fill: float = 0.0,
) -> tuple[Tensor, Tensor, Tensor | None, Back]:
    """Check what an iterative method was given.

    Args:
        y: Log data, float32 ``(..., [rows,] views, bins)``.
        A: The projector of these views.
        weights: Statistical weight of each ray, such as its counts; any shape that broadcasts to that of `y`, or None.
        start: First image, ``(..., [nz,] ny, nx)``, 1/mm; it broadcasts to the batch of `y`. None: all `fill`.
        fill: See `start`.

    Returns:
        Data, first image, weights or None, and the function that turns the result into the kind of `y`.

    Raises:
        InputError: A wrong shape, NaN or infinity, or weights that are negative or all zero.
    """
    data, back = as_tensor(y, "y")
    check_data(data, A, volumes=True)
    shape = (*data.shape[: -len(A.range_shape)], *A.domain_shape)
    x = torch.full(shape, fill, device=data.device) if start is None else as_tensor(start, "start")[0].to(data.device)
    if x.shape != shape:
        try:
            x = x.expand(shape)
        except RuntimeError as error:
            raise InputError(f"start: expected an image of shape {shape}, got {tuple(x.shape)}") from error
    if not bool(x.isfinite().all()):
        raise InputError("start: expected finite attenuation, got NaN or infinity")
    return data, x, None if weights is None else _checked_weights(weights, data), back


def _checked_weights(weights: Any, data: Tensor) -> Tensor:
    w = as_tensor(weights, "weights")[0].to(data.device)
    try:
        w = w.expand(data.shape)
    except RuntimeError as error:
        raise InputError(
            f"weights: expected one weight per ray, of a shape that broadcasts to {tuple(data.shape)}, "
            f"got {tuple(w.shape)}; for one weight per view give (views, 1)"
        ) from error
    if not bool(w.isfinite().all()) or bool((w < 0).any()) or not bool((w > 0).any()):
        raise InputError("weights: expected finite weights of 0 or more, not all 0; got something else")
    return w


def repeat(
    step: Callable[[Tensor], Tensor],
    x: Tensor,
    A: Projector,
    *,
    iterations: int,
    tolerance: float,
    each: Callable[[int], Any] | None,
) -> Tensor:
    """Repeat a step that takes an image to the next.

    Args:
        step: The step; it leaves its argument as it is.
        x: First image.
        A: The projector, which tells the axes of one image from those of the batch.
        iterations: At most so many steps.
        tolerance: Stop after the first step that changed every image of the batch by at most this part of its norm;
            0 goes through all.
        each: Called with the number of each finished step.

    Raises:
        InputError: Fewer than one iteration, or a tolerance that is negative or not finite.
    """
    if iterations < 1:
        raise InputError(f"iterations: expected at least 1, got {iterations}")
    check_nonnegative("tolerance", tolerance)
    for i in range(iterations):
        following = step(x)
        settled = tolerance > 0 and _near(x, following, tolerance, A)
        x = following
        if each:
            each(i + 1)
        if settled:
            break
    return x


def _near(x: Tensor, following: Tensor, tolerance: float, A: Projector) -> bool:
    change = following - x
    return bool((dot(change, change, A).sqrt() <= tolerance * dot(following, following, A).sqrt()).all())


def dot(a: Tensor, b: Tensor, A: Projector) -> Tensor:
    """Return the inner product of each image of a batch, or of its projections, with the axes summed kept at length 1.

    Images and projections have as many axes, so that the result scales either.
    """
    return (a * b).sum(dim=tuple(range(-len(A.domain_shape), 0)), keepdim=True)


def ordered_subsets(A: Projector, subsets: int) -> list[tuple[Projector, list[int]]]:
    """Return the projector of each subset with its view indices, every so many-th view, spread out in their order.

    Raises:
        InputError: Fewer than one subset or more than views.

    Notes:
        Consecutive subsets start about a golden section of their number apart, so that each brings new directions.

    Example:
        >>> from svct.geometry import Grid, ParallelBeam
        >>> A = Projector(ParallelBeam([0.0, 0.8, 1.6, 2.4], bins=9), Grid(shape=(8, 8)))
        >>> [views for _, views in ordered_subsets(A, 2)]
        [[0, 2], [1, 3]]
    """
    views = A.range_shape[-2]
    if not 1 <= subsets <= views:
        raise InputError(f"subsets: expected 1 to {views}, the number of views, got {subsets}")
    if subsets == 1:
        return [(A, list(range(views)))]
    golden = (math.sqrt(5) - 1) / 2
    order = sorted(range(subsets), key=lambda i: (i * golden) % 1.0)
    return [(A[first::subsets], list(range(first, views, subsets))) for first in order]
