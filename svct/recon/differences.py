"""Differences of neighbouring pixels: gradients of an image and of a vector field, their adjoints and norms."""

import math
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

Field = list[Tensor]
"""One tensor for each axis, or pair of axes, without the places at its end where a difference lacks a neighbour."""


def gradient(x: Float[Tensor, "..."], axes: int) -> Field:
    """Return the forward differences along each of the last `axes` axes, one shorter there.

    Example:
        >>> import torch
        >>> gradient(torch.tensor([[1.0, 3.0, 2.0]]), 2)
        [tensor([], size=(0, 3)), tensor([[ 2., -1.]])]
    """
    return [x.diff(dim=axis) for axis in range(-axes, 0)]


def symmetric_gradient(v: Field) -> Field:
    """Return the symmetrised derivative of a vector field, whose parts lie as those of a gradient.

    Returns:
        Its parts on the diagonal, along each axis, then those beside it, which occur twice in the matrix and are
        therefore scaled by the root of two: the sum of all squares is that of the matrix.

    Example:
        >>> import torch
        >>> x = torch.tensor([[0.0, 1.0, 4.0], [1.0, 3.0, 7.0]])  # i + j^2 + ij
        >>> rows, cols, mixed = symmetric_gradient(gradient(x, 2))
        >>> cols[0], (mixed / 2**0.5)[0]
        (tensor([2.]), tensor([1., 1.]))
    """
    axes = len(v)
    diagonal = [part.diff(dim=i - axes) for i, part in enumerate(v)]
    beside = [(v[i].diff(dim=j - axes) + v[j].diff(dim=i - axes)) * math.sqrt(0.5) for i, j in _pairs(axes)]
    return diagonal + beside


def add_adjoint_gradient_(x: Float[Tensor, "..."], v: Field, *, scale: float = 1.0) -> None:
    """Add `scale` times the adjoint of `gradient`, applied to `v`, to `x` in place."""
    for i, part in enumerate(v):
        _add_adjoint_(x, part, i - len(v), scale)


def add_adjoint_symmetric_(v: Field, e: Field) -> None:
    """Add the adjoint of `symmetric_gradient`, applied to `e`, to `v` in place."""
    axes = len(v)
    for i in range(axes):
        _add_adjoint_(v[i], e[i], i - axes, 1.0)
    for part, (i, j) in zip(e[axes:], _pairs(axes), strict=True):
        _add_adjoint_(v[i], part, j - axes, math.sqrt(0.5))
        _add_adjoint_(v[j], part, i - axes, math.sqrt(0.5))


def squared_norms(field: Field, shape: Sequence[int]) -> Float[Tensor, "..."]:
    """Return the sum of the squares of all parts at each place of an image of `shape`; a part that ends before is 0."""
    total = field[0].new_zeros(shape)
    for part in field:
        _corner(total, part).addcmul_(part, part)
    return total


def clip_norms(field: Field, shape: Sequence[int], most: float) -> Field:
    """Return the field, shortened where its norm over all parts at one place is more than `most`."""
    scale = most / squared_norms(field, shape).sqrt().clamp(min=max(most, 1e-30))
    return [part * _corner(scale, part) for part in field]


def _add_adjoint_(x: Tensor, d: Tensor, axis: int, scale: float) -> None:
    count = d.shape[axis]
    if count:
        x.narrow(axis, 0, count).sub_(d, alpha=scale)
        x.narrow(axis, 1, count).add_(d, alpha=scale)


def _corner(x: Tensor, part: Tensor) -> Tensor:
    return x[tuple(slice(count) for count in part.shape)]


def _pairs(axes: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(axes) for j in range(i + 1, axes)]
