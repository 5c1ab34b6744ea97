"""The projector as a linear operator of PyLops."""

from typing import Any

from svct.geometry.projector import Adjoint, Projector
from svct.geometry.wrap.require import require
from svct.geometry.wrap.scipy import as_scipy


def as_pylops(A: Projector | Adjoint) -> Any:
    """Return the operator as one of PyLops, to combine with its regularizers and solve with its solvers.

    Args:
        A: A projector, or the adjoint of one.

    Returns:
        A float32 `pylops.LinearOperator` with `dims` ``A.domain_shape`` and `dimsd` ``A.range_shape``; images, 1/mm,
        and projections, without unit, as NumPy arrays of those shapes or flattened in C order.

    Raises:
        BackendUnavailable: PyLops is not installed.

    Example:
        >>> import numpy as np
        >>> from pylops.optimization.basic import cgls
        >>> from svct.geometry import Grid, ParallelBeam
        >>> A = Projector(ParallelBeam(np.arange(0, 3.1, 0.1), bins=13), Grid(shape=(8, 8)))
        >>> x = np.random.default_rng(0).random((8, 8), dtype=np.float32)
        >>> operator = as_pylops(A)
        >>> (operator @ x).shape
        (31, 13)
        >>> bool(np.abs(cgls(operator, A(x), niter=200, tol=0)[0] - x).max() < 0.01)
        True
    """
    pylops = require("pylops", "pip install pylops")
    return pylops.LinearOperator(as_scipy(A), dims=A.domain_shape, dimsd=A.range_shape, name="Projector")
