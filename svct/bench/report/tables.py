"""The figures of a run, summed up over patients and seeds, and compared with equidistant views."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from svct.bench.compare import mean_interval
from svct.bench.experiment.outcome import COHORT
from svct.bench.report.load import Result
from svct.bench.statistics import Comparison, compare_arms
from svct.bench.statistics.paired import Figures

REFERENCE = "equidistant"
"""The sampler that others are compared with."""

ALPHA = 0.05
"""Chance of any wrong verdict in a table."""

GAIN = "-gain"
"""Ends the name of a metric's gain over the reference."""

HIGHER = ("psnr", "ssim", "auc", "dprime", "sensitivity", "specificity", "cpm", "dice", "cnr")
LOWER = ("rmse", "seconds", "peak_memory")
"""Metrics whose better end is known; of others, such as noise and sharpness, of which each is had for the other, it is
only told whether they differ."""

DECISIONS = ("decision", "present")
"""What a reader decided on each patient, and whether it is so: no figures, but what areas are of."""

SAMPLERS = ("equidistant", "universal", "learned", "learned-mas")
RECONSTRUCTORS = ("fbp", "tv", "unrolled")
METRICS = (
    "psnr", "ssim", "rmse", "bias", "noise", "noise_frequency", "ttf50", "ttf10", "auc", "dprime", "sensitivity",
    "seconds", "peak_memory",
)  # fmt: skip
VERDICTS = ("better", "worse", "differs", "undecided")
"""Orders in which names are shown; others follow, by name."""

OWN_FLUX = 0.0
"""Stands for the flux of a task in a run where every task has one and they differ."""


@dataclass(frozen=True)
class Setting:
    """What a figure was measured under, but for seed and patient.

    Args:
        panel: The task, with the protocol where the run has several.
        sampler: What chose the views.
        views: How many.
        photons: Per ray; `OWN_FLUX` in a run of tasks with one flux each, which are then one table.
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
    whole cohort come with their intervals: value and ends are means over seeds. Decisions of readers are left out.
    """
    groups = by_setting(result for result in results if result.metric not in DECISIONS)
    return {setting: _point(group) for setting, group in groups.items()}


def by_setting(results: Iterable[Result]) -> dict[Setting, list[Result]]:
    """Return results by the setting that they were measured under."""
    given = list(results)
    several = len({result.protocol for result in given}) > 1
    fluxes = {(result.task, result.photons) for result in given}
    own = len(fluxes) == len({task for task, _ in fluxes}) and len({flux for _, flux in fluxes}) > 1
    groups: dict[Setting, list[Result]] = defaultdict(list)
    for r in given:
        panel = panel_of(r.task, r.protocol, several=several)
        photons = OWN_FLUX if own else r.photons
        groups[Setting(panel, r.sampler, r.views, photons, r.reconstructor, r.metric, r.reader)].append(r)
    return groups


def flux_told(photons: float) -> str:
    """Return a setting's flux in words.

    Example:
        >>> flux_told(5e4), flux_told(OWN_FLUX)
        ('50000 photons per ray', "each task's own flux")
    """
    return "each task's own flux" if photons == OWN_FLUX else f"{photons:g} photons per ray"


def _point(group: list[Result]) -> Point:
    unit, seeds = group[0].unit, len({r.seed for r in group})
    each = {(r.patient, r.seed): r.value for r in group if r.patient != COHORT and math.isfinite(r.value)}
    if not each:
        value, low, high = (_mean([getattr(r, name) for r in group]) for name in ("value", "low", "high"))
        return Point(value, low, high, 0, seeds, unit, {})
    values = _by_patient(each, each)
    if len(values) < 2:
        return Point(values[0], math.nan, math.nan, 1, seeds, unit, each)
    return Point(*mean_interval(np.array(values)), len(values), seeds, unit, each)


def comparisons_of(points: dict[Setting, Point]) -> dict[Setting, Comparison]:
    """Compare every sampler with the reference where both were measured on the same two patients or more.

    Verdicts are adjusted for all comparisons of a table, which has one metric, reader, reconstruction and flux.
    """
    tables: dict[Setting, dict[Setting, dict[str, Figures]]] = defaultdict(dict)
    for setting, point in points.items():
        other = points.get(replace(setting, sampler=REFERENCE))
        if setting.sampler == REFERENCE or other is None:
            continue
        both = point.each.keys() & other.each.keys()
        ours, theirs = (_by_patient(p.each, both) for p in (point, other))
        if len(ours) > 1:
            table = replace(setting, panel="", sampler="", views=0)
            tables[table][setting] = {setting.sampler: ours, REFERENCE: theirs}
    return {
        setting: row
        for table, pairs in tables.items()
        for setting, row in zip(pairs, _compare(table.metric, pairs), strict=True)
    }


def _compare(metric: str, pairs: dict[Setting, dict[str, Figures]]) -> list[Comparison]:
    return compare_arms(
        {str(i): arms for i, arms in enumerate(pairs.values())},
        baseline=REFERENCE,
        more_is_better=metric in HIGHER,
        alpha=ALPHA,
    )


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
            value=compared.difference.mean, low=compared.difference.low, high=compared.difference.high,
            patients=compared.difference.patients, each={},
        )  # fmt: skip
    return found


def verdict_of(metric: str, compared: Comparison) -> str:
    """Return the verdict in a word; where no end of the metric is the better one, only whether it differs."""
    known = metric in (*HIGHER, *LOWER) or compared.verdict == "undecided"
    return compared.verdict if known else "differs"


def summary_of(comparisons: dict[Setting, Comparison]) -> list[str]:
    """Say in a sentence for each sampler where it was better or worse, and whether there were patients enough to tell.

    Args:
        comparisons: Those of one table.
    """
    lines = []
    for sampler in in_order((s.sampler for s in comparisons), SAMPLERS):
        words: dict[str, list[str]] = defaultdict(list)
        for s, compared in sorted(comparisons.items(), key=lambda one: (one[0].panel, one[0].views)):
            if s.sampler == sampler:
                gain = told(compared.difference.mean, metric=s.metric, sign=True)
                words[verdict_of(s.metric, compared)].append(f"{s.panel} {s.views} views {gain}")
        parts = [f"{word} in {len(words[word])}{_places(word, words[word])}" for word in in_order(words, VERDICTS)]
        lines.append(f"{sampler}, of {sum(map(len, words.values()))} comparisons: {', '.join(parts)}.")
    patients = min((row.difference.patients for row in comparisons.values()), default=0)
    least = len(comparisons) * 2.0 ** (1 - patients)
    if comparisons and least >= ALPHA:
        lines.append(
            f"With {patients} patients and {len(comparisons)} comparisons no difference, however large, can be shown: "
            f"the least p-value is {min(least, 1.0):.2g}. Take more patients, or compare less."
        )
    return lines


def _places(word: str, places: list[str]) -> str:
    if word == "undecided":
        return ""
    return f" ({'; '.join(places[:8])}{'; and more' if len(places) > 8 else ''})"


def told(value: float, *, metric: str = "psnr", sign: bool = False) -> str:
    """Write a figure with as many digits as its metric deserves.

    Example:
        >>> told(31.256), told(0.98765, metric="ssim"), told(1234.5, metric="peak_memory"), told(0.2, sign=True)
        ('31.26', '0.988', '1234', '+0.20')
    """
    if math.isnan(value):
        return "–"  # noqa: RUF001
    digits = {
        "ssim": 3,
        "auc": 3,
        "noise_frequency": 4,
        "ttf50": 4,
        "ttf10": 4,
        "rmse": 1,
        "bias": 1,
        "noise": 1,
        "peak_memory": 0,
    }.get(metric.removesuffix(GAIN), 2)
    return f"{round(value, digits) + 0.0:{'+' if sign else ''}.{digits}f}"


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return float(np.mean(finite)) if finite else math.nan
