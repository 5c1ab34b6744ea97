"""What a piece of work gives: figures with their units, images, and the views."""

from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from svct.sampling.samplers.base import Choice

COHORT = -1
"""Stands for the patient in a figure of the whole cohort."""


@dataclass(frozen=True)
class Measured:
    """One figure.

    Args:
        metric: Its name.
        value: The figure.
        unit: Its unit, such as ``"dB"``.
        patient: Number of the patient, or `COHORT`.
        reader: Head or observer; empty for a figure of the image.
        low: Lower end of its interval, or NaN.
        high: Upper end.
    """

    metric: str
    value: float
    unit: str = ""
    patient: int = COHORT
    reader: str = ""
    low: float = float("nan")
    high: float = float("nan")


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a node.

    Args:
        key: Of the node.
        choice: The views.
        angles_deg: Their angles.
        figures: Of a cell.
        images: Of a cell: `patients`, `truth` and `image`, 1/mm, and `pixel_mm`.
        seconds: By stage.
        growth_mib: By stage, how much it raised the peak of memory; 0 where it fits into what a stage before it took.
        peak_memory_mib: Most main memory held above what was held at the beginning.
        error: Why it failed, or None.
    """

    key: str
    choice: Choice | None = None
    angles_deg: tuple[float, ...] = ()
    figures: tuple[Measured, ...] = ()
    images: dict[str, NDArray[Any]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    growth_mib: dict[str, float] = field(default_factory=dict)
    peak_memory_mib: float = 0.0
    error: str | None = None
