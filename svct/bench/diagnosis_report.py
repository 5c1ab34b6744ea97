"""A study of diagnostic accuracy as text and as curves."""

from pathlib import Path
from typing import Any

import numpy as np

from svct.bench.diagnosis import LEARNED, Row, by_views, fewest_views
from svct.bench.diagnosis_auc import MARGIN, Fewest
from svct.bench.diagnosis_cells import CEILING, FLOOR
from svct.files import atomic_path
from svct.tasks.heads.scores import Figure

COLOURS = {"fbp": "#7f7f7f", "tv": "#d1741f", "unrolled": "#0b5fa5"}


def as_json(rows: list[Row]) -> dict[str, Any]:
    """Return rows and fewest views as plain data."""
    names = ("finding", "method", "views", "photons", "reader", "way")
    return {
        "margin": MARGIN,
        "rows": [{**{name: getattr(row, name) for name in names}, "auc": _plain(row.auc), **row.about} for row in rows],
        "fewest_views": [
            {**dict(zip(("finding", "method", "reader", "way"), key, strict=True)), "views": vars(found)}
            for key, found in fewest_views(rows).items()
        ],
    }


def as_text(rows: list[Row]) -> list[str]:
    """Return tables as Markdown: the area by number of views, by flux, and the fewest views."""
    lines = []
    for finding in dict.fromkeys(row.finding for row in rows):
        own = [row for row in rows if row.finding == finding]
        flux = next(row.photons for row in own if row.method == CEILING)
        most = max(row.views for row in own)
        for reader in dict.fromkeys(row.reader for row in own):
            read = [row for row in own if row.reader == reader]
            ends = {
                row.method: _told(row.auc) for row in read if row.method in (CEILING, FLOOR) and row.way != "frozen"
            }
            lines += [f"{finding}, {reader}: ceiling {ends.get(CEILING, '')}, floor {ends.get(FLOOR, '')}", ""]
            ceiling = [row for row in own if row.method == CEILING][:1]
            curve = by_views([*ceiling, *read])
            dose = f"the dose of {most} with {flux:g}" if len({row.photons for row in curve}) > 1 else f"{flux:g}"
            lines += [f"Views at {dose} photons per ray", "", *_table(curve, "views"), ""]
            by_flux = [row for row in read if row.views == most]
            if len({row.photons for row in by_flux}) > 1:
                lines += [f"Photons per ray at {most} views", "", *_table(by_flux, "photons"), ""]
    lines += [f"Fewest views from which on the area stays within {MARGIN} of that of all views", ""]
    lines += ["| finding | reader | method | frozen | refitted |", "|---|---|---|---|---|"]
    found = fewest_views(rows)
    for finding, method, reader in dict.fromkeys(key[:3] for key in found):
        told = [_views(found.get((finding, method, reader, way))) for way in ("frozen", "refitted")]
        lines.append(f"| {finding} | {reader} | {method} | {told[0]} | {told[1]} |")
    return lines


def _table(rows: list[Row], axis: str) -> list[str]:
    curves = [row for row in rows if row.method not in (CEILING, FLOOR)]
    heads = list(dict.fromkeys((row.method, row.way) for row in curves))
    lines = [f"| {axis} | " + " | ".join(f"{m} {w}" for m, w in heads) + " |", "|" + "---|" * (len(heads) + 1)]
    for value in sorted({float(getattr(row, axis)) for row in curves}):
        at = {(row.method, row.way): _told(row.auc) for row in curves if getattr(row, axis) == value}
        lines.append(f"| {value:g} | " + " | ".join(at.get(head, "") for head in heads) + " |")
    return lines


def plot(rows: list[Row], path: Path, *, overwrite: bool = False) -> None:
    """Draw the curves: a row for each finding, area against views and against flux; of learned views the refitted way.

    Args:
        rows: The points.
        path: PNG to write.
        overwrite: Replace it where it is there.

    Raises:
        OutputExistsError: The file exists and `overwrite` is false.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    curves = list(dict.fromkeys((row.finding, row.reader) for row in rows))
    figure = Canvas(figsize=(9.5, 2.7 * len(curves) + 0.4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    cells = figure.subplots(len(curves), 2, sharey=True, squeeze=False, width_ratios=(1.5, 1))
    for (finding, reader), pair in zip(curves, cells, strict=True):
        own = [row for row in rows if (row.finding, row.reader) == (finding, reader)]
        ceiling = next(row for row in own if row.method == CEILING)
        most = max(row.views for row in own)
        for axes, axis in zip(pair, ("views", "photons"), strict=True):
            axes.axhspan(ceiling.auc.low, ceiling.auc.high, color="#2a8c4a", alpha=0.12, linewidth=0)
            axes.axhline(ceiling.auc.value, color="#2a8c4a", linewidth=1)
            axes.axhline(0.5, color="0.6", linewidth=1, linestyle=":")
            axes.set_xscale("log")
            for method, way in dict.fromkeys((row.method, row.way) for row in own):
                on_axis = by_views(own) if axis == "views" else [row for row in own if row.views == most]
                points = sorted(
                    ((float(getattr(row, axis)), row.auc) for row in on_axis if (row.method, row.way) == (method, way)),
                    key=lambda point: point[0],
                )
                learned = method.endswith(LEARNED)
                if method in (CEILING, FLOOR) or not points or (learned and way == "frozen"):
                    continue
                x, values = [p[0] for p in points], [p[1] for p in points]
                below = [v.value - v.low for v in values]
                above = [v.high - v.value for v in values]
                style = ":" if learned else "-" if way == "frozen" else "--"
                colour = COLOURS.get(method.removesuffix(LEARNED), "#7a3d9a")
                nudge = 1.06 if learned else 1.0 if way == "frozen" else 1.03
                axes.errorbar(
                    np.multiply(x, nudge), [v.value for v in values], (below, above), label=f"{method}, {way}",
                    color=colour, linestyle=style, marker="s" if learned else "o", markersize=4 if learned else 3,
                    markerfacecolor="white" if learned else colour, linewidth=1.2, elinewidth=0.6,
                )  # fmt: skip
            axes.spines[["top", "right"]].set_visible(False)
            axes.set_xlabel("views" if axis == "views" else f"photons per ray, {most} views")
        for axes, axis in zip(pair, ("views", "photons"), strict=True):
            ticks = sorted({float(getattr(row, axis)) for row in own if axis == "views" or row.views == most})
            axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks], fontsize=8)
            axes.minorticks_off()
        pair[0].set(ylabel="AUC", ylim=(0.35, 1.02))
        pair[0].set_title(f"{finding}, {reader}; green: the true images", fontsize=10, loc="left")
    figure.legend(
        *cells[0, 0].get_legend_handles_labels(), fontsize=8, frameon=False, loc="outside lower center", ncols=3
    )
    with atomic_path(path, overwrite=overwrite) as partial:
        figure.savefig(partial, format="png")


def _told(figure: Figure) -> str:
    return f"{figure.value:.2f} ({figure.low:.2f}-{figure.high:.2f})"


def _views(found: Fewest | None) -> str:
    return "" if found is None else f"{found.value:g} ({found.low:g}-{found.high:g})"


def _plain(figure: Figure) -> dict[str, float]:
    return {"value": figure.value, "low": figure.low, "high": figure.high}
