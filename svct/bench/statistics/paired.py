"""Paired differences over patients: interval and test."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import permutation_test

from svct.bench.compare import mean_interval
from svct.errors import InputError

Values = NDArray[np.float64]
Figures = Sequence[float] | Sequence[Sequence[float]] | Values
"""One figure per patient, ``(patient,)``, or one per seed and patient, ``(seed, patient)``."""


@dataclass(frozen=True)
class Paired:
    """A mean paired difference with its interval.

    Args:
        mean: Of ours less theirs, in their unit.
        low: Lower end of the bootstrap interval over patients.
        high: Upper end.
        patients: How many.
        seeds: How many seeds each patient's figure is the mean of.
        seed_means: The mean difference in each seed, lowest and highest.
        confidence: Coverage of the interval.
    """

    mean: float
    low: float
    high: float
    patients: int
    seeds: int
    seed_means: tuple[float, float]
    confidence: float


def per_patient(figures: Figures) -> Values:
    """Return one figure per patient: the mean over seeds, where there are several.

    Args:
        figures: ``(patient,)`` or ``(seed, patient)``.

    Returns:
        Float64 ``(patient,)``.

    Raises:
        InputError: Fewer than two patients, or a figure that is not finite.

    Example:
        >>> per_patient([[30.0, 31.0], [32.0, 31.0]]).tolist()
        [31.0, 31.0]

    Notes:
        Seeds of one patient are no more patients: an interval over all figures of all seeds would be too narrow.
    """
    mean: Values = _by_seed(figures).mean(axis=0)
    return mean


def difference(ours: Figures, theirs: Figures) -> Values:
    """Return ours less theirs, seed by seed and patient by patient, ``(seed, patient)``.

    Raises:
        InputError: They are not of the same seeds and patients, or as `per_patient`.
    """
    a, b = _by_seed(ours), _by_seed(theirs)
    if a.shape != b.shape:
        raise InputError(
            f"comparison: expected figures of the same seeds and patients, got {a.shape} and {b.shape} as (seed, "
            "patient); leave out what only one has"
        )
    return a - b


def paired_bootstrap(ours: Figures, theirs: Figures, *, confidence: float = 0.95, seed: int = 0) -> Paired:
    """Return the mean paired difference with its bootstrap interval over patients.

    Args:
        ours: ``(patient,)`` or ``(seed, patient)``.
        theirs: The same patients and seeds under the baseline.
        confidence: Coverage of the interval.
        seed: Seed of the resampling.

    Raises:
        InputError: Fewer than two patients, other patients, or a figure that is not finite.

    Example:
        >>> found = paired_bootstrap([[30.0, 31.0], [30.2, 31.2]], [[29.0, 30.0], [29.0, 30.0]])
        >>> round(found.mean, 3), found.patients, found.seeds
        (1.1, 2, 2)

    Notes:
        Percentile bootstrap, see `svct.bench.compare.mean_interval`. It is narrow for few patients; docs/statistics.md
        has its measured coverage.
    """
    d = difference(ours, theirs)
    mean, low, high = mean_interval(d.mean(axis=0), confidence=confidence, seed=seed)
    by_seed = d.mean(axis=1)
    return Paired(mean, low, high, d.shape[1], d.shape[0], (float(by_seed.min()), float(by_seed.max())), confidence)


def sign_flip_p(ours: Figures, theirs: Figures, *, resamples: int = 20_000, seed: int = 0) -> float:
    """Return the two-sided p-value of no difference, by swapping the two arms within patients.

    Args:
        ours: ``(patient,)`` or ``(seed, patient)``.
        theirs: The same patients and seeds under the baseline.
        resamples: Swaps to draw; all of them where those are fewer. The least p-value is about one in so many.
        seed: Of the draws.

    Raises:
        InputError: See `paired_bootstrap`.

    Example:
        >>> sign_flip_p([1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 0.0, 0.0])  # 2 of 16 swaps are as far out
        0.125

    Notes:
        Fisher's randomisation test on the mean difference (Ernst 2004, Stat. Sci. 19:676), exact where differences
        scatter symmetrically about zero, for any number of patients: of fewer than six none can be below 0.05.
    """
    d = difference(ours, theirs).mean(axis=0)
    if not d.any():
        return 1.0
    found = permutation_test(
        (d,),
        lambda x, axis: np.mean(x, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=resamples,
        rng=np.random.default_rng(seed),
    )
    return float(found.pvalue)


def _by_seed(figures: Figures) -> Values:
    values = np.asarray(figures, dtype=np.float64)
    values = values[None] if values.ndim == 1 else values
    if values.ndim != 2 or values.shape[0] < 1 or values.shape[1] < 2 or not np.isfinite(values).all():
        raise InputError(
            f"comparison: expected finite figures of two or more patients, (patient,) or (seed, patient), got shape "
            f"{np.shape(figures)}{'' if np.isfinite(values).all() else ' with NaN or infinity'}"
        )
    return values
