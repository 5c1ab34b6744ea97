"""What a schedule may state of every frame beside its angle: exposure, voltage, slot, kind and place."""

from collections.abc import Callable, Sequence
from typing import Any

from svct.errors import InputError
from svct.sampling.checks import finite_number, natural_number, shown

FRAMES = ("projection", "dark", "flat")
"""Kinds of frames: of the object, without radiation, and without the object."""

MODES = ("step", "fly", "rotating")
"""How the axis moves: stop at every view, one sweep at constant speed, or endless rotation."""


LARGEST = 1e9
"""No angle, length, time or load of a scan is larger, in the units of a schedule; such a number is a slip."""


def bounded_number(value: object, what: str) -> float:
    """Return `value` as a float of at most `LARGEST` in size.

    Example:
        >>> bounded_number(90, "angle of view 0")
        90.0
    """
    number = finite_number(value, what)
    if abs(number) > LARGEST:
        raise InputError(f"{what}: expected at most {LARGEST:g} in size, got {number:g}")
    return number


def _count(value: object, what: str) -> int:
    return natural_number(bounded_number(value, what), what)


def _frame(value: object, what: str) -> str:
    if value not in FRAMES:
        raise InputError(f"{what}: expected one of {', '.join(FRAMES)}, got {shown(value)}")
    return str(value)


def _amount(value: object, what: str) -> float:
    number = bounded_number(value, what)
    if number < 0:
        raise InputError(f"{what}: expected a value of at least 0, got {number:g}")
    return number


COLUMNS: dict[str, Callable[[object, str], Any]] = {
    "exposure_mAs": _amount,
    "tube_current_mA": _amount,
    "exposure_ms": _amount,
    "kvp": _amount,
    "slot": _count,
    "rotation": _count,
    "frame": _frame,
    "secondary_deg": bounded_number,
    "z_mm": bounded_number,
    "t_offset_s": _amount,
}
"""Each optional column of the views with the check of one value."""


def check_column(name: str, values: Sequence[Any], frames: int) -> tuple[Any, ...]:
    """Return the values of one optional column, checked; an empty one is a column that is not stated.

    Args:
        name: Its name in `COLUMNS`.
        values: One value per frame, or none at all.
        frames: How many frames there are.

    Raises:
        InputError: The count is wrong or a value impossible.

    Example:
        >>> check_column("slot", [3, 9], 2)
        (3, 9)
    """
    checked = tuple(COLUMNS[name](value, f"{name} of view {i}") for i, value in enumerate(values))
    if checked and len(checked) != frames:
        raise InputError(f"{name}: expected one value per view, {frames}, or none, got {len(checked)}")
    return checked


def read_columns(views: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Collect the optional columns of a file's views.

    Args:
        views: The views as the file has them.

    Raises:
        InputError: Some views state a column and others do not.

    Example:
        >>> read_columns([{"i": 0, "kvp": 80.0}, {"i": 1, "kvp": 120.0}])
        {'kvp': (80.0, 120.0)}
    """
    found: dict[str, Any] = {}
    for name in COLUMNS:
        values = tuple(view[name] for view in views if name in view)
        if values and len(values) != len(views):
            raise InputError(f"views: expected {name} in every view or in none, got it in {len(values)}; complete them")
        if values:
            found[name] = values
    return found
