"""Total variation by the primal-dual hybrid gradient method."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from svct.geometry.projector import Projector
from svct.recon.checks import check_nonnegative
from svct.recon.differences import clip_norms, gradient
from svct.recon.primal_dual import BALANCE, Penalty, primal_dual


def tv(
    y: Any,
    A: Projector,
    *,
    strength: float = 0.15,
    iterations: int = 200,
    weights: Any = None,
    start: Any = None,
    nonnegative: bool = True,
    tolerance: float = 0.0,
    each: Callable[[int], Any] | None = None,
) -> Any:
    """Reconstruct with a total-variation penalty.

    Args:
        y: Log data, float32 ``(..., [rows,] views, bins)``; torch, NumPy or CuPy.
        A: The projector of these views.
        strength: Weight of the penalty (see Notes), mm: larger is smoother.
        iterations: Number of iterations.
        weights: Statistical weight of each ray, such as `count_weights` gives; a shape that broadcasts to that of `y`.
            Default: 1.
        start: First image, ``(..., [nz,] ny, nx)``, 1/mm. Default: 0.
        nonnegative: Keep the image at 0 or above.
        tolerance: Stop once an iteration changes the image by less than this part of its norm. Default: never.
        each: Called with the number of each finished iteration, for a progress bar.

    Returns:
        Attenuation ``(..., [nz,] ny, nx)``, 1/mm, of the same kind as `y`.

    Raises:
        InputError: Wrong shape, NaN or infinity, a negative weight or strength, or fewer than one iteration.

    Example:
        >>> from svct.geometry import Grid, ParallelBeam
        >>> A = Projector(ParallelBeam(torch.arange(60) * torch.pi / 60, bins=32), Grid(shape=(32, 32)))
        >>> x = torch.zeros(32, 32)
        >>> x[10:22, 10:22] = 0.02
        >>> round(float(tv(A(x), A, strength=0.01, iterations=50)[16, 16]), 2)
        0.02

    Notes:
        Minimises 1/2 sum w (A x - y)^2 + strength sum |grad x|, the gradient in 1/mm per pixel, with isotropic
        forward differences (Sidky, Jorgensen and Pan 2012, Phys. Med. Biol. 57:3065), by PDHG with the diagonal
        steps of Pock and Chambolle 2011, ICCV, section 2 (alpha = 1).
    """
    check_nonnegative("strength", strength)
    return primal_dual(
        y,
        A,
        penalty=Variation(strength),
        iterations=iterations,
        weights=weights,
        start=start,
        nonnegative=nonnegative,
        tolerance=tolerance,
        each=each,
    )


class Variation(Penalty):
    """The total variation, strength sum |grad x|."""

    def __init__(self, strength: float) -> None:
        self.strength = strength

    def begin(self, x: Tensor, axes: int) -> None:
        """Set the flow to 0."""
        self.flow = [torch.zeros_like(d) for d in gradient(x, axes)]

    def ascend(self, ahead: Tensor) -> None:
        """Follow the gradient, and keep to norms of at most the strength."""
        towards = gradient(ahead, len(self.flow))
        flow = [torch.add(f, d, alpha=BALANCE / 2) for f, d in zip(self.flow, towards, strict=True)]
        self.flow = clip_norms(flow, ahead.shape, self.strength)
