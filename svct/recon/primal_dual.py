"""The primal-dual hybrid gradient method, for penalties that have no gradient."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from svct.geometry.projector import Projector
from svct.recon.rounds import repeat, set_up
from svct.recon.sirt import inverse_sums

BALANCE = 30.0
"""Dual over primal step, which leaves their product as it was: images in 1/mm are small beside their projections."""


class Penalty(ABC):
    """A penalty max <K x, flow> over some set of flows, which are kept from one iteration to the next.

    A penalty may minimise over unknowns of its own beside the image: it then keeps those too.
    """

    @abstractmethod
    def column_sum(self, axes: int) -> float:
        """Return the sum of the sizes of all coefficients that a pixel has in K."""

    @abstractmethod
    def begin(self, x: Tensor, axes: int) -> None:
        """Set the flows to 0 for images like `x`."""

    @abstractmethod
    def ascend(self, ahead: Tensor) -> None:
        """Take a step of the flows, towards the image `ahead`."""

    @abstractmethod
    def add_slope_(self, slope: Tensor) -> None:
        """Add K^T flow to `slope` in place."""


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
    sums = torch.where(columns > 0, 1 / columns.clamp(min=1e-30), 0.0) + penalty.column_sum(axes)
    tau = 1 / BALANCE / sums
    ahead = x
    dual = torch.zeros_like(data)
    penalty.begin(x, axes)

    def step(x: Tensor) -> Tensor:
        nonlocal ahead, dual
        dual = keep * torch.addcmul(dual, rows, A(ahead) - data)
        penalty.ascend(ahead)
        slope = A.T(dual)
        penalty.add_slope_(slope)
        following = torch.addcmul(x, tau, slope, value=-1)
        following = following.clamp_(min=0) if nonnegative else following
        ahead = 2 * following - x
        return following

    return back(repeat(step, x, A, iterations=iterations, tolerance=tolerance, each=each))
