"""What a detection task scans: a task's scanner with cases of one finding, at the difficulty of such tasks."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError
from svct.geometry.grid import Grid
from svct.geometry.parallel import ParallelBeam
from svct.tasks.case import Case
from svct.tasks.cases import CaseCohort
from svct.tasks.cohort import SPLITS
from svct.tasks.difficulty import Difficulty, detection_difficulty
from svct.tasks.findings.kinds import finding_kind
from svct.tasks.task import Task, load_task, task_names

FINDINGS = ("solid nodule", "hypodense liver lesion", "intraparenchymal haemorrhage", "kidney stone")
"""Those that a study has by default."""


@dataclass(frozen=True)
class DetectionTask:
    """A finding to detect, and who is scanned for it.

    Args:
        finding: Its name.
        task: Scanner, grid and flux.
        difficulty: Which findings of the kind are drawn, and how faint.
        seed: Seed of the patients.
    """

    finding: str
    task: Task
    difficulty: Difficulty
    seed: int = 0

    def cohort(self, split: str, count: int) -> CaseCohort:
        """Return a cohort of cases with that many in a split."""
        return CaseCohort(
            self.task.cohort.anatomy,
            finding=self.finding,
            grid=self.task.grid,
            seed=self.seed,
            size=10 * -(-count // len(SPLITS[split])),
            difficulty=self.difficulty,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return all that the cases and their scan depend on, plain data."""
        return {
            "finding": self.finding,
            "task": self.task.name,
            "anatomy": self.task.cohort.anatomy,
            "cohort": self.task.cohort.sha256(),
            "seed": self.seed,
            "difficulty": asdict(self.difficulty),
            "scan": self.task.scan.to_dict(),
            "grid": self.task.grid.to_dict(),
            "acquisition": asdict(self.task.acquisition),
            **({"metal": "interpolated"} if self.task.metal else {}),
        }


def detection_task(
    finding: str,
    *,
    task: Task | None = None,
    pixels: int | None = None,
    difficulty: Difficulty | None = None,
    seed: int = 0,
) -> DetectionTask:
    """Return the detection task of a finding.

    Args:
        finding: Its name.
        task: Whose scanner to take. Default: that of the first task whose anatomy the finding lies in.
        pixels: Pixels along an edge of the image and bins of the detector, over the same width. Default: the task's.
        difficulty: Default: that of `detection_difficulty`.
        seed: Seed of the patients.

    Raises:
        UnknownNameError: No such finding.
        InputError: Pixels are asked for where the scan is not a 2D parallel beam.
    """
    if task is None:
        anatomies = finding_kind(finding).anatomies
        found = next((name for name in task_names() if load_task(name).cohort.anatomy in anatomies), None)
        if found is None:
            raise InputError(f"finding {finding!r}: expected a task with anatomy {', '.join(anatomies)}, found none")
        task = load_task(found)
    if pixels is not None:
        task = _resampled(task, pixels)
    return DetectionTask(finding, task, detection_difficulty(finding) if difficulty is None else difficulty, seed)


def _resampled(task: Task, pixels: int) -> Task:
    if not isinstance(task.scan, ParallelBeam) or task.scan.ndim != 2:
        raise InputError(f"pixels: expected a task with a 2D parallel beam, {task.name!r} has another; leave it out")
    factor = task.grid.shape[1] / pixels
    grid = Grid((pixels, pixels), voxel_mm=task.grid.voxel_mm * factor)
    bins = round(task.scan.bins / factor)
    scan = replace(task.scan, bins=bins, bin_mm=task.scan.bins * task.scan.bin_mm / bins)
    return replace(task, cohort=replace(task.cohort, grid=grid), scan=scan)


def draw_cases(
    detection: DetectionTask, split: str, count: int, *, each: Callable[[], object] = lambda: None
) -> list[Case]:
    """Draw the first cases of a split.

    Args:
        detection: The task.
        split: ``"train"``, ``"validation"`` or ``"test"``.
        count: How many.
        each: Called after each.
    """
    cohort = detection.cohort(split, count)
    cases = []
    for index in cohort.split(split)[:count]:
        cases.append(cohort.case(index))
        each()
    return cases


def truth_of(cases: Sequence[Case]) -> Float[Tensor, "case y x"]:
    """Return the true images of cases, 1/mm."""
    return torch.stack([case.image for case in cases])
