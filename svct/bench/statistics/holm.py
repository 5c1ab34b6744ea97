"""Correction for the number of comparisons."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from svct.errors import InputError


def holm(p_values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values adjusted for all comparisons of a table, in the order given.

    Args:
        p_values: One per comparison, 0 to 1.

    Returns:
        Float64, the same length. Claiming those below alpha errs in any of them with a chance of at most alpha,
        however the comparisons depend on each other.

    Raises:
        InputError: A number outside of 0 to 1, or not one dimension.

    Example:
        >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
        [0.03, 0.06, 0.06]

    Notes:
        Holm 1979, Scand. J. Stat. 6:65: the k-th smallest of m is multiplied by m - k + 1, and none is less than one
        before it.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise InputError(f"holm: expected p-values from 0 to 1 in one dimension, got {p_values!r}")
    order = np.argsort(p, kind="stable")
    raised = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(raised, 1.0)
    return adjusted
