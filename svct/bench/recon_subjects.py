"""Who is reconstructed: drawn test patients, or slices of one real volume; and those that TV is tuned on."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from svct.bench.false_structures import Lung, lung_of
from svct.bench.subjects import cohort_source
from svct.data.open import read_volume
from svct.data.split import split_slices
from svct.data.volume import AIR_HU, Volume
from svct.errors import InputError
from svct.tasks.task import Task


@dataclass(frozen=True, eq=False)
class Group:
    """Images, and what is known of their lungs.

    Args:
        images: ``(n, ny, nx)``, 1/mm.
        lungs: One per image; None where there is no lung without a lesion, or nothing is known.
    """

    images: Float[Tensor, "image y x"]
    lungs: tuple[Lung | None, ...]


@dataclass(frozen=True, eq=False)
class Scanned:
    """The subjects of one case.

    Args:
        name: The case, such as ``"chest"`` or ``"chest-ct"``.
        task: Whose grid, candidate views and electronic noise the case has.
        test: Gives those that are reported, turned by some degrees.
        tuning: Those that the strength of TV is chosen on, none of the former, ``(n, ny, nx)``, 1/mm.
        unit: What one image is: ``"patient"`` or ``"slice"``.
        source: Where they come from, plain JSON.
        remarks: What a reader of the result must know.
    """

    name: str
    task: Task
    test: Callable[[float], Group]
    tuning: Float[Tensor, "tuning y x"]
    unit: str
    source: dict[str, object]
    remarks: tuple[str, ...] = ()


def drawn_patients(task: Task, *, patients: int, tuning: int) -> Scanned:
    """Draw patients of a task's cohort: of its test split for the report, of its validation split for the tuning.

    Args:
        task: The task.
        patients: How many for the report, 2 or more.
        tuning: How many for the tuning.

    Raises:
        InputError: The cohort has fewer.
    """
    cohort = task.cohort
    wanted = {"test": patients, "validation": tuning}
    chosen = {split: cohort.split(split)[:count] for split, count in wanted.items()}
    for split, count in wanted.items():
        if len(chosen[split]) < count:
            raise InputError(
                f"cohort of task {task.name!r}: expected {count} patients in the {split} split, got "
                f"{len(chosen[split])}; ask for fewer, or raise its size"
            )

    def draw(turn_deg: float) -> Group:
        drawn = [cohort.patient(i, rotation_deg=turn_deg) for i in chosen["test"]]
        lungs = (lung_of(p.truth, task.grid) if cohort.anatomy == "chest" else None for p in drawn)
        return Group(torch.stack([p.image for p in drawn]), tuple(lungs))

    return Scanned(
        name=task.name,
        task=task,
        test=draw,
        tuning=cohort.images(chosen["validation"]),
        unit="patient",
        source=cohort_source(cohort, chosen),
    )


def real_slices(
    task: Task, path: Path, *, patients: int, tuning: int, series: str | None = None, name: str | None = None
) -> Scanned:
    """Take axial slices of a real volume, evenly over it; those of the tuning at least 10 mm from all others.

    Args:
        task: The task, onto whose grid the slices are averaged.
        path: A NIfTI file, a DICOM file or a folder with a DICOM series.
        patients: At most so many slices for the report.
        tuning: At most so many for the tuning.
        series: Which DICOM series, where the folder holds several.
        name: Of the case. Default: that of the file.

    Raises:
        DataFileError: The volume cannot be read.
        InputError: It has too few slices.
    """
    volume = read_volume(path, series=series)
    body = volume.body_fraction() > 0.05
    whole = body & ~volume.edge_slices()
    remarks = ["slices of one patient: the intervals are those of a case study, no claim about a population"]
    if whole.sum() < 24:
        whole = body
        remarks.append("in most slices the body touches the array's edge: they are scanned as they are, cut off")
    if not volume.fits(task.grid):
        remarks.append(f"what lies outside of the grid of {task.grid.extent_mm[0]:g} mm is cut off")
    split = split_slices(len(whole), spacing_mm=volume.spacing_mm[0], usable=whole.tolist())
    # No network was trained on this volume, so that the slices of a training are as good for the report.
    chosen = {
        "test": _thinned(sorted(split.train + split.test), patients),
        "validation": _thinned(split.validation, tuning),
    }

    def take(turn_deg: float) -> Group:
        images = turned_slices(volume, chosen["test"], turn_deg).slices_on(task.grid)
        return Group(torch.from_numpy(images), (None,) * len(images))

    return Scanned(
        name=name or path.name.split(".")[0],
        task=task,
        test=take,
        tuning=torch.from_numpy(volume.slices_on(task.grid, chosen["validation"])),
        unit="slice",
        source={
            "kind": "volume",
            "name": Path(volume.source).name,
            "sha256": volume.sha256,
            "slices": {use: list(indices) for use, indices in chosen.items()},
        },
        remarks=tuple(remarks),
    )


def turned_slices(volume: Volume, indices: Sequence[int], turn_deg: float) -> Volume:
    """Return some slices of a volume, turned about the array's centre at the volume's own resolution.

    Args:
        volume: The volume.
        indices: Which slices.
        turn_deg: Degrees, anticlockwise as seen; around it the array grows by air, so that no corner is lost.
    """
    planes: NDArray[np.generic] = volume.hu[list(indices)]
    if turn_deg:
        cos, sin = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))
        spacing = np.array(volume.spacing_mm[1:])
        sides = spacing * planes.shape[1:]
        margin = np.ceil((math.hypot(*sides) - sides) / 2 / spacing).astype(int)
        planes = np.pad(planes, [(0, 0), *((m, m) for m in margin.tolist())], constant_values=AIR_HU)
        # From a pixel of the result back to where it came from, rows running down.
        back = np.array([[cos, sin], [-sin, cos]]) * spacing / spacing[:, None]
        centre = (np.array(planes.shape[1:]) - 1) / 2
        planes = np.stack([_turned(plane, back, centre - back @ centre) for plane in planes])
    return Volume(
        np.asarray(planes, np.float32), volume.spacing_mm, source=volume.source, orientation=volume.orientation
    )


def _turned(plane: NDArray[np.generic], back: NDArray[np.float64], offset: NDArray[np.float64]) -> NDArray[np.float32]:
    floats = np.asarray(plane, np.float32)
    turned = ndimage.affine_transform(floats, back, offset, order=1, mode="constant", cval=float(AIR_HU))
    return np.asarray(turned, np.float32)


def _thinned(indices: Sequence[int], most: int) -> tuple[int, ...]:
    if len(indices) <= most:
        return tuple(indices)
    return tuple(indices[(2 * i + 1) * len(indices) // (2 * most)] for i in range(most))
