"""Paired comparison of two view sets over patients."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from svct.errors import InputError
from svct.sampling.gain import Gain


def paired_gain(
    ours: Sequence[float], theirs: Sequence[float], *, baseline: str, confidence: float = 0.95, seed: int = 0
) -> Gain:
    """Return the mean paired difference with its bootstrap interval.

    Args:
        ours: One value per patient, dB.
        theirs: The same patients under the baseline, dB.
        baseline: What the baseline is, in words.
        confidence: Coverage of the interval.
        seed: Seed of the resampling.

    Raises:
        InputError: Fewer than two patients, or lists of different length.

    Example:
        >>> gain = paired_gain([30.0, 31.0, 32.0], [29.0, 30.1, 30.9], baseline="equidistant")
        >>> round(gain.mean_db, 3), gain.low_db > 0
        (1.0, True)

    Notes:
        Percentile bootstrap over patients with 10000 resamples (Efron and Tibshirani 1993, chapter 13).
    """
    difference = np.asarray(ours, dtype=np.float64) - np.asarray(theirs, dtype=np.float64)
    if difference.ndim != 1 or len(difference) < 2:
        raise InputError(f"paired_gain: expected at least two patients in each list, got {len(ours)} and {len(theirs)}")
    mean, low, high = mean_interval(difference, confidence=confidence, seed=seed)
    return Gain(
        mean_db=mean, low_db=low, high_db=high, patients=len(difference), baseline=baseline, confidence=confidence
    )


def mean_interval(
    values: NDArray[np.float64], *, confidence: float = 0.95, seed: int = 0
) -> tuple[float, float, float]:
    """Return the mean of one value per patient and its percentile bootstrap interval, 10000 resamples.

    Args:
        values: ``(patient,)``, two or more.
        confidence: Coverage of the interval.
        seed: Seed of the resampling.
    """
    low, high = np.quantile(mean_draws(values, seed=seed), [(1 - confidence) / 2, (1 + confidence) / 2])
    mean = float(values.mean())
    return mean, min(float(low), mean), max(float(high), mean)


def mean_draws(values: NDArray[np.float64], *, seed: int = 0) -> NDArray[np.float64]:
    """Return the means of 10000 bootstrap resamples of one value per patient, ``(draw,)``."""
    rng = np.random.default_rng(seed)
    means: NDArray[np.float64] = values[rng.integers(len(values), size=(10_000, len(values)))].mean(axis=1)
    return means
