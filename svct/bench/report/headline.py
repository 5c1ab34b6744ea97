"""The headline table: what each way to choose views is worth, task by task."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from svct.bench.report.figures import COST, interval, label_of
from svct.bench.report.tables import (
    METRICS,
    RECONSTRUCTORS,
    REFERENCE,
    SAMPLERS,
    Point,
    Setting,
    flux_told,
    in_order,
    summary_of,
    told,
    verdict_of,
)
from svct.bench.statistics import Comparison


@dataclass(frozen=True)
class Entry:
    """A cell of the table.

    Args:
        text: Its figure.
        verdict: What the comparison tells, or ``""``.
    """

    text: str
    verdict: str = ""


@dataclass(frozen=True)
class Body:
    """The rows of one metric, reconstruction and flux.

    Args:
        samplers: Names of the columns.
        tasks: For each task, its rows: views, and an entry for each sampler.
        summary: A sentence for each sampler that was compared.
    """

    samplers: tuple[str, ...]
    tasks: dict[str, tuple[tuple[int, tuple[Entry, ...]], ...]]
    summary: tuple[str, ...]


@dataclass(frozen=True)
class Headline:
    """The table with its choices.

    Args:
        metrics: Identifier and label of each.
        reconstructors: Likewise.
        photons: Likewise.
        bodies: By ``metric|reconstructor|photons``.
    """

    metrics: dict[str, str] = field(default_factory=dict)
    reconstructors: dict[str, str] = field(default_factory=dict)
    photons: dict[str, str] = field(default_factory=dict)
    bodies: dict[str, Body] = field(default_factory=dict)

    @property
    def first(self) -> str:
        """The key that is shown at first."""
        return next(iter(self.bodies), "")


def headline_of(points: dict[Setting, Point], comparisons: dict[Setting, Comparison]) -> Headline:
    """Build the table; the backbone and the most measured flux come first."""
    made = Headline()
    fluxes = [s.photons for s in points]
    readings = [
        (metric, reader)
        for metric in in_order((s.metric for s in points if s.metric not in COST), METRICS)
        for reader in sorted({s.reader for s in points if s.metric == metric})
    ]
    for metric, reader in readings:
        for reconstructor in in_order((s.reconstructor for s in points), RECONSTRUCTORS[::-1]):
            for photons in sorted(set(fluxes), key=lambda value: (-fluxes.count(value), -value)):
                own = {
                    s: p for s, p in points.items()
                    if (s.metric, s.reader, s.reconstructor, s.photons) == (metric, reader, reconstructor, photons)
                }  # fmt: skip
                if not own:
                    continue
                unit = next(iter(own.values())).unit
                made.metrics[f"{metric}/{reader}"] = f"{label_of(metric, reader)}{f', {unit}' if unit else ''}"
                made.reconstructors[reconstructor] = reconstructor
                made.photons[f"{photons:g}"] = flux_told(photons)
                made.bodies[f"{metric}/{reader}|{reconstructor}|{photons:g}"] = _body(own, comparisons, metric)
    return made


def _body(own: dict[Setting, Point], comparisons: dict[Setting, Comparison], metric: str) -> Body:
    samplers = in_order((s.sampler for s in own), SAMPLERS)
    at = {(s.panel, s.views, s.sampler): s for s in own}
    rows: dict[str, list[tuple[int, tuple[Entry, ...]]]] = {}
    for panel, views in sorted({(s.panel, s.views) for s in own}):
        entries = (_entry(at.get((panel, views, name)), own, comparisons, metric) for name in samplers)
        rows.setdefault(panel, []).append((views, tuple(entries)))
    compared = {s: comparisons[s] for s in own if s in comparisons}
    tasks = {panel: tuple(own_rows) for panel, own_rows in rows.items()}
    return Body(tuple(samplers), tasks, tuple(summary_of(compared)))


def _entry(
    setting: Setting | None, own: dict[Setting, Point], comparisons: dict[Setting, Comparison], metric: str
) -> Entry:
    if setting is None:
        return Entry("")
    compared = comparisons.get(setting)
    if compared is None or setting.sampler == REFERENCE:
        return Entry(interval(own[setting], metric))
    found = compared.difference
    mean, low, high = (told(v, metric=metric, sign=True) for v in (found.mean, found.low, found.high))
    return Entry(f"{mean} ({low} to {high})", verdict_of(metric, compared))


def patients_of(points: Sequence[Point]) -> str:
    """Say how many patients and seeds stand behind figures.

    Example:
        >>> patients_of([Point(1.0, 0.8, 1.2, 30, 3, "", {}), Point(1.0, 0.9, 1.1, 0, 3, "", {})])
        '30 patients and 3 seeds'
    """
    parts = []
    for name, counts in (("patient", {p.patients for p in points if p.patients}), ("seed", {p.seeds for p in points})):
        if counts:
            low, high = min(counts), max(counts)
            parts.append(f"{low}{f' to {high}' if high > low else ''} {name}{'s' if high > 1 else ''}")
    return " and ".join(parts)
