"""What decisions are worth: AUC, d' and the share of right choices between two, with their intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu, norm

from svct.errors import InputError

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Figures:
    """How well decisions tell signal from none.

    Args:
        auc: Area under the ROC curve; in a choice between two regions this part of the choices is right.
        auc_interval: Its interval.
        detectability: d' of the area, sqrt 2 times the normal quantile of `auc`; infinite where all are told apart.
        detectability_interval: Its interval.
        snr: Difference of the mean decisions over their mean standard deviation.
        sensitivity: At the specificity asked for.
        specificity: The specificity asked for.
        confidence: Coverage of the intervals.
        present: Decisions with the signal.
        absent: Decisions without.
    """

    auc: float
    auc_interval: tuple[float, float]
    detectability: float
    detectability_interval: tuple[float, float]
    snr: float
    sensitivity: float
    specificity: float
    confidence: float
    present: int
    absent: int


def assess(
    present: Sequence[float],
    absent: Sequence[float],
    *,
    groups: tuple[Sequence[int], Sequence[int]] | None = None,
    specificity: float = 0.9,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Figures:
    """Judge decisions.

    Args:
        present: Decision variables where the signal is.
        absent: Decision variables where it is not.
        groups: The patient of each decision in `present` and in `absent`; patients are drawn again, not decisions.
            Default: each is a patient of its own.
        specificity: At which to state the sensitivity.
        confidence: Coverage of the intervals.
        resamples: Bootstrap resamples.
        seed: Of the resampling.

    Raises:
        InputError: Fewer than two decisions of either kind, or one that is not finite; groups that do not fit.

    Example:
        >>> figures = assess([1.0, 2.0, 3.0, 2.5], [0.0, 0.5, 1.5, 0.2])
        >>> round(figures.auc, 4)
        0.9375

    Notes:
        AUC as the statistic of Mann and Whitney; d' = sqrt 2 Phi^-1(AUC) (Barrett and Myers 2004, section 13.2.4);
        percentile bootstrap over patients (Efron and Tibshirani 1993, chapter 13).
    """
    with_it, without = (np.asarray(values, dtype=np.float64) for values in (present, absent))
    if min(with_it.size, without.size) < 2 or not (np.isfinite(with_it).all() and np.isfinite(without).all()):
        raise InputError(
            f"assess: expected two or more finite decisions with and without the signal, got {with_it.size} and "
            f"{without.size}"
        )
    of, off = groups if groups else (np.arange(with_it.size), with_it.size + np.arange(without.size))
    if len(of) != with_it.size or len(off) != without.size:
        raise InputError(f"groups: expected one per decision, got {len(of)} and {len(off)}")
    areas = _resampled(with_it, without, np.asarray(of), np.asarray(off), resamples, seed)
    low, high = np.quantile(areas, [(1 - confidence) / 2, (1 + confidence) / 2])
    auc = _area(with_it, without)
    spread = np.sqrt((with_it.var(ddof=1) + without.var(ddof=1)) / 2)
    return Figures(
        auc=auc,
        auc_interval=(min(float(low), auc), max(float(high), auc)),
        detectability=_detectability(auc),
        detectability_interval=(_detectability(min(float(low), auc)), _detectability(max(float(high), auc))),
        snr=float((with_it.mean() - without.mean()) / spread) if spread > 0 else float("inf"),
        sensitivity=float((with_it > np.quantile(without, specificity)).mean()),
        specificity=specificity,
        confidence=confidence,
        present=with_it.size,
        absent=without.size,
    )


def _area(present: Values, absent: Values) -> float:
    return float(mannwhitneyu(present, absent).statistic) / (present.size * absent.size)


def _detectability(auc: float) -> float:
    return float(np.sqrt(2) * norm.ppf(auc))


def _resampled(
    present: Values,
    absent: Values,
    of: NDArray[np.int64],
    off: NDArray[np.int64],
    resamples: int,
    seed: int,
) -> Values:
    """Return the areas of draws of patients, each with all its decisions; draws without either kind are left out."""
    rng = np.random.default_rng(seed)
    names, place = np.unique(np.concatenate([of, off]), return_inverse=True)
    first, second = place[: len(of)], place[len(of) :]
    wins = (present[:, None] > absent[None]) + 0.5 * (present[:, None] == absent[None])
    areas = []
    for _ in range(resamples):
        times = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names)).astype(np.float64)
        weights = times[first].sum() * times[second].sum()
        if weights > 0:
            areas.append(float(times[first] @ wins @ times[second]) / weights)
    return np.asarray(areas)
