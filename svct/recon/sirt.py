"""SIRT, the simultaneous iterative reconstruction technique."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError
from svct.geometry.arrays import as_tensor
from svct.geometry.projector import Projector
from svct.recon.checks import check_data


def sirt(
    y: Any,
    A: Projector,
    *,
    iterations: int = 200,
    nonnegative: bool = True,
    each: Callable[[int], None] | None = None,
) -> Any:
    """Reconstruct by SIRT.

    Args:
        y: Log data, float32 ``(..., [rows,] views, bins)``; torch, NumPy or CuPy.
        A: The projector of these views.
        iterations: Number of iterations.
        nonnegative: Clip the image at 0 after every iteration.
        each: Called with the number of each finished iteration, for a progress bar.

    Returns:
        Attenuation ``(..., [nz,] ny, nx)``, 1/mm, of the same kind as `y`.

    Raises:
        InputError: Wrong shape, NaN or infinity, or fewer than one iteration.

    Example:
        >>> from svct.geometry import Grid, ParallelBeam
        >>> A = Projector(ParallelBeam(torch.arange(60) * torch.pi / 60, bins=32), Grid(shape=(32, 32)))
        >>> x = torch.zeros(32, 32)
        >>> x[10:22, 10:22] = 0.02
        >>> round(float(sirt(A(x), A, iterations=50)[16, 16]), 2)
        0.02

    Notes:
        x <- x + C A^T R (y - A x), with R and C the inverse row and column sums of A, from x = 0 (Gregor and Benson
        2008, IEEE Trans. Med. Imaging 27:918).
    """
    data, back = as_tensor(y, "y")
    check_data(data, A, volumes=True)
    if iterations < 1:
        raise InputError(f"iterations: expected at least 1, got {iterations}")
    rows, columns = inverse_sums(A, data.device)
    x = data.new_zeros((*data.shape[: -len(A.range_shape)], *A.domain_shape))
    for i in range(iterations):
        x = x + columns * A.T(rows * (data - A(x)))
        if nonnegative:
            x = x.clamp(min=0)
        if each:
            each(i + 1)
    return back(x)


def inverse_sums(A: Projector, device: torch.device) -> tuple[Float[Tensor, "*ray"], Float[Tensor, "*pixel"]]:
    """Return the inverse row sums, one per ray, and column sums, one per pixel, of A; 0 where a sum is 0."""
    rows = A(torch.ones(A.domain_shape, device=device))
    columns = A.T(torch.ones(A.range_shape, device=device))
    # A ray that barely grazes the grid has a tiny sum, and would be weighted without bound.
    least = 1e-3 * A.grid.voxel_mm
    return _inverse(rows, least), _inverse(columns, least)


def _inverse(sums: Float[Tensor, "*entry"], least: float) -> Float[Tensor, "*entry"]:
    return torch.where(sums > least, 1 / sums.clamp(min=least), 0.0)
