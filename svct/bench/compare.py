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
    return stratified_gain([ours], [theirs], baseline=baseline, confidence=confidence, seed=seed)


def stratified_gain(
    ours: Sequence[Sequence[float]],
    theirs: Sequence[Sequence[float]],
    *,
    baseline: str,
    confidence: float = 0.95,
    seed: int = 0,
) -> Gain:
    """Return the mean over tasks of mean paired differences, with its bootstrap interval over each task's patients.

    Args:
        ours: For each task one value per patient, dB.
        theirs: The same tasks' same patients under the baseline, dB.
        baseline: What the baseline is, in words.
        confidence: Coverage of the interval.
        seed: Seed of the resampling.

    Raises:
        InputError: No task, fewer than two patients in one, or lists of different length.

    Example:
        >>> gain = stratified_gain([[1.0, 1.2], [3.0, 3.4, 3.2]], [[1.0, 1.0], [3.0, 3.0, 3.0]], baseline="universal")
        >>> round(gain.mean_db, 3), gain.patients
        (0.15, 5)

    Notes:
        Percentile bootstrap with 10000 resamples, stratified: the tasks are given and only patients are drawn again,
        within their task (Davison and Hinkley 1997, Bootstrap Methods and their Application, section 3.2).
    """
    differences = []
    for one, other in zip(ours, theirs, strict=True):
        difference = np.asarray(one, dtype=np.float64) - np.asarray(other, dtype=np.float64)
        if difference.ndim != 1 or len(difference) < 2:
            raise InputError(
                f"paired_gain: expected at least two patients in each list, got {len(one)} and {len(other)}"
            )
        differences.append(difference)
    if not differences:
        raise InputError("stratified_gain: expected at least one task, got none")
    rng = np.random.default_rng(seed)
    means = np.mean([mean_draws(difference, seed=rng) for difference in differences], axis=0)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    mean = float(np.mean([difference.mean() for difference in differences]))
    return Gain(
        mean_db=mean,
        low_db=min(float(low), mean),
        high_db=max(float(high), mean),
        patients=sum(map(len, differences)),
        baseline=baseline,
        confidence=confidence,
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


def mean_draws(values: NDArray[np.float64], *, seed: int | np.random.Generator = 0) -> NDArray[np.float64]:
    """Return the means of 10000 bootstrap resamples of one value per patient, ``(draw,)``."""
    rng = np.random.default_rng(seed)
    means: NDArray[np.float64] = values[rng.integers(len(values), size=(10_000, len(values)))].mean(axis=1)
    return means
