"""A classifier that has seen drawn lungs alone looks for the mass of a real chest CT, from fewer and fewer views."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn

from svct.bench.diagnosis_task import detection_task, draw_cases, truth_of
from svct.data.volume import Volume
from svct.errors import InputError
from svct.geometry.grid import Grid
from svct.geometry.projector import Projector
from svct.recon.fbp import fbp
from svct.sampling.fixed import equidistant_sets
from svct.tasks.case import Case
from svct.tasks.difficulty import Difficulty
from svct.tasks.heads.classifier import SHARPNESS, LesionClassifier
from svct.tasks.task import Task
from svct.units import mu_to_hu

DIAMETER_MM = (15.0, 35.0)
"""Of the masses that the classifier learns from."""

PATCH_MM, STRIDE_MM = 40.0, 20.0
"""Edge of the patches that slide over the lungs, and their step."""

INSIDE = 0.6
"""Least part of a patch that is lung."""

RATES = (0.01, 0.05)
"""Rates of false positives per patch at which masses are counted."""


@dataclass(frozen=True)
class Mass:
    """Where a mass lies in a volume, marked by eye.

    Args:
        slices: Those that hold it plainly.
        near: Those that hold its fringe, left out.
        centre_mm: Its middle, from the middle of the array: to the right of the image, and up.
    """

    slices: tuple[int, ...]
    near: tuple[int, ...]
    centre_mm: tuple[float, float]


CHEST_CT = Mass(slices=(88, 89, 90, 91, 92), near=(84, 85, 86, 87, 93, 94, 95, 96), centre_mm=(43.9, -77.0))
"""The mass of ``svct data fetch chest-ct``: about 25 mm, in the back of the patient's left lung."""

ALSO = tuple(range(58, 84, 2)) + tuple(range(97, 111, 2))
"""Slices of that scan with lungs and no mass."""


@dataclass(frozen=True)
class MassRow:
    """What is found from some views.

    Args:
        method: Of reconstruction.
        views: Number of views.
        fitted: ``"full"`` or ``"same"`` views of the drawn lungs that the classifier was fitted on.
        found: By rate of `RATES`, slices with the mass whose patch on it is above all but that part of the patches
            without.
        slices: Slices with the mass.
        rates: For each of these, the part of the patches without a mass that score as high or higher.
        patches: Patches without a mass.
        auc: Area under the ROC curve of patches on the mass against patches without.
    """

    method: str
    views: int
    fitted: str
    found: dict[float, int]
    slices: int
    rates: tuple[float, ...]
    patches: int
    auc: float


def find_mass(
    volume: Volume,
    net: nn.Module,
    *,
    mass: Mass = CHEST_CT,
    without: Sequence[int] = ALSO,
    views: Sequence[int],
    methods: Sequence[str] = ("fbp", "unrolled"),
    fits: Sequence[str] = ("full",),
    pixels: int = 96,
    train: int = 60,
    seed: int = 0,
    each: Callable[[str], object] = lambda what: None,
) -> Iterator[MassRow]:
    """Fit the classifier to drawn lungs, scan slices of the volume, and count patches.

    Args:
        volume: The scan, which serves as truth with its own noise and blur.
        net: The frozen backbone, called ``(y, A)``.
        mass: Where the mass is.
        without: Slices with lungs and no mass.
        views: Numbers of equidistant views; all of the task come first.
        methods: ``"fbp"`` and ``"unrolled"``.
        fits: ``"full"``: fitted on all views, ``"same"``: anew on as many as are read.
        pixels: Along an edge of the image, over the chest task's width.
        train: Drawn cases to fit to.
        seed: Seed of cases, noise and fit.
        each: Called with what is done next.

    Raises:
        InputError: A slice that the volume does not have, or lungs that no patch fits into.

    Notes:
        A patch scores the log-sum-exp of the classifier's map over its lung pixels, the smooth maximum that the
        classifier takes over an image. Lungs are taken from the true slice, so that no wall is searched. Patches
        slide on one raster; the one on the mass is that whose middle is nearest to it.
    """
    difficulty = Difficulty(diameter_mm=DIAMETER_MM, lookalikes=True)
    detection = detection_task("solid nodule", pixels=pixels, difficulty=difficulty, seed=seed)
    grid, full = detection.task.grid, len(detection.task.scan)
    each("drawing lungs")
    cases = draw_cases(detection, "train", train)
    chosen = [*mass.slices, *without]
    real = torch.from_numpy(volume.slices_on(grid, chosen))
    raster = [patches_of(lungs_of(image, grid), grid) for image in real]
    marked = [_nearest(windows, mass.centre_mm, grid) for windows in raster[: len(mass.slices)]]
    A = Projector(detection.task.scan, grid)
    y = detection.task.acquisition.measure(A(real), seed=seed + 7)
    for method in methods:
        heads: dict[str, LesionClassifier] = {}
        for count in sorted({full, *views}, reverse=True):
            taken = list(equidistant_sets(full, count)[0])
            B = A[taken]
            each(f"{method}, {count} views")
            with torch.inference_mode():
                images = _images(method, net, y[:, taken], B)
            for kind in fits:
                if kind == "same" or kind not in heads:
                    heads[kind] = _fitted(detection.task, cases, method, net, taken, seed)
                yield _row(method, count, kind, heads[kind], images, raster, marked)


def lungs_of(image: Float[Tensor, "y x"], grid: Grid) -> NDArray[np.bool_]:
    """Return the lungs of a slice with what lies in them, ``(ny, nx)``.

    Args:
        image: 1/mm.
        grid: Its grid.

    Notes:
        Air below -500 HU that does not reach the border and has 15 cm^2 or more, closed by 15 mm, holes filled.
    """
    air = mu_to_hu(image.double()).numpy() < -500
    labels, count = ndimage.label(air)
    border = {*labels[0], *labels[-1], *labels[:, 0], *labels[:, -1]}
    areas = ndimage.sum_labels(air, labels, range(1, count + 1)) * grid.voxel_mm**2
    kept = np.isin(labels, [i + 1 for i, area in enumerate(areas) if area >= 1500 and i + 1 not in border])
    reach = round(15 / grid.voxel_mm)
    disc = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1]) <= reach
    closed = ndimage.binary_closing(np.pad(kept, reach), disc)[reach:-reach, reach:-reach]
    filled: NDArray[np.bool_] = ndimage.binary_fill_holes(closed)
    return filled


def patches_of(lungs: NDArray[np.bool_], grid: Grid) -> list[tuple[int, int, NDArray[np.bool_]]]:
    """Return the patches on the raster that are mostly lung: first row, first column, and which pixels are lung.

    Raises:
        InputError: None is.
    """
    size, step = round(PATCH_MM / grid.voxel_mm), max(1, round(STRIDE_MM / grid.voxel_mm))
    found = [
        (row, column, part)
        for row in range(0, grid.shape[0] - size + 1, step)
        for column in range(0, grid.shape[1] - size + 1, step)
        if (part := lungs[row : row + size, column : column + size]).mean() >= INSIDE
    ]
    if not found:
        raise InputError(
            f"patches: expected lungs that hold patches of {PATCH_MM:g} mm, found none; take another slice"
        )
    return found


def count_found(on_mass: NDArray[np.float64], without: NDArray[np.float64]) -> tuple[dict[float, int], list[float]]:
    """Return how many patches on the mass are found at each of `RATES`, and for each the rate at which it is.

    Example:
        >>> count_found(np.array([3.0, 0.5]), np.arange(100) / 100)
        ({0.01: 1, 0.05: 1}, [0.0, 0.5])
    """
    rates = [float((without >= value).mean()) for value in on_mass]
    return {rate: sum(found <= rate for found in rates) for rate in RATES}, rates


def as_markdown(rows: Sequence[MassRow]) -> str:
    """Return the table, one line for each method, number of views and fit."""
    lines = [
        "| method | views | fitted on | found at 1 % | found at 5 % | rate at which each slice is found, % | AUC |",
        "|---|---:|---|---:|---:|---|---:|",
    ]
    for row in rows:
        rates = ", ".join(f"{100 * rate:.1f}" for rate in row.rates)
        counts = " | ".join(f"{row.found[rate]} of {row.slices}" for rate in RATES)
        lines.append(f"| {row.method} | {row.views} | {row.fitted} | {counts} | {rates} | {row.auc:.3f} |")
    return "\n".join(lines) + "\n"


def _images(method: str, net: nn.Module, y: Tensor, A: Projector) -> Float[Tensor, "slice y x"]:
    if method == "fbp":
        found: Tensor = fbp(y, A, filter="hann")
        return found
    return torch.cat([net(part, A) for part in torch.split(y, 8)])


def _fitted(
    task: Task, cases: list[Case], method: str, net: nn.Module, views: list[int], seed: int
) -> LesionClassifier:
    A = Projector(task.scan, task.grid)[views]
    y = task.acquisition.measure(A(truth_of(cases)), seed=seed + 1)
    with torch.inference_mode():
        images = _images(method, net, y, A)
    return LesionClassifier().fit(images.clone(), cases, seed=seed)


def _row(
    method: str,
    views: int,
    fitted: str,
    head: LesionClassifier,
    images: Float[Tensor, "slice y x"],
    raster: list[list[tuple[int, int, NDArray[np.bool_]]]],
    marked: list[int],
) -> MassRow:
    with torch.inference_mode():
        logits = head.logits(images.clone())
    scores = [
        np.array([_peak(image[r : r + len(lung), c : c + len(lung)], lung) for r, c, lung in windows])
        for image, windows in zip(logits, raster, strict=True)
    ]
    on_mass = np.array([scores[i][which] for i, which in enumerate(marked)])
    without = np.concatenate(scores[len(marked) :])
    found, rates = count_found(on_mass, without)
    auc = float(((on_mass[:, None] > without) + 0.5 * (on_mass[:, None] == without)).mean())
    return MassRow(method, views, fitted, found, len(marked), tuple(rates), len(without), auc)


def _peak(logits: Float[Tensor, "y x"], lung: NDArray[np.bool_]) -> float:
    return float(torch.logsumexp(SHARPNESS * logits[torch.from_numpy(lung)], dim=0)) / SHARPNESS


def _nearest(windows: list[tuple[int, int, NDArray[np.bool_]]], centre_mm: tuple[float, float], grid: Grid) -> int:
    middle = np.array([(grid.shape[0] - 1) / 2, (grid.shape[1] - 1) / 2])
    wanted = middle + np.array([-centre_mm[1], centre_mm[0]]) / grid.voxel_mm
    half = (len(windows[0][2]) - 1) / 2
    apart = [np.hypot(*(np.array([row + half, column + half]) - wanted)) for row, column, _ in windows]
    return int(np.argmin(apart))
