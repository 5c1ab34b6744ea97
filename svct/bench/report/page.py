"""The report as one HTML file that asks nothing of the network."""

import base64
import gzip
import json
from collections.abc import Callable
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

from svct.bench.report.areas import area_comparisons, area_points, areas_of
from svct.bench.report.figures import COST, chart, styles_of
from svct.bench.report.headline import headline_of, patients_of
from svct.bench.report.images import INTERCEPT, gallery_of
from svct.bench.report.load import CellFile, Run
from svct.bench.report.tables import RECONSTRUCTORS, SAMPLERS, comparisons_of, gains_of, in_order, points_of
from svct.bench.report.wheels import as_text, draw, wheels_of
from svct.errors import BackendUnavailable
from svct.files import atomic_path

ASSETS = files("svct.bench.report") / "assets"
STAGES = ("summing up", "comparing", "drawing", "packing images")
SCRIPTS = ("theme.js", "charts.js", "png.js", "viewer.js")


def write_report(run: Run, path: Path, *, overwrite: bool = False, say: Callable[[str], object] = str) -> None:
    """Write the report of a run.

    Args:
        run: The run.
        path: HTML file to write.
        overwrite: Replace it where it is there.
        say: Called with what is being done, at each of `STAGES`.

    Raises:
        BackendUnavailable: Jinja or Plotly is not installed.
        OutputExistsError: The file exists and `overwrite` is false.
        DataFileError: A file of images cannot be read, or the page cannot be written.
    """
    with atomic_path(path, overwrite=overwrite) as partial:
        partial.write_text(as_html(run, say), encoding="utf-8")


def as_html(run: Run, say: Callable[[str], object] = str) -> str:
    """Return the page; see `write_report`."""
    try:
        from jinja2 import Environment, StrictUndefined
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise BackendUnavailable("a report needs jinja2 and plotly; install svct[bench]") from error
    say(STAGES[0])
    areas = areas_of(run.results)
    points = points_of(run.results) | area_points(areas)
    say(STAGES[1])
    comparisons = comparisons_of(points) | area_comparisons(areas)
    headline = headline_of(points, comparisons)
    drawn = points | gains_of({s: c for s, c in comparisons.items() if s.metric not in COST}, points)
    say(STAGES[2])
    charts = [
        chart("quality", drawn, axis="views", wanted=lambda s: not s.reader and s.metric not in COST),
        chart("dose", drawn, axis="photons", wanted=lambda s: s.metric not in COST),
        chart("diagnosis", drawn, axis="views", wanted=lambda s: bool(s.reader)),
        chart("cost", points, axis="views", wanted=lambda s: s.metric in COST),
    ]
    wheels = wheels_of(run)
    wheel_views = sorted({wheel.views for wheel in wheels})
    say(STAGES[3])
    gallery = gallery_of(run)
    samplers = in_order((s.sampler for s in points), SAMPLERS)
    reconstructors = in_order((s.reconstructor for s in points), RECONSTRUCTORS)
    data = {
        "styles": {**styles_of(samplers), **styles_of(reconstructors)},
        "charts": {one.name: one.figures for one in charts},
        "intercept": INTERCEPT,
        "groups": [asdict(group) for group in gallery.groups],
    }
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_asset("page.html"))
    return template.render(
        title=run.folder.resolve().name,
        about=run.about,
        plan=run.plan,
        cells=len(run.cells),
        failed=[(cell, _inputs(cell)) for cell in run.failed],
        patients=patients_of(list(points.values())),
        headline=headline,
        literature=run.literature,
        charts={one.name: one for one in charts},
        wheels=[(wheel, draw(wheel), as_text(wheel.angles_deg, 2), as_text(wheel.loads, 3)) for wheel in wheels],
        wheel_views=wheel_views,
        wheel_first=wheel_views[(len(wheel_views) - 1) // 2] if wheel_views else 0,
        gallery=gallery,
        style=_asset("style.css"),
        script="\n".join(_asset(name) for name in SCRIPTS),
        data=_json(data),
        plotly=base64.b64encode(gzip.compress(get_plotlyjs().encode(), 9, mtime=0)).decode("ascii"),
    )


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def _json(value: Any) -> str:
    """Write JSON that can stand within a script element."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _inputs(cell: CellFile) -> str:
    """Write what a cell was asked for in a line; of a group of inputs its name."""
    told = {name: value.get("name") if isinstance(value, dict) else value for name, value in cell.inputs.items()}
    wanted = ("task", "protocol", "sampler", "budget", "views", "photons", "reconstructor", "seed")
    short = [name for name in wanted if isinstance(told.get(name), str | int | float) and len(str(told[name])) < 40]
    return ", ".join(f"{name} {told[name]}" for name in short)
