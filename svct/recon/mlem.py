"""Maximum likelihood by expectation maximisation, with ordered subsets."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from svct.errors import InputError
from svct.geometry.projector import Projector
from svct.recon.rounds import ordered_subsets, repeat, set_up


def mlem(
    y: Any,
    A: Projector,
    *,
    subsets: int = 1,
    iterations: int = 50,
    start: Any = None,
    tolerance: float = 0.0,
    each: Callable[[int], Any] | None = None,
) -> Any:
    """Reconstruct non-negative data by MLEM, or by OSEM where there is more than one subset.

    Args:
        y: Data that a Poisson model with mean ``A x`` fits: emission counts, or log data of which only the sign and the
            scale are used so; float32 ``(..., [rows,] views, bins)``, 0 or more.
        A: The projector of these views.
        subsets: Into how many interleaved sets the views are parted.
        iterations: Passes through all views.
        start: First image, above 0, ``(..., [nz,] ny, nx)``. Default: a flat image.
        tolerance: Stop once an iteration changes the image by less than this part of its norm. Default: never.
        each: Called with the number of each finished iteration, for a progress bar.

    Returns:
        Activity or attenuation per mm, ``(..., [nz,] ny, nx)``, 0 or more, of the same kind as `y`.

    Raises:
        InputError: Wrong shape, NaN, infinity or negative data, a first image that is not positive, subsets out of
            range, or fewer than one iteration.

    Example:
        >>> from svct.geometry import Grid, ParallelBeam
        >>> A = Projector(ParallelBeam(torch.arange(60) * torch.pi / 60, bins=32), Grid(shape=(32, 32)))
        >>> x = torch.zeros(32, 32)
        >>> x[10:22, 10:22] = 0.02
        >>> round(float(mlem(A(x), A, subsets=4)[16, 16]), 2)
        0.02

    Notes:
        x <- x / (A^T 1) A^T (y / A x) (Shepp and Vardi 1982, IEEE Trans. Med. Imaging 1:113; Hudson and Larkin 1994,
        ibid. 13:601). Noisy log data may be negative: clip them with ``y.clamp(min=0)``, or take `pwls`, whose model of
        transmission noise is the better one.
    """
    data, x, _, back = set_up(y, A, start=start, fill=0.01)
    if bool((data < 0).any()):
        raise InputError(f"y: expected data of 0 or more, got {float(data.min()):g}; clip them first, y.clamp(min=0)")
    if not bool((x > 0).all()):
        raise InputError("start: expected an image above 0 everywhere, got 0 or less: EM can never leave a 0")
    parts = []
    for some, views in ordered_subsets(A, subsets):
        sums = some.T(torch.ones(some.range_shape, device=data.device))
        parts.append((some, data[..., views, :], torch.where(sums > 0, 1 / sums.clamp(min=1e-30), 0.0)))
    least = 1e-6 * A.grid.voxel_mm * float(x.max())

    def step(x: Tensor) -> Tensor:
        for some, seen, columns in parts:
            x = x * some.T(seen / some(x).clamp_(min=least)).mul_(columns)
        return x

    return back(repeat(step, x, A, iterations=iterations, tolerance=tolerance, each=each))
