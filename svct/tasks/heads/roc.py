"""ROC analysis of decisions, with cases that may count more than once."""

import numpy as np
from numpy.typing import NDArray

from svct.tasks.heads.scores import Statistic, Values


def auc(decisions: Values, present: NDArray[np.bool_]) -> Statistic:
    """Return the statistic that is the area under the ROC curve.

    Args:
        decisions: One per case, the larger the surer that the finding is present.
        present: Whether it is.

    Notes:
        The statistic of Mann and Whitney, ties counting half (Hanley and McNeil 1982, Radiology 143:29); what
        scikit-learn's `roc_auc_score` gives with the counts as weights.
    """
    values, place = np.unique(decisions, return_inverse=True)

    def statistic(times: Values) -> Values:
        ill, well = counted(times * present, place, len(values)), counted(times * ~present, place, len(values))
        below = np.cumsum(well, axis=1) - well
        return ratio((ill * (below + well / 2)).sum(axis=1), ill.sum(axis=1) * well.sum(axis=1))

    return statistic


def sensitivity_at(decisions: Values, present: NDArray[np.bool_], *, specificity: float) -> Statistic:
    """Return the statistic that is the greatest sensitivity of the ROC curve at a specificity or above.

    Args:
        decisions: See `auc`; likewise `present`.
        present: Whether the finding is present.
        specificity: 0 to 1.
    """
    values, place = np.unique(decisions, return_inverse=True)

    def statistic(times: Values) -> Values:
        ill, well = counted(times * present, place, len(values)), counted(times * ~present, place, len(values))
        # Above each value: what a threshold just below the next one calls ill; none at last.
        specificities = ratio(np.cumsum(well, axis=1), well.sum(axis=1)[:, None])
        sensitivities = 1 - ratio(np.cumsum(ill, axis=1), ill.sum(axis=1)[:, None])
        reached = np.where(specificities >= specificity - 1e-12, sensitivities, 0.0).max(axis=1)
        everybody = 1.0 if specificity <= 0 else reached
        defined = (ill.sum(axis=1) > 0) & (well.sum(axis=1) > 0)
        return np.where(defined, everybody, np.nan)

    return statistic


def counted(times: Values, place: NDArray[np.intp], size: int) -> Values:
    """Return how often each value comes, ``(draw, value)``."""
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(size))
    return np.add.reduceat(times[:, order], starts, axis=1)


def ratio(part: Values, whole: Values) -> Values:
    """Return a part of a whole, NaN where there is no whole."""
    part, whole = np.broadcast_arrays(part, whole)
    found: Values = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return found
