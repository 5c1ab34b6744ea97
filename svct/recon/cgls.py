"""Weighted, damped least squares by conjugate gradients."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from svct.geometry.projector import Projector
from svct.recon.checks import check_nonnegative
from svct.recon.rounds import dot, repeat, set_up


def cgls(
    y: Any,
    A: Projector,
    *,
    damping: float = 0.0,
    iterations: int = 20,
    weights: Any = None,
    start: Any = None,
    tolerance: float = 0.0,
    each: Callable[[int], Any] | None = None,
) -> Any:
    """Reconstruct by CGLS; few iterations regularise, many give the least-squares solution.

    Args:
        y: Log data, float32 ``(..., [rows,] views, bins)``; torch, NumPy or CuPy.
        A: The projector of these views.
        damping: Weight of the penalty on the image's norm, mm.
        iterations: Number of iterations.
        weights: Statistical weight of each ray; a shape that broadcasts to that of `y`. Default: 1.
        start: First image, ``(..., [nz,] ny, nx)``, 1/mm. Default: 0.
        tolerance: Stop once an iteration changes the image by less than this part of its norm. Default: never.
        each: Called with the number of each finished iteration, for a progress bar.

    Returns:
        Attenuation ``(..., [nz,] ny, nx)``, 1/mm, of the same kind as `y`; it may be negative.

    Raises:
        InputError: Wrong shape, NaN or infinity, weights or damping below 0, or fewer than one iteration.

    Example:
        >>> import torch
        >>> from svct.geometry import Grid, ParallelBeam
        >>> A = Projector(ParallelBeam(torch.arange(60) * torch.pi / 60, bins=32), Grid(shape=(32, 32)))
        >>> x = torch.zeros(32, 32)
        >>> x[10:22, 10:22] = 0.02
        >>> round(float(cgls(A(x), A)[16, 16]), 2)
        0.02

    Notes:
        Minimises sum w (A x - y)^2 + damping^2 |x|^2, each image of a batch with step lengths of its own (Hestenes and
        Stiefel 1952; Bjorck 1996, Numerical Methods for Least Squares Problems, section 7.4). In exact arithmetic
        LSQR takes the same steps; SciPy's `lsqr` runs on the operator that `svct.geometry.wrap` gives.
    """
    data, x, w, back = set_up(y, A, weights=weights, start=start)
    check_nonnegative("damping", damping)

    def weighted(residual: Tensor) -> Tensor:
        return residual if w is None else w * residual

    residual = data - A(x)
    normal = A.T(weighted(residual)) - damping**2 * x
    direction = normal

    def step(x: Tensor) -> Tensor:
        nonlocal residual, normal, direction
        seen = A(direction)
        bend = dot(seen, weighted(seen), A) + damping**2 * dot(direction, direction, A)
        length = dot(normal, direction, A) / bend.clamp(min=1e-30)
        x = x + length * direction
        residual = residual - length * seen
        following = A.T(weighted(residual)) - damping**2 * x
        # Polak and Ribiere's form, never below 0, starts anew where rounding has spoilt the conjugacy.
        turn = dot(following, following - normal, A) / dot(normal, normal, A).clamp(min=1e-30)
        direction = following + turn.clamp(min=0) * direction
        normal = following
        return x

    return back(repeat(step, x, A, iterations=iterations, tolerance=tolerance, each=each))
