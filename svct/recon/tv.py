"""Total variation by the primal-dual hybrid gradient method."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from svct.geometry.projector import Projector
from svct.recon.checks import check_nonnegative
from svct.recon.differences import adjoint_differences, differences
from svct.recon.rounds import repeat, set_up
from svct.recon.sirt import inverse_sums

BALANCE = 30.0
"""Dual over primal step, which leaves their product as it was: images in 1/mm are small beside their projections."""


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
    data, x, w, back = set_up(y, A, weights=weights, start=start)
    check_nonnegative("strength", strength)
    axes = len(A.domain_shape)
    rows, columns = inverse_sums(A, data.device)
    rows = BALANCE * rows
    keep = 1 / (1 + rows) if w is None else w / (w + rows).clamp(min=1e-30)
    # Each pixel also occurs in up to two differences along every axis, of size 1 each.
    tau = 1 / BALANCE / (torch.where(columns > 0, 1 / columns.clamp(min=1e-30), 0.0) + 2 * axes)
    ahead = x
    dual = torch.zeros_like(data)
    flow = torch.zeros((axes, *x.shape), device=x.device)

    def step(x: Tensor) -> Tensor:
        nonlocal ahead, dual, flow
        dual = keep * torch.addcmul(dual, rows, A(ahead) - data)
        if strength:
            flow = torch.add(flow, differences(ahead, axes), alpha=BALANCE / 2)
            flow = flow * (strength / flow.square().sum(dim=0).sqrt().clamp(min=strength))
        following: Tensor = x - tau * (A.T(dual) + adjoint_differences(flow))
        following = following.clamp(min=0) if nonnegative else following
        ahead = 2 * following - x
        return following

    return back(repeat(step, x, A, iterations=iterations, tolerance=tolerance, each=each))
