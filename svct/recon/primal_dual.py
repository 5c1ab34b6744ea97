"""The primal-dual hybrid gradient method, for penalties that have no gradient."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from svct.geometry.projector import Projector
from svct.recon.differences import Field, add_adjoint_gradient_
from svct.recon.rounds import repeat, set_up
from svct.recon.sirt import inverse_sums

BALANCE = 30.0
"""Dual over primal step, which leaves their product as it was: images in 1/mm are small beside their projections."""


class Penalty(ABC):
    """A penalty max <grad x, flow> over some set of flows, which are kept from one iteration to the next.

    A penalty may minimise over unknowns of its own beside the image: it then keeps those too.
    """

    flow: Field

    @abstractmethod
    def begin(self, x: Tensor, axes: int) -> None:
        """Set the flow to 0 for images like `x`."""

    @abstractmethod
    def ascend(self, ahead: Tensor) -> None:
        """Take a step of the flow, towards the image `ahead`."""


def primal_dual(
    y: Any,
    A: Projector,
    *,
    penalty: Penalty,
    iterations: int,
    weights: Any,
    start: Any,
    nonnegative: bool,
    tolerance: float,
    each: Callable[[int], Any] | None,
) -> Any:
    """Minimise 1/2 sum w (A x - y)^2 + a penalty; arguments as those of `tv`."""
    data, x, w, back = set_up(y, A, weights=weights, start=start)
    axes = len(A.domain_shape)
    rows, columns = inverse_sums(A, data.device)
    rows = BALANCE * rows
    keep = 1 / (1 + rows) if w is None else w / (w + rows).clamp(min=1e-30)
    # Each pixel also occurs in up to two differences along every axis, of size 1 each.
    tau = 1 / BALANCE / (torch.where(columns > 0, 1 / columns.clamp(min=1e-30), 0.0) + 2 * axes)
    ahead = x
    dual = torch.zeros_like(data)
    penalty.begin(x, axes)

    def step(x: Tensor) -> Tensor:
        nonlocal ahead, dual
        dual = keep * torch.addcmul(dual, rows, A(ahead) - data)
        penalty.ascend(ahead)
        slope = A.T(dual)
        add_adjoint_gradient_(slope, penalty.flow)
        following = torch.addcmul(x, tau, slope, value=-1)
        following = following.clamp_(min=0) if nonnegative else following
        ahead = 2 * following - x
        return following

    return back(repeat(step, x, A, iterations=iterations, tolerance=tolerance, each=each))
