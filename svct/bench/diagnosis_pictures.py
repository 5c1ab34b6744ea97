"""Pictures of an evaluation: ROC and FROC curves, and the cases that were hit and missed."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from svct.bench.diagnosis_evaluate import Evaluation, Reading
from svct.files import atomic_path
from svct.tasks.case import Case
from svct.tasks.heads.froc import RATES
from svct.tasks.heads.scores import Values
from svct.units import mu_to_hu

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WINDOWS = {
    "chest": (-1250.0, 250.0),
    "abdomen": (-160.0, 240.0),
    "head": (-60.0, 140.0),
    "kidney stone": (-200.0, 600.0),
}
"""Darkest and brightest CT number by finding, or else by anatomy, HU."""

SPECIFICITY = 0.9
"""A case counts as found where the reader is surer than on this part of the cases without the finding."""

ACROSS = 6
"""Cases side by side."""

COLOURS = ("#0b5fa5", "#d1741f", "#2a8c4a", "#7a3d9a", "#7f7f7f")


def plot_curves(evaluation: Evaluation, path: Path, *, overwrite: bool = False) -> None:
    """Draw the ROC curve of every reader that says how sure it is, and beside it the FROC curve of detectors.

    Args:
        evaluation: What was read.
        path: PNG to write.
        overwrite: Replace it where it is there.

    Raises:
        OutputExistsError: The file exists and `overwrite` is false.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    detectors = [name for name, reading in evaluation.readings.items() if reading.scores.main == "cpm"]
    figure = Figure(figsize=(9.0 if detectors else 4.7, 4.4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 2 if detectors else 1, squeeze=False)[0]
    present = np.array([case.present for case in evaluation.cases])
    for colour, (name, reading) in zip(COLOURS * 9, evaluation.readings.items(), strict=False):
        if reading.decisions is not None:
            axes[0].plot(*_roc(reading.decisions, present), color=colour, label=_label(name, reading), linewidth=1.5)
        if name in detectors:
            points = [reading.scores[f"sensitivity_at_{rate:g}"] for rate in RATES]
            values = [point.value for point in points]
            ends = ([p.value - p.low for p in points], [p.high - p.value for p in points])
            axes[1].errorbar(RATES, values, ends, fmt="o-", color=colour, label=_label(name, reading), elinewidth=0.7)
    axes[0].plot([0, 1], [0, 1], ":", color="0.6", linewidth=1)
    axes[0].set(xlabel="1 - specificity", ylabel="sensitivity", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    if detectors:
        axes[1].set_xscale("log")
        axes[1].set(xlabel="false positives per image", ylabel="sensitivity", ylim=(-0.02, 1.02))
        axes[1].set_xticks(RATES, [f"{rate:g}" for rate in RATES])
        axes[1].minorticks_off()
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)
    axes[0].legend(fontsize=8, frameon=False, loc="lower right")
    if detectors:
        axes[1].legend(fontsize=8, frameon=False, loc="upper left")
    with atomic_path(path, overwrite=overwrite) as partial:
        figure.savefig(partial, format="png")


def plot_cases(evaluation: Evaluation, reader: str, path: Path, *, overwrite: bool = False) -> None:
    """Draw cases that a reader found, missed, and took for ill.

    Each is shown whole, from near, and from near in truth with the finding outlined.

    Args:
        evaluation: What was read.
        reader: Name of one that says how sure it is.
        path: PNG to write.
        overwrite: Replace it where it is there.

    Raises:
        OutputExistsError: The file exists and `overwrite` is false.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    decisions = evaluation.readings[reader].decisions
    assert decisions is not None
    groups = sort_cases(decisions, np.array([case.present for case in evaluation.cases]))
    shown = {title: which[:ACROSS] for title, which in groups.items() if len(which)}
    figure = Figure(figsize=(2.0 * ACROSS, 6.5 * len(shown) + 0.3), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    cells = figure.subplots(3 * len(shown), ACROSS, squeeze=False)
    for axes in cells.flat:
        axes.set_axis_off()
    for block, (title, which) in enumerate(shown.items()):
        for column, index in enumerate(which):
            case, image = evaluation.cases[index], evaluation.images[index].numpy()
            whole, near, true = (cells[3 * block + row, column] for row in range(3))
            place = case.record.place
            width_mm = max(50.0, 2.5 * place.size_mm[0])
            _show(whole, case, image, near_mm=None)
            _show(near, case, image, near_mm=width_mm)
            _show(true, case, case.image.numpy(), near_mm=width_mm, outlined=True)
            about = f"{place.size_mm[0]:.0f} mm, {place.contrast_hu:+.0f} HU" if case.present else case.record.kind
            near.set_title(about, fontsize=8, pad=2)
        cells[3 * block, 0].set_title(f"{title}, {len(groups[title])} cases", fontsize=10, loc="left")
        cells[3 * block + 2, 0].set_title("truth", fontsize=8, pad=2, loc="left")
    low, high = _window(evaluation.cases[0])
    figure.suptitle(
        f"{evaluation.cases[0].record.target}, {reader} at specificity {SPECIFICITY:g}; window {low:g} to {high:g} HU; "
        "red: the finding, blue: where there is none",
        fontsize=10,
    )
    with atomic_path(path, overwrite=overwrite) as partial:
        figure.savefig(partial, format="png")


def sort_cases(decisions: Values, present: NDArray[np.bool_]) -> dict[str, NDArray[np.intp]]:
    """Return the cases found, missed, and taken for ill, the plainest of each first.

    Args:
        decisions: ``(case,)``, the larger the surer.
        present: Whether the finding is present.

    Example:
        >>> sort_cases(np.array([3.0, 0.0, 1.0, 2.0]), np.array([True, True, False, False]))["missed"].tolist()
        [1]
    """
    threshold = np.quantile(decisions[~present], SPECIFICITY)
    order = np.argsort(-decisions, kind="stable")
    above = decisions[order] > threshold
    return {
        "found": order[present[order] & above],
        "missed": order[present[order] & ~above][::-1],
        "false alarm": order[~present[order] & above],
    }


def _roc(decisions: Values, present: NDArray[np.bool_]) -> tuple[list[float], list[float]]:
    levels = [np.inf, *np.unique(decisions)[::-1]]
    return (
        [float((decisions[~present] >= level).mean()) for level in levels],
        [float((decisions[present] >= level).mean()) for level in levels],
    )


def _show(
    axes: "Axes", case: Case, image: NDArray[np.float32], *, near_mm: float | None, outlined: bool = False
) -> None:
    grid = case.record.grid
    x0, y0 = grid.origin_mm
    width, height = grid.shape[1] * grid.voxel_mm, grid.shape[0] * grid.voxel_mm
    low, high = _window(case)
    extent = (x0 - width / 2, x0 + width / 2, y0 - height / 2, y0 + height / 2)
    axes.imshow(
        mu_to_hu(image), cmap="gray", vmin=low, vmax=high, extent=extent,
        interpolation="nearest" if near_mm is None else "bicubic",
    )  # fmt: skip
    place = case.record.place
    colour = "#ff3b30" if case.present else "#4aa8ff"
    for outline in place.outlines if outlined else ():
        points = np.array([*outline, outline[0]])
        axes.plot(points[:, 0], points[:, 1], color=colour, linewidth=1.0)
    if near_mm is None:
        box = _box(place.box_mm, room=8.0)
        axes.plot(box[:, 0], box[:, 1], color=colour, linewidth=0.8)
        body = _body_box(case)
        axes.set(xlim=body[:2], ylim=body[2:])
        return
    cx, cy = place.centre_mm
    axes.set(xlim=(cx - near_mm / 2, cx + near_mm / 2), ylim=(cy - near_mm / 2, cy + near_mm / 2))


def _window(case: Case) -> tuple[float, float]:
    by_anatomy = WINDOWS.get(str(case.record.base.get("anatomy")), WINDOWS["abdomen"])
    return WINDOWS.get(case.record.target, by_anatomy)


def _box(box_mm: Sequence[float], *, room: float) -> NDArray[np.float64]:
    left, bottom, right, top = box_mm[0] - room, box_mm[1] - room, box_mm[2] + room, box_mm[3] + room
    return np.array([(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)])


def _body_box(case: Case) -> tuple[float, float, float, float]:
    """Return the square around the body: least and greatest x, least and greatest y, mm."""
    grid = case.record.grid
    rows, columns = (np.flatnonzero((case.labels > 0).any(axis=axis)) for axis in (1, 0))
    x = grid.origin_mm[0] + (np.array([columns[0], columns[-1]]) - (grid.shape[1] - 1) / 2) * grid.voxel_mm
    y = grid.origin_mm[1] - (np.array([rows[-1], rows[0]]) - (grid.shape[0] - 1) / 2) * grid.voxel_mm
    half = max(x[1] - x[0], y[1] - y[0]) / 2 + 6.0
    return x.mean() - half, x.mean() + half, y.mean() - half, y.mean() + half


def _label(name: str, reading: Reading) -> str:
    main = reading.scores[reading.scores.main]
    return f"{name}, {reading.scores.main} {main.value:.2f} ({main.low:.2f}-{main.high:.2f})"
