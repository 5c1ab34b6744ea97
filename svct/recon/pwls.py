"""Penalised weighted least squares, accelerated, with ordered subsets."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from svct.geometry.projector import Projector
from svct.recon.checks import check_nonnegative
from svct.recon.differences import add_adjoint_gradient_, gradient
from svct.recon.priors import Huber, Prior
from svct.recon.rounds import dot, ordered_subsets, repeat, set_up


def pwls(
    y: Any,
    A: Projector,
    *,
    prior: Prior | None = None,
    strength: float = 1000.0,
    subsets: int = 1,
    iterations: int = 100,
    weights: Any = None,
    start: Any = None,
    nonnegative: bool = True,
    tolerance: float = 0.0,
    each: Callable[[int], Any] | None = None,
) -> Any:
    """Reconstruct by penalised weighted least squares.

    Args:
        y: Log data, float32 ``(..., [rows,] views, bins)``; torch, NumPy or CuPy.
        A: The projector of these views.
        prior: Penalty on the differences of neighbours: `Quadratic`, `Huber` or `QGGMRF`. Default: ``Huber()``.
        strength: Its weight, mm^2; the default suits a body with the default penalty.
        subsets: Into how many interleaved sets the views are parted: more are faster at first, and settle beside the
            minimum; 1 converges to it.
        iterations: Passes through all views.
        weights: Statistical weight of each ray, the inverse variance of the log data, such as `count_weights` gives; a
            shape that broadcasts to that of `y`. Default: 1.
        start: First image, ``(..., [nz,] ny, nx)``, 1/mm, such as the FBP. Default: 0.
        nonnegative: Keep the image at 0 or above.
        tolerance: Stop once an iteration changes the image by less than this part of its norm. Default: never.
        each: Called with the number of each finished iteration, for a progress bar.

    Returns:
        Attenuation ``(..., [nz,] ny, nx)``, 1/mm, of the same kind as `y`.

    Raises:
        InputError: Wrong shape, NaN or infinity, a negative weight or strength, subsets out of range, or fewer than one
            iteration.

    Example:
        >>> from svct.geometry import Grid, ParallelBeam
        >>> A = Projector(ParallelBeam(torch.arange(60) * torch.pi / 60, bins=32), Grid(shape=(32, 32)))
        >>> x = torch.zeros(32, 32)
        >>> x[10:22, 10:22] = 0.02
        >>> round(float(pwls(A(x), A, strength=0.1)[16, 16]), 3)
        0.02

    Notes:
        Minimises 1/2 sum w (A x - y)^2 + strength sum psi(x_j - x_k) over all pairs of neighbours along an axis, by
        separable quadratic surrogates with Nesterov's momentum (Kim, Ramani and Fessler 2015, IEEE Trans. Med. Imaging
        34:167), which starts anew wherever it points uphill (O'Donoghue and Candes 2015, Found. Comput. Math. 15:715).
    """
    data, x, w, back = set_up(y, A, weights=weights, start=start)
    check_nonnegative("strength", strength)
    psi = Huber() if prior is None else prior
    axes = len(A.domain_shape)
    parts = [
        (some, data[..., views, :], None if w is None else w[..., views, :])
        for some, views in ordered_subsets(A, subsets)
    ]
    lengths = A(torch.ones(A.domain_shape, device=data.device))
    bound = A.T(lengths if w is None else w * lengths)
    bound = bound + 4 * axes * strength * psi.curvature
    inverse = torch.where(bound > 0, 1 / bound.clamp(min=1e-30), 0.0)
    ahead, momentum = x, torch.ones((), device=data.device)

    def step(x: Tensor) -> Tensor:
        nonlocal ahead, momentum
        for some, seen, rays in parts:
            residual = some(ahead) - seen
            slope = some.T(residual if rays is None else rays * residual)
            push = [psi.slope(d) for d in gradient(ahead, axes)]
            add_adjoint_gradient_(slope, push, scale=strength / len(parts))
            following = torch.addcmul(ahead, inverse, slope, value=-len(parts))
            following = following.clamp_(min=0) if nonnegative else following
            moved = following - x
            uphill = dot(ahead - following, moved, A) > 0
            grown = torch.where(uphill, 1.0, (1 + torch.sqrt(1 + 4 * momentum.square())) / 2)
            ahead = torch.addcmul(following, torch.where(uphill, 0.0, (momentum - 1) / grown), moved)
            momentum, x = grown, following
        return x

    return back(repeat(step, x, A, iterations=iterations, tolerance=tolerance, each=each))
