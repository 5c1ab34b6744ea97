"""One case: a patient, what was put into him, and the published record of both."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray

from svct.errors import DataFileError, InputError
from svct.geometry.grid import Grid
from svct.tasks.findings.finding import DERIVED, Finding
from svct.tasks.findings.insert import insert
from svct.units import MU_WATER, mu_to_hu

SCHEMA_NAME = "svct.case/1"
"""What a case file names in its `schema` field."""

KINDS = ("present", "absent", "sham", "distractor")


@cache
def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) that every case file follows.

    Example:
        >>> json_schema()["properties"]["schema"]
        {'const': 'svct.case/1'}
    """
    schema: dict[str, Any] = json.loads((files("svct.tasks") / "case.schema.json").read_text(encoding="utf-8"))
    return schema


@dataclass(frozen=True)
class CaseRecord:
    """All that a case depends on, as its JSON holds it.

    Args:
        index: Number within its cohort.
        seed: Seed of the cohort of cases.
        kind: ``"present"``; ``"absent"``; ``"sham"``, absent but run through the same code with no contrast; or
            ``"distractor"``, absent with a benign lookalike.
        target: Name of the finding asked for.
        base: The patient: ``source`` ``"cohort"`` with ``anatomy``, ``seed``, ``index`` and ``generator``, or
            ``"volume"`` with ``sha256`` and ``slice``.
        split: ``"train"``, ``"validation"`` or ``"test"``, by base patient.
        grid: The image grid.
        rotation_deg: How far patient and finding are turned about the grid's centre, degrees.
        findings: What is asked for and in the image.
        decoys: Lookalikes in the image.
        withheld: In absent and sham cases what would have been put in: its place is known, it does not show.

    Raises:
        InputError: No such kind, or the findings do not fit it.
    """

    index: int
    seed: int
    kind: str
    target: str
    base: Mapping[str, Any]
    split: str
    grid: Grid
    rotation_deg: float = 0.0
    findings: tuple[Finding, ...] = ()
    decoys: tuple[Finding, ...] = ()
    withheld: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"case kind: expected {', '.join(KINDS)}, got {self.kind!r}")
        held = (bool(self.findings), bool(self.decoys), bool(self.withheld))
        wanted = (self.kind == "present", self.kind == "distractor", self.kind in ("absent", "sham"))
        if held != wanted:
            raise InputError(
                f"case of kind {self.kind!r}: expected findings, decoys, withheld to be there as {wanted}, got {held}"
            )

    @property
    def place(self) -> Finding:
        """The finding at the place that an observer looks at, in the image or not."""
        return (*self.findings, *self.decoys, *self.withheld)[0]

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain data, as its JSON Schema has it."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        lists = {name: [f.to_dict() for f in values[name]] for name in ("findings", "decoys", "withheld")}
        place = {name: list(getattr(self.place, name)) for name in DERIVED}
        return {
            "schema": SCHEMA_NAME,
            **values,
            "base": dict(self.base),
            "grid": self.grid.to_dict(),
            "place": place,
            **lists,
        }

    def to_json(self) -> str:
        """Return the record as JSON."""
        return json.dumps(self.to_dict(), allow_nan=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "CaseRecord":
        """Build a record from what `to_json` gave.

        Args:
            text: JSON that follows the published schema.

        Raises:
            DataFileError: The text is not JSON.
            InputError: It does not follow the schema, or contradicts itself.
        """
        from jsonschema import Draft202012Validator  # slow to import, and needed only where a file is read
        from jsonschema.exceptions import best_match

        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DataFileError(f"expected a case in JSON, got text that is not ({error}); write it again") from error
        flaw = best_match(Draft202012Validator(json_schema()).iter_errors(values))
        if flaw is not None:
            where = "/".join(str(part) for part in flaw.absolute_path) or "top level"
            raise InputError(f"does not follow the schema {SCHEMA_NAME} at {where}: {flaw.message[:200]}")
        fields = {name: value for name, value in values.items() if name not in ("schema", "place")}
        for name in ("findings", "decoys", "withheld"):
            fields[name] = tuple(Finding.from_dict(f) for f in fields[name])
        return cls(**{**fields, "grid": Grid.from_dict(fields["grid"])})


@dataclass(frozen=True, eq=False)
class Case:
    """A case on its grid.

    Args:
        record: What it is.
        image: Attenuation, float32 ``(ny, nx)``, 1/mm.
        coverage: How much of each pixel the finding covers, float64 ``(ny, nx)``; zero where it is absent.
        labels: Organ of each pixel before the insertion, int16 ``(ny, nx)``.
    """

    record: CaseRecord
    image: Float[torch.Tensor, "y x"] = field(repr=False)
    coverage: NDArray[np.float64] = field(repr=False)
    labels: NDArray[np.int16] = field(repr=False)

    @property
    def present(self) -> bool:
        """Whether the finding asked for is in the image."""
        return self.record.kind == "present"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is asked for and in the image."""
        return self.record.findings

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Pixels that the finding covers by more than half, ``(ny, nx)``."""
        return self.coverage > 0.5


def render(record: CaseRecord, image: Float[torch.Tensor, "y x"], labels: NDArray[np.int16]) -> Case:
    """Put what a record says into its patient.

    Args:
        record: The record; attenuation and contrast of its findings are measured anew.
        image: The patient without findings, float32 ``(ny, nx)`` on the record's grid, 1/mm.
        labels: Organ of each pixel, ``(ny, nx)``.

    Returns:
        The case. Pixels that nothing was put into keep their bits; nothing attenuates less than air.

    Raises:
        InputError: The image does not fit the grid, or the place is outside of it.
    """
    hu = mu_to_hu(image.double()).numpy()
    strength = 0.0 if record.withheld else 1.0
    put = insert(hu, record.grid, record.place, strength=strength)
    change = torch.from_numpy((put.hu - hu) * (MU_WATER / 1000))
    mixed = (image.double() + change).clamp(min=0).float()
    untouched = record.kind == "absent" and not any(part.role == "setting" for part in record.place.parts)
    measured = replace(
        record,
        findings=(put.finding,) if record.findings else (),
        decoys=(put.finding,) if record.decoys else (),
    )
    coverage = put.coverage if record.kind == "present" else np.zeros_like(put.coverage)
    return Case(measured, image.clone() if untouched else mixed, coverage, labels)
