"""Figures of merit with their intervals: patients are drawn again, not cases."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svct.errors import InputError, unknown_name
from svct.tasks.case import Case

Values = NDArray[np.float64]
Statistic = Callable[[Values], Values]
"""Takes how often each case counts, ``(draw, case)``, and returns a figure for each draw, NaN where it has none."""


@dataclass(frozen=True)
class Figure:
    """One figure of merit.

    Args:
        value: On the cases as they are; NaN where they do not define it.
        low: Lower end of its interval.
        high: Upper end of its interval.
        draws: The figure in each bootstrap draw, ``(draw,)``; NaN where a draw does not define it.
    """

    value: float
    low: float
    high: float
    draws: Values = field(repr=False, compare=False)


@dataclass(frozen=True)
class Scores:
    """How well a head reads images.

    Args:
        head: Name of the head.
        main: The figure to plot and to compare, such as ``"auc"``.
        figures: Each by its name.
        cases: How many cases.
        patients: How many patients, over which the intervals are.
        confidence: Coverage of the intervals.
        seed: Of the draws; scores of the same cases with the same seed are of the same draws.
    """

    head: str
    main: str
    figures: Mapping[str, Figure]
    cases: int
    patients: int
    confidence: float = 0.95
    seed: int = 0

    def __getitem__(self, name: str) -> Figure:
        """Return a figure by its name.

        Raises:
            UnknownNameError: The head has no such figure.
        """
        if name not in self.figures:
            raise unknown_name(f"figure of {self.head}", name, list(self.figures))
        return self.figures[name]

    def to_dict(self) -> dict[str, Any]:
        """Return the scores as plain data, without the draws; a figure that is not defined as None."""
        figures = {
            name: {part: _plain(getattr(figure, part)) for part in ("value", "low", "high")}
            for name, figure in self.figures.items()
        }
        rest = {name: getattr(self, name) for name in ("head", "main", "cases", "patients", "confidence", "seed")}
        return {**rest, "figures": figures}


def patients_of(cases: Sequence[Case]) -> NDArray[np.int64]:
    """Return a number for the patient of each case, ``(case,)``; slices of one volume are of one patient."""
    bases = [{k: v for k, v in case.record.base.items() if k != "slice"} for case in cases]
    names = [json.dumps(base, sort_keys=True) for base in bases]
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def draw_patients(patients: NDArray[np.int64], *, resamples: int = 1000, seed: int = 0) -> Values:
    """Draw patients with replacement, each with all his cases.

    Args:
        patients: The patient of each case, ``(case,)``.
        resamples: How many draws.
        seed: Of the draws.

    Returns:
        How often each case counts, float64 ``(resamples, case)``.

    Raises:
        InputError: Fewer than two patients.
    """
    names, place = np.unique(patients, return_inverse=True)
    if len(names) < 2:
        raise InputError(f"scores: expected cases of two or more patients, got {len(names)}; give more cases")
    chosen = np.random.default_rng(seed).integers(len(names), size=(resamples, len(names)))
    rows = np.arange(resamples)[:, None] * len(names)
    times = np.bincount((rows + chosen).ravel(), minlength=rows.size * len(names)).reshape(resamples, len(names))
    counts: Values = times[:, place].astype(np.float64)
    return counts


def figure(statistic: Statistic, times: Values, *, confidence: float = 0.95) -> Figure:
    """Return a figure with its interval.

    Args:
        statistic: The figure as a function of how often each case counts.
        times: Draws, see `draw_patients`.
        confidence: Coverage of the interval.

    Notes:
        Percentile bootstrap (Efron and Tibshirani 1993, chapter 13).
    """
    value = float(statistic(np.ones((1, times.shape[1])))[0])
    return _interval(value, statistic(times), confidence)


def difference(first: Scores, second: Scores, name: str | None = None) -> Figure:
    """Return the paired difference of a figure: the same cases in other images, or read by another head.

    Args:
        first: Scores.
        second: What to subtract.
        name: Which figure. Default: the main one of `first`.

    Raises:
        InputError: The scores are not of the same draws of patients.
        UnknownNameError: No such figure.
    """
    a, b = (scores[name or first.main] for scores in (first, second))
    key, other = ((s.cases, s.patients, s.seed, s.confidence, len(f.draws)) for s, f in ((first, a), (second, b)))
    if key != other:
        raise InputError(
            f"difference: expected scores of the same cases and draws, got (cases, patients, seed, confidence, draws) "
            f"{key} and {other}"
        )
    return _interval(a.value - b.value, a.draws - b.draws, first.confidence)


def mean_of(values: Sequence[float] | Values, *, over: NDArray[np.bool_] | None = None) -> Statistic:
    """Return the statistic that is the mean of a value per case.

    Args:
        values: One per case.
        over: The cases that it is the mean of. Default: all with a finite value.
    """
    given = np.asarray(values, np.float64)
    counts = np.isfinite(given) if over is None else over
    filled = np.where(counts, given, 0.0)

    def statistic(times: Values) -> Values:
        total = times @ counts.astype(np.float64)
        mean: Values = np.divide(times @ filled, total, out=np.full(len(times), np.nan), where=total > 0)
        return mean

    return statistic


def _interval(value: float, draws: Values, confidence: float) -> Figure:
    defined = draws[np.isfinite(draws)]
    if not np.isfinite(value) or not defined.size:
        return Figure(float("nan"), float("nan"), float("nan"), draws)
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Figure(value, min(float(low), value), max(float(high), value), draws)


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
