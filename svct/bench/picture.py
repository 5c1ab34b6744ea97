"""The picture of a verdict: the views on a wheel beside the reconstructions."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from torch import Tensor

from svct.bench.judge import Verdict
from svct.files import atomic_path
from svct.sampling.importance import tissue_psnr
from svct.sampling.wheel import draw_wheel
from svct.tasks.task import Task
from svct.units import mu_to_hu

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.projections.polar import PolarAxes


def draw_verdict(path: Path, task: Task, verdict: Verdict) -> None:
    """Draw learned views over equidistant ones, the two reconstructions, the truth and both errors.

    Args:
        path: PNG to write; replaced where it exists.
        task: The task.
        verdict: What was found.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.6, 7.0), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    cells = figure.add_gridspec(2, 4, width_ratios=(1.15, 1, 1, 1))
    wheel = cast("PolarAxes", figure.add_subplot(cells[0, 0], projection="polar"))
    angles = task.scan.angles
    draw_wheel(
        wheel,
        [angles[v] for v in verdict.found.learned],
        reference=[angles[v] for v in verdict.equidistant],
        half=not task.scan.divergent,
    )
    wheel.set_title(f"{task.budget} learned views; grey: best equidistant", fontsize=10)

    truth, equidistant, learned = verdict.pictures
    high, error = _window(truth)
    kept = verdict.schedule.method
    images = [
        ("truth", truth),
        (
            f"equidistant, {tissue_psnr(equidistant, truth):.2f} dB" + (" (returned)" if kept == "equidistant" else ""),
            equidistant,
        ),
        (f"learned, {tissue_psnr(learned, truth):.2f} dB" + (" (returned)" if kept == "learned" else ""), learned),
    ]
    for column, (title, image) in enumerate(images, start=1):
        axes = figure.add_subplot(cells[0, column])
        _show(axes, mu_to_hu(image), title, low=-1000, high=high, colours="gray")
        if column > 1:
            axes = figure.add_subplot(cells[1, column])
            _show(
                axes,
                mu_to_hu(image) - mu_to_hu(truth),
                f"error, {-error:.0f} to {error:.0f} HU",
                low=-error,
                high=error,
                colours="RdBu_r",
            )
    gain = figure.add_subplot(cells[1, 0:2])
    _draw_gain(gain, verdict)
    figure.suptitle(f"{task.title}: {task.budget} views, window -1000 to {high:.0f} HU", fontsize=12)
    with atomic_path(path, overwrite=True) as partial:
        figure.savefig(partial, format="png")


def _window(truth: Tensor) -> tuple[float, float]:
    """Return the upper ends of window and errors, HU: 400 and 200, or more for objects denser than tissue."""
    hu = mu_to_hu(truth)
    dense = float(hu[hu > -500].quantile(0.9)) if bool((hu > -500).any()) else 0.0
    high = 400.0 if dense < 1000 else 100 * math.ceil(dense / 100)
    return high, 100 * math.ceil((high + 1000) / 700)


def _show(axes: "Axes", hu: Tensor, title: str, *, low: float, high: float, colours: str) -> None:
    axes.imshow(hu.numpy(), cmap=colours, vmin=low, vmax=high)
    axes.set_title(title, fontsize=10)
    axes.set_axis_off()


def _draw_gain(axes: "Axes", verdict: Verdict) -> None:
    difference = np.array(verdict.metrics["learned"]["psnr_db"]) - verdict.metrics["equidistant"]["psnr_db"]
    axes.axhline(0, color="0.5", linewidth=1)
    axes.axhspan(verdict.gain.low_db, verdict.gain.high_db, color="#0b5fa5", alpha=0.2, linewidth=0)
    axes.axhline(verdict.gain.mean_db, color="#0b5fa5", linewidth=1.5)
    axes.plot(np.sort(difference), "o", color="#0b5fa5", markersize=4)
    axes.set_xlabel(f"test {verdict.metrics['unit']}s, sorted")
    axes.set_ylabel("learned minus equidistant, dB")
    axes.set_title(
        f"gain {verdict.gain.mean_db:+.2f} dB, 95 % {verdict.gain.low_db:+.2f} to {verdict.gain.high_db:+.2f}",
        fontsize=10,
    )
