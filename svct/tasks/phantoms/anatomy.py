"""What can be drawn, and how it is found by name."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from svct.errors import InputError
from svct.geometry.grid import Grid
from svct.registry import entry_points_of, load
from svct.tasks.phantoms.canvas import Canvas
from svct.tasks.phantoms.chance import Dice

GROUP = "svct.anatomies"
"""Entry-point group: each entry is an `Anatomy` of the entry's name."""

GENERATOR_VERSION = "phantoms-2"
"""Of svct's own anatomies: changes whenever a patient of the same anatomy, seed and index would come out different."""

WHOLE_BODY = Grid((512, 512), voxel_mm=1.05)
"""Holds every patient, with pixels that make smooth outlines of findings."""

Draw = Callable[[Grid, Dice, float], Canvas]
"""Draws one patient on a grid with his random numbers, turned about the grid's centre by so many radians."""


@dataclass(frozen=True)
class Anatomy:
    """Something that patients, or parts, are drawn of.

    Args:
        name: Such as ``"chest"``.
        draw: Draws one; the same dice give the same one on every grid.
        draw_bare: The same without the findings that `draw` puts in by chance. Default: `draw`, which puts in none.
        fine: Upright grid that holds every patient, on which findings look for their place; pixels of about a
            hundredth of the patient make smooth outlines.
        version: Changes whenever `draw` would draw another from the same dice; goes into the hash of every cohort.
    """

    name: str
    draw: Draw
    draw_bare: Draw | None = None
    fine: Grid = WHOLE_BODY
    version: str = GENERATOR_VERSION


@cache
def find_anatomy(name: str) -> Anatomy:
    """Return an anatomy by its name.

    Args:
        name: Such as ``"chest"``.

    Raises:
        UnknownNameError: No such anatomy; the message lists those that there are.
        SvctError: What is registered cannot be imported.
        InputError: It is no anatomy, or has another name.

    Example:
        >>> find_anatomy("water").version
        'phantoms-2'
    """
    found: Any = load(GROUP, "anatomy", name)
    if not isinstance(found, Anatomy) or found.name != name:
        raise InputError(f"{GROUP} {name}: expected an Anatomy of that name, got {found!r}; mend the package")
    return found


def anatomy_names() -> list[str]:
    """Return the names of all registered anatomies."""
    return sorted(entry_points_of(GROUP))
