"""A schedule in pictures: wheel, time line, gaps, dose per angle."""

from typing import TYPE_CHECKING, cast

import numpy as np

from svct.sampling.device import Device
from svct.sampling.schedule import Schedule
from svct.sampling.timeline import timeline
from svct.sampling.wheel import draw_wheel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.projections.polar import PolarAxes

BLUE = "#0b5fa5"
ORANGE = "#c4600c"


def plot_schedule(schedule: Schedule, device: Device | None = None) -> "Figure":
    """Draw a schedule: source positions with their loads, the scan in time, the gaps, the load per angle.

    Args:
        schedule: The schedule.
        device: Gives the time line; without one it shows the times that the schedule states, or else the order.

    Returns:
        A matplotlib figure, bound to no window; ``figure.savefig("schedule.svg")`` writes it.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 8.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    cells = figure.add_gridspec(2, 2)
    wheel = cast("PolarAxes", figure.add_subplot(cells[0, 0], projection="polar"))
    _draw_source(wheel, schedule)
    _draw_time(figure.add_subplot(cells[0, 1]), schedule, device)
    _draw_gaps(figure.add_subplot(cells[1, 0]), schedule)
    _draw_load(figure.add_subplot(cells[1, 1]), schedule)
    where = "" if device is None else f", {device.id}"
    figure.suptitle(
        f"{schedule.task}: {len(schedule.projections)} views, {schedule.method}{where}; simulation only", fontsize=12
    )
    return figure


def schedule_svg(schedule: Schedule, device: Device | None = None) -> str:
    """Return the picture of `plot_schedule` as an SVG element to be put into a page of HTML.

    Args:
        schedule: The schedule.
        device: As there.

    Returns:
        ``<svg ...>...</svg>``, the same for the same schedule. Letters are drawn as paths, so no font is needed;
        ids begin with the schedule's hash, so several may stand in one page.

    Example:
        >>> schedule = Schedule(angles_deg=(0.0, 90.0), geometry={"kind": "parallel"}, task="chest",
        ...                     budget=2, candidates=180, method="equidistant")
        >>> schedule_svg(schedule)[:5]
        '<svg '
    """
    import re
    from io import StringIO

    from matplotlib import rc_context

    out, mark = StringIO(), f"s{schedule.sha256[:12]}-"
    with rc_context({"svg.hashsalt": schedule.sha256, "svg.fonttype": "path"}):
        plot_schedule(schedule, device).savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    element = text[text.index("<svg ") :].strip()
    element = re.sub(r'\bid="', f'id="{mark}', element)
    element = re.sub(r'href="#', f'href="#{mark}', element)
    return element.replace("url(#", f"url(#{mark}")


def _draw_source(axes: "PolarAxes", schedule: Schedule) -> None:
    chosen = list(schedule.projections)
    axes.set_theta_zero_location("N" if schedule.angle_convention["zero"] == "+y" else "S")
    angles = np.deg2rad(np.array(schedule.angles_deg)[chosen]).tolist()
    load, unit = _loads(schedule)
    draw_wheel(axes, angles, loads=load[chosen].tolist(), half=False)
    axes.set_title(f"Source at each view; spoke length is {unit}", fontsize=10)


def _draw_time(axes: "Axes", schedule: Schedule, device: Device | None) -> None:
    angles = np.array(schedule.angles_deg)
    start: np.ndarray
    if device is not None:
        line = timeline(schedule, device)
        start, length, angles = line.start_s, line.exposure_s, line.position_deg
        axes.set_title(f"Time line of the scan, {line.duration_s:.4g} s", fontsize=10)
        axes.set_ylabel("axis position, degrees")
    elif schedule.t_offset_s:
        start = np.array(schedule.t_offset_s)
        length = np.array(schedule.exposure_ms) / 1000 if schedule.exposure_ms else np.zeros(len(start))
        axes.set_title("Time line of the scan, as stated", fontsize=10)
        axes.set_ylabel("source angle, degrees")
    else:
        start, length = np.arange(len(angles), dtype=float), np.zeros(len(angles))
        axes.set_title("Order of the views (no times stated)", fontsize=10)
        axes.set_ylabel("source angle, degrees")
    timed = device is not None or bool(schedule.t_offset_s)
    axes.set_xlabel("time, s" if timed else "place in the order")
    axes.plot(start, angles, color="0.75", linewidth=1, zorder=1)
    axes.hlines(angles, start, start + length, color=BLUE, linewidth=4, zorder=2)
    kinds = np.array(schedule.frame)
    for kind, colour, mark in (("projection", BLUE, "o"), ("dark", "black", "s"), ("flat", ORANGE, "D")):
        if (kinds == kind).any():
            axes.plot(
                start[kinds == kind], angles[kinds == kind], mark, color=colour, markersize=4, label=kind, zorder=3
            )
    if len(set(schedule.frame)) > 1:
        axes.legend(fontsize=8)
    axes.grid(color="0.9", linewidth=0.6)


def _draw_gaps(axes: "Axes", schedule: Schedule) -> None:
    period = 180.0 if schedule.geometry["kind"] == "parallel" else 360.0
    angles = np.sort(np.array([schedule.angles_deg[i] for i in schedule.projections]) % period)
    gaps = np.diff(angles, append=angles[0] + period)
    top = max(float(gaps.max()), 1e-9)
    axes.hist(gaps, bins=np.linspace(0, top * 1.05, 31).tolist(), color=BLUE)
    mean = period / len(angles)
    axes.axvline(mean, color=ORANGE, linewidth=1.5, label=f"equidistant, {mean:.4g} deg")
    axes.set_xlabel(f"gap between neighbours modulo {period:g}, degrees")
    axes.set_ylabel("gaps")
    axes.yaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]
    axes.set_title(f"Gaps, {gaps.min():.4g} to {gaps.max():.4g} degrees", fontsize=10)
    axes.legend(fontsize=8)


def _draw_load(axes: "Axes", schedule: Schedule) -> None:
    chosen = list(schedule.projections)
    angles = np.array(schedule.angles_deg)[chosen] % 360
    load, unit = _loads(schedule)
    axes.vlines(angles, 0, load[chosen], color=BLUE, linewidth=1.6)
    axes.plot(angles, load[chosen], "o", color=BLUE, markersize=3.5)
    mean = float(load[chosen].mean())
    axes.axhline(mean, color=ORANGE, linewidth=1.2, label=f"uniform, {mean:.4g}")
    axes.set_ylim(0, float(load[chosen].max()) * 1.25)
    axes.set_xlabel("source angle modulo 360, degrees")
    axes.set_ylabel(unit)
    total = f", {schedule.total_mAs:.4g} mAs in all" if schedule.exposure_mAs else ""
    axes.set_title(f"Load per angle{total}", fontsize=10)
    axes.legend(fontsize=8, loc="upper right")


def _loads(schedule: Schedule) -> tuple[np.ndarray, str]:
    """Return the load per frame and its unit."""
    if schedule.exposure_mAs:
        return np.array(schedule.exposure_mAs), "mAs"
    return np.array(schedule.relative_load), "load over the mean"
