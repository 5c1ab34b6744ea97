"""The content items that DICOM structured reports consist of."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Code = tuple[str, str, str]
"""Code value, coding scheme, meaning."""


def item(relation: str, kind: str, concept: Code, value: str | None = None) -> "Dataset":
    """Return a content item.

    Args:
        relation: Its relation to the item that holds it, empty for the root.
        kind: ``"TEXT"``, ``"UIDREF"``, ``"CODE"``, ``"NUM"`` or ``"CONTAINER"``.
        concept: What it is.
        value: Its value where that is text or a UID.
    """
    from pydicom.dataset import Dataset

    found = Dataset()
    if relation:
        found.RelationshipType = relation
    found.ValueType = kind
    found.ConceptNameCodeSequence = [_coded(concept)]
    if kind == "TEXT":
        found.TextValue = value
    elif kind == "UIDREF":
        found.UID = value
    return found


def code(concept: Code, value: Code) -> "Dataset":
    """Return a contained item whose value is a code."""
    found = item("CONTAINS", "CODE", concept)
    found.ConceptCodeSequence = [_coded(value)]
    return found


def number(concept: Code, value: float, unit: str) -> "Dataset":
    """Return a contained number with its unit in UCUM."""
    from pydicom.dataset import Dataset

    measured = Dataset()
    measured.MeasurementUnitsCodeSequence = [_coded((unit, "UCUM", unit.strip("{}")))]
    measured.NumericValue = f"{value:.10g}"
    measured.FloatingPointValue = float(value)
    found = item("CONTAINS", "NUM", concept)
    found.MeasuredValueSequence = [measured]
    return found


def container(relation: str, concept: Code, content: Sequence["Dataset"]) -> "Dataset":
    """Return an item that holds others."""
    found = item(relation, "CONTAINER", concept)
    found.ContinuityOfContent = "SEPARATE"
    found.ContentSequence = list(content)
    return found


def numbers_of(report: "Dataset", concept: str, unit: str) -> list[float]:
    """Return all numbers of a concept.

    Args:
        report: The report, or a part of it.
        concept: Its code value.
        unit: The unit that they must have, UCUM.

    Raises:
        ValueError: One has another unit.
    """
    found = []
    for part in _all_of(report, concept):
        (measured,) = part.MeasuredValueSequence
        given = measured.MeasurementUnitsCodeSequence[0].CodeValue
        if given != unit:
            raise ValueError(f"{part.ConceptNameCodeSequence[0].CodeMeaning} in {given}, not {unit}")
        value, shown = float(measured.FloatingPointValue), float(measured.NumericValue)
        if not math.isclose(value, shown, rel_tol=1e-9, abs_tol=1e-9):
            raise ValueError(f"{part.ConceptNameCodeSequence[0].CodeMeaning} as {shown:g} and as {value:g}")
        found.append(value)
    return found


def text_of(report: "Dataset", concept: str) -> str:
    """Return the only text of a concept.

    Raises:
        ValueError: There is none, or more.
    """
    (found,) = _all_of(report, concept)
    return str(found.TextValue)


def _all_of(report: "Dataset", concept: str) -> list["Dataset"]:
    found = []
    for part in report.get("ContentSequence", []):
        if part.ConceptNameCodeSequence[0].CodeValue == concept:
            found.append(part)
        found += _all_of(part, concept)
    return found


def _coded(concept: Code) -> "Dataset":
    from pydicom.dataset import Dataset

    found = Dataset()
    found.CodeValue, found.CodingSchemeDesignator, found.CodeMeaning = concept
    return found
