"""Mend an image that does not explain its data."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError
from svct.geometry.arrays import as_tensor
from svct.geometry.projector import Projector
from svct.recon.checks import check_data
from svct.recon.data_step import conditions
from svct.recon.tv import tv
from svct.recon.weights import count_weights

WELL_MEASURED = 0.004
"""Variance of a ray's log data up to which the misfit counts it: 250 photons; of fewer the logarithm is biased."""

FAINTEST = 4e-4
"""Variance of a ray in air above which nothing is polished: below 2500 photons TV lost against the backbone."""

STRENGTH_MM = 1000.0
"""Of the penalty, per variance of a ray in air."""


def misfit(y: Float[Tensor, "n ..."], A: Projector, x: Float[Tensor, "n ..."]) -> Float[Tensor, " n"]:
    """Return the mean squared residual of each image over the variance of the noise, of rays with enough photons.

    Args:
        y: Log data ``(n, [rows,] views, bins)``.
        A: Their projector.
        x: Images ``(n, [nz,] ny, nx)``, 1/mm.

    Returns:
        ``(n,)``; 0 where all rays are starved. The variance is exp(y) times that of a ray in air, which is estimated as
        in `svct.recon.data_step.conditions` and takes fine structure for noise: the truth gets 0.6 to 1.
    """
    air = _air_variance(y, A)
    variance = air.reshape(-1, *[1] * (y.ndim - 1)) * torch.exp(y)
    counted = variance < WELL_MEASURED
    squares = torch.where(counted, (A(x) - y).square() / variance, 0.0)
    return squares.flatten(1).sum(dim=1) / counted.flatten(1).sum(dim=1).clamp(min=1)


def polish(y: Any, A: Projector, x: Any, *, iterations: int = 40) -> Any:
    """Lead images towards their data by total variation, as far as they do not explain them.

    Args:
        y: Log data ``(..., [rows,] views, bins)``; torch, NumPy or CuPy.
        A: Their projector.
        x: Images ``(..., [nz,] ny, nx)``, 1/mm, such as those of the backbone.
        iterations: Of `svct.recon.tv.tv`.

    Returns:
        Images of the same kind. Each is a mean of what came and of what TV, weighted by counts, makes of it; the part
        of TV is the misfit less 1, between 0 and 1. An image that explains its data comes back as it was, and so does
        every image of a scan with less than about 2500 photons per ray.

    Raises:
        InputError: Wrong shapes, NaN or infinity.

    Notes:
        An image whose residual exceeds the noise is wrong (the discrepancy principle; Morozov 1966, Soviet Math. Dokl.
        7:414). A network leaves such residuals where patients differ from those that it was trained on, and TV that
        starts from its image keeps most of what is right in it.

    Example:
        >>> from svct.geometry import Grid, ParallelBeam
        >>> A = Projector(ParallelBeam([0.0, 0.8, 1.6, 2.4], bins=16), Grid(shape=(16, 16)))
        >>> x = torch.rand(16, 16) / 50
        >>> torch.equal(polish(A(x), A, x), x)
        True
    """
    data, back = as_tensor(y, "y")
    check_data(data, A, volumes=True)
    images, _ = as_tensor(x, "x")
    if tuple(images.shape) != (*data.shape[: -A.scan.ndim], *A.domain_shape):
        expected = (*data.shape[: -A.scan.ndim], *A.domain_shape)
        raise InputError(
            f"x: expected images of shape {expected}, as data and operator have, got {tuple(images.shape)}"
        )
    batch, found = data.reshape(-1, *A.range_shape), images.reshape(-1, *A.domain_shape).clone()
    air = _air_variance(batch, A)
    share = torch.where(air > FAINTEST, 0.0, (misfit(batch, A, found) - 1).clamp(0, 1))
    for i in torch.nonzero(share > 0).flatten().tolist():
        seen = batch[i]
        smooth = tv(
            seen,
            A,
            strength=STRENGTH_MM * float(air[i]),
            iterations=iterations,
            weights=torch.where(air[i] * torch.exp(seen) < WELL_MEASURED, count_weights(seen), 0.0),
            start=found[i],
        )
        found[i] = torch.lerp(found[i], smooth, share[i])
    return back(found.reshape(images.shape))


def _air_variance(y: Float[Tensor, "n ..."], A: Projector) -> Float[Tensor, " n"]:
    return 10 ** (2 * (conditions(y, A)[:, 0] - 2))
