"""Curves with intervals, as traces that plotly.js draws, and the same figures as tables."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from svct.bench.report.tables import (
    GAIN,
    METRICS,
    RECONSTRUCTORS,
    REFERENCE,
    SAMPLERS,
    Point,
    Setting,
    flux_told,
    in_order,
    told,
)

Axis = Literal["views", "photons"]

STYLES = {
    "equidistant": ("#7f7f7f", "circle"),
    "universal": ("#009e73", "square"),
    "learned": ("#0072b2", "diamond"),
    "learned-mas": ("#d55e00", "triangle-up"),
    "fbp": ("#7f7f7f", "circle"),
    "tv": ("#d55e00", "square"),
    "unrolled": ("#0072b2", "diamond"),
}
SPARE = (("#cc79a7", "cross"), ("#e69f00", "x"), ("#56b4e9", "star"), ("#009e73", "pentagon"), ("#0072b2", "hourglass"))
"""Colours that people with any colour vision tell apart (Okabe and Ito 2008), each with a mark of its own."""

COST = ("seconds", "peak_memory")

TITLES = {
    "psnr": "PSNR",
    "ssim": "SSIM",
    "rmse": "RMSE",
    "bias": "bias",
    "noise_frequency": "mean frequency of noise",
    "ttf50": "TTF 50 %",
    "ttf10": "TTF 10 %",
    "auc": "AUC",
    "dprime": "d'",
    "seconds": "time",
    "peak_memory": "peak memory",
}


@dataclass(frozen=True)
class Table:
    """A table that says what a figure shows.

    Args:
        heads: Names of the columns.
        rows: Their cells, as text.
    """

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Chart:
    """Small multiples, one panel for each task, over one axis.

    Args:
        name: Short name, for element identifiers.
        axis: What lies on the horizontal axis.
        metrics: Choices of what to show: identifier and label.
        lines: Choices of what the lines are, likewise.
        at: Choices of what is held fixed: photons where `axis` is views, and the other way round.
        figures: By ``metric|line|at``, then by panel: traces and axes.
        tables: By the same key.
    """

    name: str
    axis: Axis
    metrics: dict[str, str] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)
    at: dict[str, str] = field(default_factory=dict)
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)

    @property
    def first(self) -> str:
        """The key that is shown at first."""
        return next(iter(self.figures), "")


def styles_of(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Give every line a colour and a mark, the same in all figures of a page."""
    spare = iter(SPARE * (1 + len(names) // len(SPARE)))
    chosen = {name: STYLES[name] if name in STYLES else next(spare) for name in names}
    return {name: {"colour": colour, "symbol": symbol} for name, (colour, symbol) in chosen.items()}


def chart(name: str, points: dict[Setting, Point], *, axis: Axis, wanted: Callable[[Setting], bool]) -> Chart:
    """Draw what was measured, along one axis.

    Args:
        name: Short name of the chart.
        points: All that was measured.
        axis: What lies on the horizontal axis.
        wanted: Which settings belong to the chart.

    Returns:
        A chart; against photons without figures where all have the same.
    """
    chosen = {s: p for s, p in points.items() if wanted(s)}
    made = Chart(name, axis)
    samplers = in_order((s.sampler for s in chosen), SAMPLERS)
    reconstructors = in_order((s.reconstructor for s in chosen), RECONSTRUCTORS)
    fixed = _fixed(chosen, axis)
    readings = in_order((s.metric for s in chosen), [name for m in METRICS for name in (m, f"{m}{GAIN}")])
    # The page opens with the backbone where there is one.
    across = [("reconstructor", name) for name in in_order(reconstructors, RECONSTRUCTORS[::-1])] + [
        ("sampler", name) for name in samplers
    ]
    for metric in readings:
        for reader in sorted({s.reader for s in chosen if s.metric == metric}):
            for what, one in across:
                for held in fixed:
                    own = {
                        s: p for s, p in chosen.items()
                        if (s.metric, s.reader, getattr(s, what), _held(s, axis)) == (metric, reader, one, held)
                    }  # fmt: skip
                    _add(made, own, metric=metric, reader=reader, what=what, one=one, held=held)
    return made


def _fixed(points: dict[Setting, Point], axis: Axis) -> list[float]:
    """Return the values to hold fixed, the one with the most figures first, then downwards."""
    values = [_held(s, axis) for s in points]
    return sorted(set(values), key=lambda value: (-values.count(value), -value))


def _held(setting: Setting, axis: Axis) -> float:
    return setting.photons if axis == "views" else float(setting.views)


def _add(made: Chart, own: dict[Setting, Point], *, metric: str, reader: str, what: str, one: str, held: float) -> None:
    lines_are = "sampler" if what == "reconstructor" else "reconstructor"
    positions = sorted({float(getattr(s, made.axis)) for s in own})
    names = in_order((getattr(s, lines_are) for s in own), SAMPLERS if lines_are == "sampler" else RECONSTRUCTORS)
    if len(positions) < (1 if made.axis == "views" else 2) or (what == "sampler" and len(names) < 2):
        return
    metric_id, line_id, at_id = f"{metric}/{reader}", f"{what}/{one}", f"{held:g}"
    made.metrics[metric_id] = label_of(metric, reader)
    made.lines[line_id] = f"samplers, with {one}" if what == "reconstructor" else f"reconstructions, {one} views"
    made.at[at_id] = flux_told(held) if made.axis == "views" else f"{held:g} views"
    key = f"{metric_id}|{line_id}|{at_id}"
    unit = next(iter(own.values())).unit
    panels: dict[str, Any] = {}
    rows = []
    for panel in sorted({s.panel for s in own}):
        cells = {(getattr(s, lines_are), float(getattr(s, made.axis))): p for s, p in own.items() if s.panel == panel}
        traces = [
            _trace(line, [(x, cells[line, x]) for x in positions if (line, x) in cells], nudge=i - (len(names) - 1) / 2)
            for i, line in enumerate(names)
        ]
        panels[panel] = {
            "traces": [trace for trace in traces if trace["x"]],
            "ticks": [x for x in positions if any((line, x) in cells for line in names)],
            "x": "views" if made.axis == "views" else "photons per ray",
            "y": f"{label_of(metric, reader).partition(', ')[0]}{' gain' if metric.endswith(GAIN) else ''}"
            + (f", {unit}" if unit else ""),
        }
        rows += [
            (panel, f"{x:g}", *(interval(cells.get((line, x)), metric) for line in names))
            for x in panels[panel]["ticks"]
        ]
    made.figures[key] = panels
    made.tables[key] = Table(("task", panels[rows[0][0]]["x"], *names), tuple(rows))


def _trace(name: str, points: list[tuple[float, Point]], *, nudge: float) -> dict[str, Any]:
    """Return a line; `nudge` shifts it by so many steps of 1.5 %, so that intervals do not cover each other."""
    return {
        "name": name,
        "x": [x * 1.015**nudge for x, _ in points],
        "at": [x for x, _ in points],
        "y": [_plain(p.value) for _, p in points],
        "plus": [_plain(p.high - p.value) for _, p in points],
        "minus": [_plain(p.value - p.low) for _, p in points],
    }


def label_of(metric: str, reader: str) -> str:
    """Write a metric with its reader.

    Example:
        >>> label_of("auc", "cho"), label_of("psnr-gain", "")
        ('AUC of cho', 'PSNR, gain over equidistant')
    """
    plain = metric.removesuffix(GAIN)
    title = TITLES.get(plain, plain)
    return f"{title}{f' of {reader}' if reader else ''}{'' if metric == plain else f', gain over {REFERENCE}'}"


def interval(point: Point | None, metric: str) -> str:
    """Write a figure with its interval, or nothing where there is none."""
    if point is None:
        return ""
    value = told(point.value, metric=metric)
    if math.isnan(point.low):
        return value
    return f"{value} ({told(point.low, metric=metric)} to {told(point.high, metric=metric)})"


def _plain(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
