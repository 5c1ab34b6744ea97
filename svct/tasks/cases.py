"""Cohorts of cases: seeded patients with and without a finding, the truth of each exact."""

import math
import zlib
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from svct.data.volume import Volume
from svct.errors import InputError
from svct.geometry.grid import Grid
from svct.tasks.case import Case, CaseRecord, render
from svct.tasks.cohort import SPLITS, Cohort
from svct.tasks.difficulty import AS_THE_KIND, Difficulty
from svct.tasks.findings.anatomy import labels_from_masks
from svct.tasks.findings.finding import Finding
from svct.tasks.findings.kinds import FindingKind, finding_kind
from svct.tasks.phantoms.anatomy import find_anatomy

NEGATIVES = {"absent": 0.5, "sham": 0.25, "distractor": 0.25}
"""How cases without the finding divide."""

ATTEMPTS = 40
"""How many patients are looked at, at most, for one that has a place for the finding."""


@dataclass(frozen=True)
class CaseCohort:
    """Seeded cases of one finding in one anatomy.

    A case depends on anatomy, finding, seed and index alone: its outlines in mm are drawn on a fixed fine grid in the
    upright patient, so that they are the same on every grid and turn with the patient. Whether the finding is present
    is drawn apart from the patient; a patient must have room for both finding and lookalike to be taken, whichever is
    drawn, so that he gives nothing away. No two cases share a patient.

    Args:
        anatomy: As `Cohort` has it.
        finding: Name of the finding, such as ``"solid nodule"``.
        grid: The 2D image grid.
        prevalence: Chance that the finding is present, 0 to 1.
        seed: Seed of cases and patients, 0 or more.
        size: Number of cases.
        difficulty: Which findings of the kind are drawn, and how faint. Default: as the kind has it, with lookalikes.

    Raises:
        UnknownNameError: No such anatomy, or no such finding in it.
        InputError: An impossible value, or a difficulty that the finding does not take.

    Example:
        >>> cases = CaseCohort("chest", finding="solid nodule", grid=Grid((64, 64), voxel_mm=6.4), size=10)
        >>> case = cases.case(1)
        >>> case.present == bool(case.findings)
        True
    """

    anatomy: str
    _: KW_ONLY
    finding: str
    grid: Grid
    prevalence: float = 0.5
    seed: int = 0
    size: int = 400
    difficulty: Difficulty = AS_THE_KIND

    def __post_init__(self) -> None:
        find_anatomy(self.anatomy)
        if not 0 <= self.prevalence <= 1:
            raise InputError(f"CaseCohort prevalence: expected 0 to 1, got {self.prevalence}")
        self._target  # noqa: B018  (an unknown finding is to be refused now)
        Cohort(self.anatomy, self.grid, seed=self.seed, size=self.size)

    @cached_property
    def _target(self) -> FindingKind:
        return self.difficulty.kind(finding_kind(self.finding, anatomy=self.anatomy))

    @cached_property
    def _lookalikes(self) -> tuple[FindingKind, ...]:
        names = self._target.lookalikes if self.difficulty.lookalikes else ()
        return tuple(finding_kind(name, anatomy=self.anatomy) for name in names)

    def kind(self, index: int) -> str:
        """Return what a case is: present, absent, sham or distractor."""
        chance, which = self._rng(index, "kind").random(2)
        if chance < self.prevalence:
            return "present"
        shares = dict(NEGATIVES)
        if not self._lookalikes:
            del shares["distractor"]
        ends = np.cumsum(list(shares.values()))
        return list(shares)[int(np.searchsorted(ends, which * ends[-1], side="right"))]

    def case(self, index: int, *, rotation_deg: float = 0.0) -> Case:
        """Draw one case.

        Args:
            index: 0 to ``size - 1``.
            rotation_deg: Turns patient and finding about the grid's centre, degrees, anticlockwise with y up.

        Raises:
            InputError: `index` is outside the cohort, or no patient of `ATTEMPTS` has a place for the finding.
        """
        if not 0 <= index < self.size:
            raise InputError(
                f"case index: expected 0 to {self.size - 1}, got {index}; raise the cohort's size for more"
            )
        base, target, decoy = self._find_patient(index)
        kind = self.kind(index)
        chosen = decoy if kind == "distractor" and decoy is not None else target
        inserted = self.difficulty.graze(chosen, float(self._rng(base, "share").random())).turned(
            rotation_deg, about=(self.grid.origin_mm[0], self.grid.origin_mm[1])
        )
        cohort = Cohort(self.anatomy, self.grid, seed=self.seed, size=base + 1)
        patient = cohort.patient(base, rotation_deg=rotation_deg, findings=False)
        source = {
            "source": "cohort",
            "anatomy": self.anatomy,
            "seed": self.seed,
            "index": base,
            "generator": find_anatomy(self.anatomy).version,
        }
        record = _record(
            index, self.seed, kind, inserted, target=self.finding, base=source, split=split_of(base), grid=self.grid,
            rotation_deg=rotation_deg,
        )  # fmt: skip
        return render(record, patient.image, patient.truth.labels)

    def split(self, name: str) -> tuple[int, ...]:
        """Return the cases of a split, by the rule of `Cohort.split`: a patient and his cases stay together.

        Raises:
            UnknownNameError: No such split.
        """
        return Cohort(self.anatomy, self.grid, seed=self.seed, size=self.size).split(name)

    def _find_patient(self, index: int) -> tuple[int, Finding, Finding | None]:
        """Return the first patient, of those in the same split, with a place for the finding and its lookalike."""
        kind, others = self._target, self._lookalikes
        other = others[int(self._rng(index, "lookalike").integers(len(others)))] if others else None
        stride = 10 * math.ceil(self.size / 10)
        for base in range(index, index + ATTEMPTS * stride, stride):
            labels, grid = _upright(self.anatomy, self.seed, base)
            target = kind.propose(labels, grid, self._rng(base, f"place {kind.name}"))
            decoy = other.propose(labels, grid, self._rng(base, f"place {other.name}")) if other else None
            if target is not None and (other is None or decoy is not None):
                return base, target, decoy
        raise InputError(
            f"case {index}: expected a place for {self.finding!r} in one of {ATTEMPTS} patients of the {self.anatomy}, "
            "found none; take another seed"
        )

    def _rng(self, index: int, purpose: str) -> np.random.Generator:
        return np.random.default_rng(
            [self.seed, index, zlib.crc32(f"{self.anatomy} {self.finding} {purpose}".encode())]
        )


def case_on_slice(
    volume: Volume,
    masks: Mapping[str, NDArray[np.bool_]],
    finding: str | FindingKind,
    *,
    slice_index: int,
    grid: Grid,
    kind: str = "present",
    seed: int = 0,
) -> Case:
    """Put a finding into a slice of a real volume.

    Args:
        volume: The volume; its pixels must be square.
        masks: Organ (of `ORGANS`) to mask ``(ny, nx)`` in the slice's own pixels.
        finding: Its name.
        slice_index: Which slice, from the most inferior.
        grid: The 2D image grid; the slice is averaged onto it and its centre lies on the grid's.
        kind: ``"present"``, ``"absent"``, ``"sham"`` or ``"distractor"``.
        seed: Seed of place and shape.

    Raises:
        InputError: The pixels are not square, a mask does not fit, the kind is unknown or has no lookalike, or the
            slice has no place for the finding.
        UnknownNameError: No such finding or organ.
    """
    wanted = finding if isinstance(finding, FindingKind) else finding_kind(finding)
    dy, dx = volume.spacing_mm[1:]
    shape = volume.hu.shape[1:]
    labels = labels_from_masks(masks)
    if not math.isclose(dy, dx, rel_tol=1e-3) or labels.shape != shape:
        raise InputError(
            f"case_on_slice: expected square pixels and masks of shape {shape}, got pixels of {dy} by {dx} mm and "
            f"masks of shape {labels.shape}"
        )
    if kind == "distractor" and not wanted.lookalikes:
        raise InputError(
            f"case_on_slice: expected a finding with lookalikes for a distractor, {wanted.name!r} has none"
        )
    chosen = finding_kind(wanted.lookalikes[0]) if kind == "distractor" else wanted
    own = Grid((shape[0], shape[1]), voxel_mm=dx, origin_mm=grid.origin_mm)
    proposed = chosen.propose(labels, own, np.random.default_rng([seed, slice_index, zlib.crc32(chosen.name.encode())]))
    if proposed is None:
        raise InputError(
            f"case_on_slice: expected a place for {chosen.name!r} in slice {slice_index}, found none in the masks "
            f"{', '.join(masks)}; take another slice or seed"
        )
    image = torch.from_numpy(volume.slices_on(grid, [slice_index])[0])
    source = {"source": "volume", "sha256": volume.sha256, "slice": slice_index}
    split = split_of(int(volume.sha256[:8] or "0", 16))
    record = _record(slice_index, seed, kind, proposed, target=wanted.name, base=source, split=split, grid=grid)
    return render(record, image, _nearest(labels, own, grid))


def split_of(patient: int) -> str:
    """Return the split of a base patient.

    Example:
        >>> [split_of(i) for i in (0, 7, 19)]
        ['train', 'validation', 'test']
    """
    return next(name for name, digits in SPLITS.items() if patient % 10 in digits)


def _record(
    index: int,
    seed: int,
    kind: str,
    inserted: Finding,
    *,
    target: str,
    base: Mapping[str, object],
    split: str,
    grid: Grid,
    rotation_deg: float = 0.0,
) -> CaseRecord:
    return CaseRecord(
        index, seed, kind, target, base, split, grid, rotation_deg,
        findings=(inserted,) if kind == "present" else (),
        decoys=(inserted,) if kind == "distractor" else (),
        withheld=(inserted,) if kind in ("absent", "sham") else (),
    )  # fmt: skip


@lru_cache(maxsize=8)
def _upright(anatomy: str, seed: int, index: int) -> tuple[NDArray[np.int16], Grid]:
    """Return the labels of an upright patient on the fine grid on which findings are placed, cut to the body."""
    whole = find_anatomy(anatomy).fine
    labels = Cohort(anatomy, whole, seed=seed, size=index + 1).patient(index, findings=False).truth.labels
    rows, columns = (np.flatnonzero((labels > 0).any(axis)) for axis in (1, 0))
    top, bottom = max(rows[0] - 6, 0), min(rows[-1] + 7, whole.shape[0])
    left, right = max(columns[0] - 6, 0), min(columns[-1] + 7, whole.shape[1])
    step = whole.voxel_mm
    origin = ((left + right - whole.shape[1]) / 2 * step, (whole.shape[0] - top - bottom) / 2 * step)
    cut = np.ascontiguousarray(labels[top:bottom, left:right])
    cut.flags.writeable = False
    return cut, Grid((int(bottom - top), int(right - left)), voxel_mm=step, origin_mm=origin)


def _nearest(labels: NDArray[np.int16], own: Grid, grid: Grid) -> NDArray[np.int16]:
    """Return labels on another grid, each pixel that of the nearest one; air outside."""
    index = []
    for axis in (0, 1):
        place = (np.arange(grid.shape[axis]) - (grid.shape[axis] - 1) / 2) * grid.voxel_mm / own.voxel_mm
        index.append(np.rint(place + (own.shape[axis] - 1) / 2).astype(int))
    rows, columns = index
    inside = ((rows >= 0) & (rows < own.shape[0]))[:, None] & ((columns >= 0) & (columns < own.shape[1]))
    taken = labels[np.clip(rows, 0, own.shape[0] - 1)][:, np.clip(columns, 0, own.shape[1] - 1)]
    return np.where(inside, taken, 0).astype(np.int16)
