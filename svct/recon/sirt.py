"""SIRT and SART, the simultaneous algebraic reconstruction techniques, with ordered subsets."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError
from svct.geometry.projector import Projector
from svct.recon.rounds import ordered_subsets, repeat, set_up


def sirt(
    y: Any,
    A: Projector,
    *,
    iterations: int = 200,
    weights: Any = None,
    start: Any = None,
    nonnegative: bool = True,
    tolerance: float = 0.0,
    each: Callable[[int], Any] | None = None,
) -> Any:
    """Reconstruct by SIRT.

    Args:
        y: Log data, float32 ``(..., [rows,] views, bins)``; torch, NumPy or CuPy.
        A: The projector of these views.
        iterations: Number of iterations.
        weights: Statistical weight of each ray, on any scale; a shape that broadcasts to that of `y`. Default: equal.
        start: First image, ``(..., [nz,] ny, nx)``, 1/mm. Default: 0.
        nonnegative: Clip the image at 0 after every iteration.
        tolerance: Stop once an iteration changes the image by less than this part of its norm. Default: never.
        each: Called with the number of each finished iteration, for a progress bar.

    Returns:
        Attenuation ``(..., [nz,] ny, nx)``, 1/mm, of the same kind as `y`.

    Raises:
        InputError: Wrong shape, NaN or infinity, weights below 0, or fewer than one iteration.

    Example:
        >>> from svct.geometry import Grid, ParallelBeam
        >>> A = Projector(ParallelBeam(torch.arange(60) * torch.pi / 60, bins=32), Grid(shape=(32, 32)))
        >>> x = torch.zeros(32, 32)
        >>> x[10:22, 10:22] = 0.02
        >>> round(float(sirt(A(x), A, iterations=50)[16, 16]), 2)
        0.02

    Notes:
        x <- x + C A^T W R (y - A x) from the first image, with W the weights, R the inverse row sums of A and C the
        inverse column sums of W A (Gregor and Benson 2008, IEEE Trans. Med. Imaging 27:918). It tends to the minimum
        of the squared residual weighted by W R.
    """
    return sart(
        y,
        A,
        subsets=1,
        iterations=iterations,
        weights=weights,
        start=start,
        nonnegative=nonnegative,
        tolerance=tolerance,
        each=each,
    )


def sart(
    y: Any,
    A: Projector,
    *,
    subsets: int | None = None,
    relaxation: float = 1.0,
    iterations: int = 20,
    weights: Any = None,
    start: Any = None,
    nonnegative: bool = True,
    tolerance: float = 0.0,
    each: Callable[[int], Any] | None = None,
) -> Any:
    """Reconstruct by SART, or by OS-SART where `subsets` is less than the number of views.

    Args:
        y: See `sirt`; likewise `A`, `weights`, `start`, `nonnegative`, `tolerance` and `each`.
        A: See `y`.
        subsets: Into how many interleaved sets the views are parted. Default: one for each view, which is SART.
        relaxation: Part of each correction that is applied, above 0 and below 2.
        iterations: Passes through all views.
        weights: See `y`.
        start: See `y`.
        nonnegative: Clip after every subset.
        tolerance: See `y`.
        each: See `y`.

    Raises:
        InputError: As `sirt`, or a number of subsets or a relaxation out of its range.

    Example:
        >>> from svct.geometry import Grid, ParallelBeam
        >>> A = Projector(ParallelBeam(torch.arange(60) * torch.pi / 60, bins=32), Grid(shape=(32, 32)))
        >>> x = torch.zeros(32, 32)
        >>> x[10:22, 10:22] = 0.02
        >>> round(float(sart(A(x), A, subsets=10, iterations=5)[16, 16]), 2)
        0.02

    Notes:
        The update of `sirt` for one subset after another (Andersen and Kak 1984, Ultrasonic Imaging 6:81; Wang and
        Jiang 2004, J. X-Ray Sci. Technol. 12:169). The column sums of every subset are kept: one image for each.
        Noisy or inconsistent data make it cycle about the solution, the closer the smaller `relaxation` is.
    """
    data, x, w, back = set_up(y, A, weights=weights, start=start)
    if not 0 < relaxation < 2:
        raise InputError(f"relaxation: expected more than 0 and less than 2, got {relaxation}")
    parts = []
    for some, views in ordered_subsets(A, A.range_shape[-2] if subsets is None else subsets):
        rays = None if w is None else w[..., views, :]
        rows, columns = inverse_sums(some, data.device, weights=rays)
        parts.append((some, data[..., views, :], rows if rays is None else rays * rows, relaxation * columns))

    def step(x: Tensor) -> Tensor:
        for some, seen, rows, columns in parts:
            x = torch.addcmul(x, columns, some.T(rows * (seen - some(x))))
            x = x.clamp_(min=0) if nonnegative else x
        return x

    return back(repeat(step, x, A, iterations=iterations, tolerance=tolerance, each=each))


def inverse_sums(
    A: Projector, device: torch.device, *, weights: Float[Tensor, "..."] | None = None
) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
    """Return the inverse row sums of A, one per ray, and column sums of W A, one per pixel; 0 where a sum is 0."""
    rows = A(torch.ones(A.domain_shape, device=device))
    w = torch.ones(A.range_shape, device=device) if weights is None else weights
    # A ray that barely grazes the grid has a tiny sum, and would be weighted without bound.
    least = 1e-3 * A.grid.voxel_mm
    return _inverse(rows, least), _inverse(A.T(w), float(w.max()) * least)


def _inverse(sums: Float[Tensor, "*entry"], least: float) -> Float[Tensor, "*entry"]:
    return torch.where(sums > least, 1 / sums.clamp(min=least), 0.0)
