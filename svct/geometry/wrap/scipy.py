"""The projector as a linear operator of SciPy."""

from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator

from svct.errors import InputError
from svct.geometry.projector import Adjoint, Projector


def as_scipy(A: Projector | Adjoint) -> LinearOperator:
    """Return the operator as a matrix without entries, for the solvers of `scipy.sparse.linalg`.

    Args:
        A: A projector, or the adjoint of one.

    Returns:
        A float32 operator of shape ``(prod(A.range_shape), prod(A.domain_shape))``, NumPy arrays in and out: images,
        1/mm, and projections, without unit, flattened in C order. `matmat` and `rmatmat` take one image, or one set of
        projections, per column, and work on all of them in one batch.

    Raises:
        InputError: From the operator, where it is given complex numbers.

    Example:
        >>> from scipy.sparse.linalg import lsqr
        >>> from svct.geometry import Grid, ParallelBeam
        >>> A = Projector(ParallelBeam(np.arange(0, 3.1, 0.1), bins=13), Grid(shape=(8, 8)))
        >>> x = np.random.default_rng(0).random((8, 8), dtype=np.float32)
        >>> as_scipy(A).shape
        (403, 64)
        >>> found = lsqr(as_scipy(A), A(x).ravel(), iter_lim=100)[0].reshape(A.domain_shape)
        >>> bool(np.abs(found - x).max() < 1e-3)
        True

    Notes:
        Numbers of other types are converted to float32. A solver's tolerance below about 1e-6 is not reached.
    """
    forward, back = partial(_apply, A), partial(_apply, A.T)
    return LinearOperator(
        (prod(A.range_shape), prod(A.domain_shape)),
        matvec=forward,
        rmatvec=back,
        matmat=forward,
        rmatmat=back,
        dtype=np.float32,
    )


def _apply(A: Projector | Adjoint, columns: Any) -> NDArray[np.float32]:
    """Return A of a flat image ``(n,)``, or of the columns of an ``(n, batch)`` array."""
    if np.iscomplexobj(columns):
        raise InputError(
            "as_scipy: expected real numbers, got complex ones; give the parts one by one, .real and .imag"
        )
    columns = np.asarray(columns, dtype=np.float32)
    batch = columns.shape[1:]
    result: NDArray[np.float32] = A(columns.T.reshape(*batch, *A.domain_shape))
    return result.reshape(*batch, prod(A.range_shape)).T
