"""Schedules as wheels, drawn as SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from svct.bench.report.load import CellFile, Result, Run
from svct.bench.report.tables import SAMPLERS, in_order, panel_of

INNER, OUTER = 22.0, 62.0
"""Radii where spokes begin, and where those of the highest load end, in pixels of the drawing."""


@dataclass(frozen=True)
class Wheel:
    """The schedule of a cell.

    Args:
        panel: Its task, with the protocol where the run has several.
        sampler: What chose the views.
        views: How many.
        angles_deg: Their angles.
        loads: Load of each, with a mean of 1.
        half: Whether half a turn holds all views, as in parallel beam.
    """

    panel: str
    sampler: str
    views: int
    angles_deg: tuple[float, ...]
    loads: tuple[float, ...]
    half: bool

    @property
    def says(self) -> str:
        """The schedule in a sentence."""
        angles = sorted(self.angles_deg)
        period = 180.0 if self.half else 360.0
        gaps = [b - a for a, b in zip(angles, [*angles[1:], angles[0] + period], strict=True)]
        load = (
            "all of the same load"
            if max(self.loads) - min(self.loads) < 1e-3
            else f"loads {min(self.loads):.2f} to {max(self.loads):.2f} times the mean"
        )
        return (
            f"{self.panel}, {self.sampler}, {self.views} views: gaps {min(gaps):.1f} to {max(gaps):.1f} degrees, {load}"
        )


def wheels_of(run: Run) -> list[Wheel]:
    """Return one schedule for each task, number of views and sampler: that of the first seed and the most photons."""
    several = len({r.protocol for r in run.results}) > 1
    by_key: dict[str, Result] = {}
    for r in run.results:
        by_key.setdefault(r.key, r)
    found: dict[tuple[str, int, str], Result] = {}
    for r in sorted(by_key.values(), key=lambda r: (r.seed, -r.photons, r.key)):
        if r.key in run.cells and run.cells[r.key].angles_deg:
            found.setdefault((panel_of(r.task, r.protocol, several=several), r.views, r.sampler), r)
    order = {name: i for i, name in enumerate(in_order((key[2] for key in found), SAMPLERS))}
    reach: dict[str, float] = {}
    for (panel, _, _), r in found.items():
        reach[panel] = max(reach.get(panel, 0.0), *run.cells[r.key].angles_deg)
    wheels = []
    for (panel, views, sampler), r in sorted(found.items(), key=lambda one: (*one[0][:2], order[one[0][2]])):
        cell = run.cells[r.key]
        loads = cell.loads if len(cell.loads) == len(cell.angles_deg) else (1.0,) * len(cell.angles_deg)
        wheels.append(Wheel(panel, sampler, views, cell.angles_deg, loads, _is_half(cell, reach[panel])))
    return wheels


def _is_half(cell: CellFile, reach_deg: float) -> bool:
    """Return whether half a turn holds all views: in parallel beam, or where no geometry is told, up to 180 degrees."""
    task = cell.inputs.get("task")
    scan = task.get("scan") if isinstance(task, dict) else None
    return scan["kind"] == "parallel" if isinstance(scan, dict) and "kind" in scan else reach_deg <= 180.0


def draw(wheel: Wheel) -> str:
    """Draw a wheel as SVG: each view a spoke, its length the load; the rim stands for the highest load.

    A half wheel has 0 degrees to the right and 90 at the top.
    """
    height = 84 if wheel.half else 148
    middle = (74.0, 72.0 if wheel.half else 74.0)
    most = max(wheel.loads)
    spokes, tips = [], []
    for angle, load in zip(wheel.angles_deg, wheel.loads, strict=True):
        start = _at(middle, angle, INNER)
        end = _at(middle, angle, INNER + (OUTER - INNER) * load / most)
        spokes.append(f"M{start}L{end}")
        tips.append(f"M{end}h0")
    rim = "".join(_arc(middle, radius, half=wheel.half) for radius in (INNER, OUTER))
    marks = "".join(
        f'<text x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>'
        for x, y, anchor, text in (
            [(142, 82, "end", "0°"), (6, 82, "start", "180°"), (74, 8, "middle", "90°")]
            if wheel.half
            else [
                (147, 72, "end", "0°"),
                (74, 9, "middle", "90°"),
                (1, 72, "start", "180°"),
                (74, 147, "middle", "270°"),
            ]
        )
    )
    return (
        f'<svg class="wheel" viewBox="0 0 148 {height}" role="img" aria-label="{wheel.says}">'
        f'<path class="rim" d="{rim}"/><path class="spokes" d="{"".join(spokes)}"/>'
        f'<path class="tips" d="{"".join(tips)}"/>{marks}</svg>'
    )


def as_text(values: Sequence[float], digits: int) -> str:
    """Write angles or loads in one line."""
    return ", ".join(f"{value:.{digits}f}" for value in values)


def _at(middle: tuple[float, float], angle_deg: float, radius: float) -> str:
    angle = math.radians(angle_deg)
    return f"{middle[0] + radius * math.cos(angle):.1f} {middle[1] - radius * math.sin(angle):.1f}"


def _arc(middle: tuple[float, float], radius: float, *, half: bool) -> str:
    """Return half a circle, closed by its diameter, or a whole one."""
    ends = [_at(middle, angle, radius) for angle in (0, 180, 360)]
    arcs = [f"A{radius} {radius} 0 0 0 {end}" for end in ends[1 : 2 if half else 3]]
    return f"M{ends[0]}{''.join(arcs)}{'Z' if not half else ''}"
