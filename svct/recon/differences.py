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
        count = x.shape[i - axes] - 1
        flow = d[i].narrow(i - axes, 0, count)
        x.narrow(i - axes, 0, count).sub_(flow)
        x.narrow(i - axes, 1, count).add_(flow)
    return x
