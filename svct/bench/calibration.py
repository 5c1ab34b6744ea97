"""Whether error bars are as long as the errors are large."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from svct.files import atomic_path
from svct.geometry.projector import Projector
from svct.physics.acquisition import Acquisition
from svct.sampling.fixed import equidistant_sets
from svct.tasks.task import load_task
from svct.units import MU_WATER

LEVELS = (0.5, 0.8, 0.9, 0.95, 0.99)
"""Parts of the pixels that intervals are to hold."""


@dataclass(frozen=True)
class Calibration:
    """How error bars do on test patients of one task.

    Args:
        task: The task.
        views: Equidistant views.
        photons: Per ray.
        patients: Test patients.
        held: For each of `LEVELS`, the part of the pixels of the body whose truth the interval held.
        said_hu: Mean absolute error as the bars tell it, in each tenth of the pixels from the surest on, HU.
        found_hu: The mean absolute error there, HU.
    """

    task: str
    views: int
    photons: float
    patients: int
    held: tuple[float, ...]
    said_hu: tuple[float, ...]
    found_hu: tuple[float, ...]


def calibrate(
    head: Callable[..., tuple[Tensor, Tensor]],
    *,
    tasks: tuple[str, ...] = ("chest", "head", "abdomen", "shoulder"),
    views: tuple[int, ...] = (16, 48),
    photons: float = 5e4,
    patients: int = 12,
    seed: int = 0,
    each: Callable[[], object] = lambda: None,
) -> list[Calibration]:
    """Compare error bars with errors.

    Args:
        head: Called ``(y, A)``, returns an image and the standard deviation of its error; see `svct.recon.uncertainty`.
        tasks: Whose test patients to scan.
        views: Numbers of equidistant views.
        photons: Per ray.
        patients: How many of each task.
        seed: Seed of the noise.
        each: Called after each task and number of views, for a progress bar.

    Notes:
        Intervals are those of a Laplace distribution: of scale s, the central one of level p reaches -s ln(1 - p) to
        either side. Only pixels of the body count, since air is easy.
    """
    rows = []
    for name in tasks:
        task = load_task(name)
        truth = task.cohort.images(task.cohort.split("test")[:patients])
        body = truth > 0.1 * MU_WATER
        for count in views:
            A = Projector(task.scan, task.grid)[list(equidistant_sets(len(task.scan), count)[0])]
            y = Acquisition(photons=photons).measure(A(truth), seed=seed)
            with torch.inference_mode():
                parts = [head(part, A) for part in torch.split(y, 6)]
            x, std = (torch.cat(of) for of in zip(*parts, strict=True))
            error = ((x - truth).abs() * 1000 / MU_WATER)[body]
            scale = (std * 1000 / MU_WATER)[body] / math.sqrt(2)
            held = tuple(float((error <= -math.log(1 - p) * scale).double().mean()) for p in LEVELS)
            tenths = torch.tensor_split(torch.argsort(scale), 10)
            said, found = (tuple(float(v[i].mean()) for i in tenths) for v in (scale, error))
            rows.append(Calibration(name, count, photons, len(truth), held, said, found))
            each()
    return rows


def plot_calibration(rows: list[Calibration], path: Path, *, overwrite: bool = False) -> None:
    """Draw what the intervals held against their level, and errors against what the bars say.

    Raises:
        OutputExistsError: The file exists and `overwrite` is false.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.2), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    most = max(max(row.found_hu + row.said_hu) for row in rows) * 1.2
    for row in rows:
        label = f"{row.task}, {row.views} views"
        left.plot(LEVELS, row.held, "o-", label=label, lw=1, ms=3)
        right.loglog(row.said_hu, row.found_hu, "o-", label=label, lw=1, ms=3)
    left.plot([0.4, 1], [0.4, 1], "k:", lw=1)
    right.plot([1, most], [1, most], "k:", lw=1)
    left.set(xlabel="level of the interval", ylabel="part of the body's pixels held", xlim=(0.45, 1), ylim=(0.3, 1.02))
    right.set(xlabel="mean absolute error as told, HU", ylabel="as found, HU")
    right.legend(fontsize=7, frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    with atomic_path(path, overwrite=overwrite) as partial:
        figure.savefig(partial, format="png")


def table(rows: list[Calibration]) -> str:
    """Return the figures as a Markdown table."""
    head = "| task | views | " + " | ".join(f"{p:.0%}" for p in LEVELS) + " | told | found |"
    lines = [head, "|" + "---|" * (len(LEVELS) + 4)]
    for row in rows:
        held = " | ".join(f"{part:.1%}" for part in row.held)
        mean = [f"{float(np.mean(values)):.1f} HU" for values in (row.said_hu, row.found_hu)]
        lines.append(f"| {row.task} | {row.views} | {held} | {mean[0]} | {mean[1]} |")
    return "\n".join(lines)
