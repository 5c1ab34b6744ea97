"""Cohorts of drawn patients: seeded, in real units, the same anatomy on every grid."""

import hashlib
import json
import math
import zlib
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass

import numpy as np
import torch
from jaxtyping import Float

from svct.errors import InputError, unknown_name
from svct.geometry.grid import Grid
from svct.tasks.phantoms.anatomy import find_anatomy
from svct.tasks.phantoms.chance import Dice
from svct.tasks.phantoms.truth import Truth

SPLITS = {"train": range(7), "validation": range(7, 8), "test": range(8, 10)}
"""Which of ten consecutive patients each split has."""


@dataclass(frozen=True, eq=False)
class Patient:
    """One drawn patient on one grid.

    Args:
        index: Number within the cohort.
        image: Attenuation in 1/mm, float32 ``(ny, nx)``; air is exactly 0.
        truth: What was drawn.
    """

    index: int
    image: Float[torch.Tensor, "y x"]
    truth: Truth


@dataclass(frozen=True)
class Cohort:
    """Seeded patients of one anatomy, rendered on a grid.

    A patient depends on anatomy, seed and index alone: not on the grid, the size of the cohort or the order of
    calls. Row 0 is anterior and column 0 is the patient's right (supine, radiological convention). Patients lie
    near the rotation axis, at (0, 0) in world coordinates, up to 15 mm off it.

    Args:
        anatomy: A registered name, such as ``"chest"``, or ``"water"``, the negative control.
        grid: The 2D image grid.
        seed: Seed of the whole cohort, 0 or more.
        size: Number of patients.

    Raises:
        UnknownNameError: No such anatomy.
        InputError: The grid is not 2D, the seed is negative or the size is not positive.

    Example:
        >>> cohort = Cohort("water", Grid(shape=(64, 64), voxel_mm=6.0), size=10)
        >>> cohort.patient(3).image.shape
        torch.Size([64, 64])
        >>> cohort.split("test")
        (8, 9)
    """

    anatomy: str
    grid: Grid
    _: KW_ONLY
    seed: int = 0
    size: int = 400

    def __post_init__(self) -> None:
        find_anatomy(self.anatomy)
        if len(self.grid.shape) != 2:
            raise InputError(
                f"Cohort grid: expected a 2D grid (ny, nx), got shape {self.grid.shape}; patients are slices"
            )
        if self.seed < 0 or self.size < 1:
            raise InputError(f"Cohort: expected seed >= 0 and size >= 1, got seed={self.seed} and size={self.size}")

    def patient(self, index: int, *, rotation_deg: float = 0.0, findings: bool = True) -> Patient:
        """Draw one patient.

        Args:
            index: 0 to ``size - 1``.
            rotation_deg: Turns the patient about the grid's centre, degrees, anticlockwise with y up; drawn so,
                not resampled.
            findings: False leaves out what half of the chest patients have, a lung nodule; all else is the same.

        Raises:
            InputError: `index` is outside the cohort.
        """
        if not 0 <= index < self.size:
            raise InputError(
                f"patient index: expected 0 to {self.size - 1}, got {index}; raise the cohort's size for more"
            )
        rng = np.random.default_rng([self.seed, index, zlib.crc32(self.anatomy.encode())])
        anatomy = find_anatomy(self.anatomy)
        draw = anatomy.draw if findings else anatomy.draw_bare or anatomy.draw
        canvas = draw(self.grid, Dice(rng), math.radians(rotation_deg))
        truth = Truth(
            anatomy=self.anatomy,
            seed=self.seed,
            half_axes_mm=canvas.half_axes,
            level=canvas.level,
            structures=tuple(canvas.structures),
            labels=canvas.labels(),
            nodule=canvas.nodule,
        )
        return Patient(index, torch.from_numpy(canvas.image()), truth)

    def split(self, name: str) -> tuple[int, ...]:
        """Return the patients of a split, which never share a patient.

        Of every ten consecutive patients the first seven train, the eighth validates and the last two test
        (70, 10 and 20 %); the rule is fixed, so that a patient keeps its split when the cohort grows.

        Args:
            name: ``"train"``, ``"validation"`` or ``"test"``.

        Raises:
            UnknownNameError: No such split.
        """
        if name not in SPLITS:
            raise unknown_name("split", name, list(SPLITS))
        return tuple(i for i in range(self.size) if i % 10 in SPLITS[name])

    def images(self, indices: Iterable[int]) -> Float[torch.Tensor, "patient y x"]:
        """Return the images of some patients, float32 ``(n, ny, nx)``, 1/mm.

        Args:
            indices: Patients, at least one.

        Raises:
            InputError: `indices` is empty or leaves the cohort.
        """
        images = [self.patient(i).image for i in indices]
        if not images:
            raise InputError("Cohort.images: expected at least one patient index, got none")
        return torch.stack(images)

    def sha256(self) -> str:
        """Return the hash of what the patients depend on: anatomy, seed, size and the generator's version."""
        source = json.dumps([self.anatomy, self.seed, self.size, find_anatomy(self.anatomy).version])
        return hashlib.sha256(source.encode()).hexdigest()
