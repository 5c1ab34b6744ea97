"""Differences of neighbouring pixels along every axis, and their adjoint."""

import torch
from jaxtyping import Float
from torch import Tensor


def differences(x: Float[Tensor, "..."], axes: int) -> Float[Tensor, "axis ..."]:
    """Return the forward differences along each of the last `axes` axes, 0 at the end of an axis.

    Example:
        >>> differences(torch.tensor([1.0, 3.0, 2.0]), 1)
        tensor([[ 2., -1.,  0.]])
    """
    d = torch.zeros((axes, *x.shape), device=x.device, dtype=x.dtype)
    for i in range(axes):
        d[i].narrow(i - axes, 0, x.shape[i - axes] - 1).copy_(x.diff(dim=i - axes))
    return d


def adjoint_differences(d: Float[Tensor, "axis ..."]) -> Float[Tensor, "..."]:
    """Return the adjoint of `differences`: what each pixel gains from the pairs that it belongs to."""
    x = torch.zeros_like(d[0])
    axes = len(d)
    for i in range(axes):
        add_adjoint_(x, d[i].narrow(i - axes, 0, x.shape[i - axes] - 1), i - axes)
    return x


def add_adjoint_(x: Float[Tensor, "..."], d: Float[Tensor, "..."], axis: int, *, scale: float = 1.0) -> None:
    """Add `scale` times the adjoint of ``x.diff(dim=axis)``, applied to `d`, to `x` in place."""
    count = d.shape[axis]
    x.narrow(axis, 0, count).sub_(d, alpha=scale)
    x.narrow(axis, 1, count).add_(d, alpha=scale)
