"""Who is scanned in a study: drawn patients, or the slices of one real volume, split by use."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from svct.data.open import read_volume
from svct.data.split import split_slices
from svct.data.volume import Volume
from svct.errors import InputError
from svct.tasks.cohort import Cohort
from svct.tasks.task import Task


@dataclass(frozen=True, eq=False)
class Subjects:
    """Images for each use, no subject in two of them.

    Args:
        train: For the design and the logits, ``(n, ny, nx)``, 1/mm.
        validation: For every choice between view sets.
        test: For the reported figures only.
        rotated: The test subjects turned by up to 20 degrees.
        unit: What one image is: ``"patient"`` or ``"slice"``.
        source: Where they come from, plain JSON.
        remarks: What a reader of the result must know.
    """

    train: Float[Tensor, "train y x"]
    validation: Float[Tensor, "validation y x"]
    test: Float[Tensor, "test y x"]
    rotated: Float[Tensor, "test y x"]
    unit: str
    source: dict[str, object]
    remarks: tuple[str, ...] = ()


def drawn_subjects(task: Task, *, train: int, validation: int, test: int) -> Subjects:
    """Draw patients of the task's cohort.

    Args:
        task: The task.
        train: How many patients of the training split; likewise `validation` and `test`.
        validation: See `train`.
        test: See `train`.
    """
    cohort = task.cohort
    counts = {"train": train, "validation": validation, "test": test}
    chosen = {name: cohort.split(name)[:count] for name, count in counts.items()}
    short = [name for name, count in counts.items() if len(chosen[name]) < min(count, 4)]
    if short:
        raise InputError(
            f"cohort of task {task.name!r}: expected at least 4 patients for {short[0]}, got {len(chosen[short[0]])}; "
            "raise its size"
        )
    turns = torch.linspace(-20, 20, len(chosen["test"])).tolist()
    rotated = [cohort.patient(i, rotation_deg=t).image for i, t in zip(chosen["test"], turns, strict=True)]
    return Subjects(
        train=cohort.images(chosen["train"]),
        validation=cohort.images(chosen["validation"]),
        test=cohort.images(chosen["test"]),
        rotated=torch.stack(rotated),
        unit="patient",
        source=cohort_source(cohort, chosen),
    )


def cohort_source(cohort: Cohort, chosen: Mapping[str, Sequence[int]]) -> dict[str, object]:
    """Return where drawn patients come from, plain JSON: the cohort, and the patients of each split."""
    return {
        "kind": "cohort",
        "anatomy": cohort.anatomy,
        "seed": cohort.seed,
        "sha256": cohort.sha256(),
        "patients": {name: list(indices) for name, indices in chosen.items()},
    }


def volume_subjects(task: Task, path: Path, *, series: str | None = None, most: int = 40) -> Subjects:
    """Take the axial slices of a real volume, in blocks with gaps between those of different use.

    Args:
        task: The task, whose grid the slices are averaged onto.
        path: A NIfTI file or a folder with a DICOM series.
        series: Which DICOM series, where the folder holds several.
        most: At most so many slices for validation, and as many for test, evenly taken.

    Raises:
        DataFileError: The volume cannot be read.
        InputError: Too few slices, or a body too large for the grid.
    """
    volume = read_volume(path, series=series)
    inside = ~volume.edge_slices() & (volume.body_fraction() > 0.05)
    remarks = ["one patient: the interval is over slices of one volume, a case study and no claim about a population"]
    if inside.sum() < 24:
        inside = volume.body_fraction() > 0.05
        remarks.append("in most slices the body touches the array's edge: they are scanned as they are, cut off")
    else:
        remarks.append(f"{int(inside.sum())} of {len(inside)} slices lie wholly inside the array and are used")
    split = split_slices(len(inside), spacing_mm=volume.spacing_mm[0], usable=inside.tolist())
    if not volume.fits(task.grid):
        remarks.append(
            f"the volume is wider than the grid of {task.grid.extent_mm[0]:g} mm: what lies outside of it is cut off"
        )
    test = _thinned(split.test, most)
    truth = _slices(volume, task, test)
    return Subjects(
        train=_slices(volume, task, split.train),
        validation=_slices(volume, task, _thinned(split.validation, most)),
        test=truth,
        rotated=_turned(truth),
        unit="slice",
        source={
            "kind": "volume",
            "name": Path(volume.source).name,
            "sha256": volume.sha256,
            "slices": {"train": list(split.train), "validation": list(split.validation), "test": list(test)},
        },
        remarks=tuple(remarks),
    )


def _slices(volume: Volume, task: Task, indices: tuple[int, ...]) -> Float[Tensor, "image y x"]:
    return torch.from_numpy(volume.slices_on(task.grid, indices))


def _thinned(indices: tuple[int, ...], most: int) -> tuple[int, ...]:
    if len(indices) <= most:
        return indices
    return tuple(indices[i * len(indices) // most] for i in range(most))


def _turned(images: Float[Tensor, "image y x"]) -> Float[Tensor, "image y x"]:
    """Turn every image about its centre, by angles evenly from -20 to 20 degrees."""
    turns = torch.linspace(-20, 20, len(images)) * math.pi / 180
    zero = torch.zeros_like(turns)
    matrices = torch.stack(
        [torch.stack([turns.cos(), -turns.sin(), zero], 1), torch.stack([turns.sin(), turns.cos(), zero], 1)],
        1,
    )
    places = torch.nn.functional.affine_grid(matrices, [len(images), 1, *images.shape[-2:]], align_corners=False)
    return torch.nn.functional.grid_sample(images[:, None], places, align_corners=False)[:, 0]
