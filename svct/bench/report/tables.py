"""The figures of a run, summed up over patients and seeds, and compared with equidistant views."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from svct.bench.compare import paired_gain
from svct.bench.report.load import COHORT, Result

REFERENCE = "equidistant"
"""The sampler that others are compared with."""

GAIN = "-gain"
"""Ends the name of a metric's gain over the reference."""

HIGHER = ("psnr", "ssim", "auc", "dprime", "sensitivity", "specificity", "cpm", "dice", "ttf50", "cnr")
LOWER = ("rmse", "seconds", "peak_memory", "nps")
"""Metrics whose better end is known; of others a difference is told without a verdict."""

SAMPLERS = ("equidistant", "universal", "learned", "learned-mas")
RECONSTRUCTORS = ("fbp", "tv", "unrolled")
METRICS = ("psnr", "ssim", "rmse", "bias", "auc", "dprime", "sensitivity", "seconds", "peak_memory")
"""Orders in which names are shown; others follow, by name."""


@dataclass(frozen=True)
class Setting:
    """What a figure was measured under, but for seed and patient.

    Args:
        panel: The task, with the protocol where the run has several.
        sampler: What chose the views.
        views: How many.
        photons: Per ray.
        reconstructor: What made the image.
        metric: Name of the figure.
        reader: Head or observer, or ``""``.
    """

    panel: str
    sampler: str
    views: int
    photons: float
    reconstructor: str
    metric: str
    reader: str


@dataclass(frozen=True)
class Point:
    """A figure with its 95 % interval.

    Args:
        value: The mean over patients and seeds.
        low: Lower end, or NaN.
        high: Upper end, or NaN.
        patients: How many; 0 for a figure of the whole cohort.
        seeds: How many.
        unit: Unit of all three.
        each: The figure by patient and seed.
    """

    value: float
    low: float
    high: float
    patients: int
    seeds: int
    unit: str
    each: dict[tuple[int, int], float]


@dataclass(frozen=True)
class Comparison:
    """A sampler against the reference, all else equal.

    Args:
        setting: That of the sampler.
        mean: Mean paired difference.
        low: Lower end of its 95 % interval.
        high: Upper end.
        patients: How many pairs.
        verdict: ``"better"``, ``"worse"``, ``"differs"`` or ``"no difference shown"``.
    """

    setting: Setting
    mean: float
    low: float
    high: float
    patients: int
    verdict: str


def in_order(names: Iterable[str], known: Sequence[str]) -> list[str]:
    """Return names without repeats, the known ones first in their order.

    Example:
        >>> in_order(["golden", "learned", "equidistant", "golden"], SAMPLERS)
        ['equidistant', 'learned', 'golden']
    """
    found = set(names)
    return [name for name in known if name in found] + sorted(found - set(known))


def panel_of(task: str, protocol: str, *, several: bool) -> str:
    """Return the name of a panel: the task, with its protocol where a run has several."""
    return f"{task}, {protocol}" if several and protocol else task


def points_of(results: Sequence[Result]) -> dict[Setting, Point]:
    """Sum up results.

    A patient's figure is the mean over seeds; the interval is a percentile bootstrap over patients. Figures of the
    whole cohort come with their intervals: value and ends are means over seeds.
    """
    several = len({result.protocol for result in results}) > 1
    groups: dict[Setting, list[Result]] = defaultdict(list)
    for r in results:
        panel = panel_of(r.task, r.protocol, several=several)
        groups[Setting(panel, r.sampler, r.views, r.photons, r.reconstructor, r.metric, r.reader)].append(r)
    return {setting: _point(group) for setting, group in groups.items()}


def _point(group: list[Result]) -> Point:
    unit, seeds = group[0].unit, len({r.seed for r in group})
    each = {(r.patient, r.seed): r.value for r in group if r.patient != COHORT and math.isfinite(r.value)}
    if not each:
        value, low, high = (_mean([getattr(r, name) for r in group]) for name in ("value", "low", "high"))
        return Point(value, low, high, 0, seeds, unit, {})
    values = _by_patient(each, each)
    if len(values) < 2:
        return Point(values[0], math.nan, math.nan, 1, seeds, unit, each)
    spread = paired_gain(values, [0.0] * len(values), baseline="zero")
    return Point(spread.mean_db, spread.low_db, spread.high_db, len(values), seeds, unit, each)


def comparisons_of(points: dict[Setting, Point]) -> dict[Setting, Comparison]:
    """Compare every sampler with the reference where both were measured on the same two patients or more."""
    found = {}
    for setting, point in points.items():
        other = points.get(replace(setting, sampler=REFERENCE))
        if setting.sampler == REFERENCE or other is None:
            continue
        both = point.each.keys() & other.each.keys()
        ours, theirs = (_by_patient(p.each, both) for p in (point, other))
        if len(ours) < 2:
            continue
        gain = paired_gain(ours, theirs, baseline=REFERENCE)
        verdict = verdict_of(setting.metric, gain.low_db, gain.high_db)
        found[setting] = Comparison(setting, gain.mean_db, gain.low_db, gain.high_db, len(ours), verdict)
    return found


def _by_patient(each: dict[tuple[int, int], float], wanted: Iterable[tuple[int, int]]) -> list[float]:
    """Return the mean over the wanted seeds for each patient, by number."""
    found: dict[int, list[float]] = defaultdict(list)
    for patient, seed in sorted(wanted):
        found[patient].append(each[patient, seed])
    return [_mean(values) for values in found.values()]


def gains_of(comparisons: dict[Setting, Comparison], points: dict[Setting, Point]) -> dict[Setting, Point]:
    """Return the gains over the reference as figures of their own, their metric's name followed by ``-gain``."""
    found = {}
    for setting, compared in comparisons.items():
        found[replace(setting, metric=f"{setting.metric}{GAIN}")] = replace(
            points[setting],
            value=compared.mean, low=compared.low, high=compared.high, patients=compared.patients, each={},
        )  # fmt: skip
    return found


def verdict_of(metric: str, low: float, high: float) -> str:
    """Say what an interval of a difference tells.

    Example:
        >>> verdict_of("psnr", 0.1, 0.4), verdict_of("rmse", 0.1, 0.4), verdict_of("psnr", -0.1, 0.4)
        ('better', 'worse', 'no difference shown')
    """
    if low <= 0 <= high:
        return "no difference shown"
    if metric not in (*HIGHER, *LOWER):
        return "differs"
    return "better" if (low > 0) == (metric in HIGHER) else "worse"


def summary_of(comparisons: Iterable[Comparison]) -> list[str]:
    """Say in a sentence for each sampler where it was better or worse than the reference."""
    by_sampler: dict[str, list[Comparison]] = defaultdict(list)
    for comparison in comparisons:
        by_sampler[comparison.setting.sampler].append(comparison)
    lines = []
    for sampler in in_order(by_sampler, SAMPLERS):
        own = by_sampler[sampler]
        places = {word: [_place(c) for c in own if c.verdict == word] for word in ("better", "worse")}
        told = [
            f"{word} in {len(found)} ({'; '.join(found[:8])}{'; and more' if len(found) > 8 else ''})"
            for word, found in places.items()
            if found
        ]
        rest = len(own) - sum(map(len, places.values()))
        if rest:
            told.append(f"no difference shown in {rest}")
        lines.append(f"{sampler}, of {len(own)} comparisons: {', '.join(told)}.")
    return lines


def _place(comparison: Comparison) -> str:
    return f"{comparison.setting.panel} {comparison.setting.views} views {told(comparison.mean, sign=True)}"


def told(value: float, *, metric: str = "psnr", sign: bool = False) -> str:
    """Write a figure with as many digits as its metric deserves.

    Example:
        >>> told(31.256), told(0.98765, metric="ssim"), told(1234.5, metric="peak_memory"), told(0.2, sign=True)
        ('31.26', '0.988', '1234', '+0.20')
    """
    if math.isnan(value):
        return "–"  # noqa: RUF001
    digits = {"ssim": 3, "auc": 3, "rmse": 1, "bias": 1, "peak_memory": 0}.get(metric.removesuffix(GAIN), 2)
    return f"{round(value, digits) + 0.0:{'+' if sign else ''}.{digits}f}"


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return float(np.mean(finite)) if finite else math.nan
