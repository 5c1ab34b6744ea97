"""Area under the ROC curve of observers that are fitted on some patients and read others, with intervals."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svct.errors import InputError
from svct.tasks.heads.scores import Figure, Statistic, Values, draw_patients, figure

RESAMPLES = 2000
"""Bootstrap draws of patients."""

MARGIN = 0.02
"""Loss of area that counts as none."""


def folds_of(present: NDArray[np.bool_], *, folds: int) -> NDArray[np.int64]:
    """Return the fold of each case, each fold with about the same share of cases with the finding.

    Args:
        present: Whether the finding is present, ``(case,)``; each case is of a patient of its own.
        folds: How many.

    Raises:
        InputError: Too few cases of either kind for two in every fold.

    Example:
        >>> folds_of(np.array([True, False] * 4), folds=2).tolist()
        [0, 0, 1, 1, 0, 0, 1, 1]
    """
    fewest = int(min(present.sum(), (~present).sum()))
    if folds < 2 or fewest < 2 * folds:
        raise InputError(
            f"folds: expected 2 or more with at least two cases of either kind in each, got {folds} folds and "
            f"{fewest} cases of the rarer kind; take more cases"
        )
    fold = np.empty(len(present), np.int64)
    for kind in (True, False):
        which = np.flatnonzero(present == kind)
        fold[which] = np.arange(len(which)) % folds
    return fold


def cross_fitted_auc(decisions: Values, present: NDArray[np.bool_], fold: NDArray[np.int64]) -> Statistic:
    """Return the statistic that is the area under the ROC curve, over pairs of cases of one fold.

    Args:
        decisions: The larger the surer, ``(case,)``.
        present: Whether the finding is present, ``(case,)``.
        fold: See `folds_of`.

    Notes:
        Decisions of observers that were fitted apart are not on one scale, so that only pairs within a fold compare:
        the sum over folds of the wins of Mann and Whitney over the number of pairs.
    """
    ill, well = np.flatnonzero(present), np.flatnonzero(~present)
    together = (fold[ill][:, None] == fold[well]).astype(np.float64)
    ahead = decisions[ill][:, None] - decisions[well]
    wins = together * ((ahead > 0) + 0.5 * (ahead == 0))

    def statistic(times: Values) -> Values:
        first, second = times[:, ill], times[:, well]
        pairs = ((first @ together) * second).sum(axis=1)
        won = ((first @ wins) * second).sum(axis=1)
        found: Values = np.divide(won, pairs, out=np.full(len(times), np.nan), where=pairs > 0)
        return found

    return statistic


def area(decisions: Values, present: NDArray[np.bool_], fold: NDArray[np.int64], *, seed: int = 0) -> Figure:
    """Return the area with its 95 % bootstrap interval over patients; see `cross_fitted_auc`.

    Areas of the same cases with the same seed are of the same draws, so that their differences are paired.
    """
    times = draw_patients(np.arange(len(present)), resamples=RESAMPLES, seed=seed)
    return figure(cross_fitted_auc(decisions, present, fold), times)


@dataclass(frozen=True)
class Fewest:
    """The fewest views, or the least flux, that lose no more than `MARGIN` of the area.

    Args:
        value: On the cases as they are.
        low: Lower end of its 95 % interval.
        high: Upper end; that of all views where some draws need them.
    """

    value: float
    low: float
    high: float


def fewest(areas: Mapping[float, Figure], *, margin: float = MARGIN) -> Fewest:
    """Return the least of some settings from which on, up to the greatest, the area stays within a margin.

    Args:
        areas: Area by number of views or flux, all of the same draws; the greatest is the reference.
        margin: How much less than the reference counts as nothing lost.

    Raises:
        InputError: No setting, or areas of different draws.

    Notes:
        From which on: a lucky few views below one that fails do not count. The interval is the percentile one over
        draws of patients, each with an answer of its own.
    """
    levels = sorted(areas)
    if not levels or len({len(areas[level].draws) for level in levels}) > 1:
        raise InputError(f"fewest: expected areas of the same draws at one setting or more, got {len(levels)} settings")
    rows = np.array([np.concatenate([[areas[level].value], areas[level].draws]) for level in levels])
    kept = rows >= rows[-1] - margin
    kept[-1] = True
    # Reading down from the greatest: the last that is kept before one is not.
    unbroken = np.cumprod(kept[::-1], axis=0).sum(axis=0)
    found = np.array(levels)[len(levels) - unbroken]
    low, high = np.quantile(found[1:], [0.025, 0.975], method="inverted_cdf")
    return Fewest(float(found[0]), min(float(low), float(found[0])), max(float(high), float(found[0])))
