"""What every kind of finding offers, and how it is found by name."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svct.errors import InputError, unknown_name
from svct.geometry.grid import Grid
from svct.registry import entry_points_of, load
from svct.tasks.findings.anatomy import Labels
from svct.tasks.findings.finding import CERTAINTIES, SEVERITIES, Finding
from svct.tasks.findings.insert import Insertion, insert

GROUP = "svct.findings"
"""Entry-point group: each entry is a `FindingKind`; its name is the finding's with dashes for spaces."""


@dataclass(frozen=True)
class FindingKind(ABC):
    """A kind of finding: where it may lie and how it looks.

    Args:
        name: Such as ``"solid nodule"``.
        anatomies: Anatomies it can be drawn in.
        lookalikes: Names of benign kinds that resemble it, for cases that only look like one.
        organs: Organs that it may cover, `ORGANS`.
    """

    name: str
    anatomies: tuple[str, ...]
    organs: tuple[str, ...]
    lookalikes: tuple[str, ...] = ()

    @abstractmethod
    def propose(self, labels: Labels, grid: Grid, rng: np.random.Generator) -> Finding | None:
        """Draw a finding that fits a patient.

        Args:
            labels: Organ of each pixel, ``(ny, nx)``, an index into `ORGANS`; upright patient.
            grid: Its grid; pixels of 1 to 1.5 mm make smooth outlines.
            rng: Source of chance.

        Returns:
            The finding, or None where this slice has no place for one.
        """

    def insert(self, hu: NDArray[np.floating], grid: Grid, finding: Finding, *, strength: float = 1.0) -> Insertion:
        """Put a finding of this kind into an image; see `svct.tasks.findings.insert`."""
        return insert(hu, grid, finding, strength=strength)


@dataclass(frozen=True)
class Draw:
    """A number drawn from a range.

    Args:
        value: The number.
        part: Where it lies between the range's ends, 0 to 1.
    """

    value: float
    part: float


def draw(rng: np.random.Generator, low: float, high: float) -> Draw:
    """Draw evenly from a range."""
    part = float(rng.random())
    return Draw(low + part * (high - low), part)


def grades(size: Draw, contrast: Draw | None = None) -> tuple[str, str]:
    """Return severity by size and certainty by size and contrast, each in thirds of its range."""
    clear = size.part if contrast is None else (size.part + contrast.part) / 2
    return SEVERITIES[min(int(3 * size.part), 2)], CERTAINTIES[min(int(3 * clear), 2)]


def seed_of(rng: np.random.Generator) -> int:
    """Draw a seed for a texture."""
    return int(rng.integers(2**31))


def finding_kind(name: str, *, anatomy: str | None = None) -> FindingKind:
    """Return a kind of finding by its name.

    Args:
        name: Such as ``"solid nodule"``.
        anatomy: Where it is wanted.

    Raises:
        UnknownNameError: No such kind, or none in this anatomy; the message lists those that there are.
        InputError: What is registered is no kind of finding, or has another name.

    Example:
        >>> finding_kind("kidney stone").anatomies
        ('abdomen',)
    """
    entries = entry_points_of(GROUP)
    if not entries:
        load(GROUP, "finding", name)  # which says that svct is not installed completely
    entry = entries.get(name.replace(" ", "-"))
    kind = _kind(entry) if entry is not None else None
    if kind is None or (anatomy is not None and anatomy not in kind.anatomies):
        raise unknown_name(f"finding in the {anatomy}" if anatomy else "finding", name, finding_names(anatomy))
    return kind


def finding_names(anatomy: str | None = None) -> list[str]:
    """Return the names of all kinds of findings, or of those that an anatomy can have."""
    kinds = [_kind(entry) for _, entry in sorted(entry_points_of(GROUP).items())]
    return [kind.name for kind in kinds if anatomy is None or anatomy in kind.anatomies]


@cache
def _kind(entry: EntryPoint) -> FindingKind:
    """Load a kind once; looking it up among all packages anew takes longer than drawing it."""
    try:
        kind: Any = entry.load()
    except (ImportError, AttributeError):
        kind = load(GROUP, "finding", entry.name)  # which says what is wrong
    if not isinstance(kind, FindingKind) or kind.name.replace(" ", "-") != entry.name:
        raise InputError(f"{GROUP} {entry.name}: expected a FindingKind of that name, got {kind!r}; mend the package")
    return kind
