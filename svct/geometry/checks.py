"""Checks of a geometry's numbers, shared by all scans."""

import math
from typing import Any

import numpy as np

from svct.errors import InputError


def require_count(value: object, what: str) -> int:
    """Return `value` as a positive integer; `what` names it in the error."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise InputError(f"{what}: expected a positive whole number, got {value!r}")
    return int(value)


def require_flag(value: object, what: str) -> bool:
    """Return `value`, which must be true or false; `what` names it in the error."""
    if not isinstance(value, (bool, np.bool_)):
        raise InputError(f"{what}: expected True or False, got {value!r}")
    return bool(value)


def require_length(value: object, what: str, *, zero: bool = False) -> float:
    """Return `value` as a positive finite length in mm; `what` names it in the error.

    Args:
        value: The length.
        what: Its name.
        zero: Whether 0 is allowed too.
    """
    if not _is_finite(value) or value < 0 or (value == 0 and not zero):  # type: ignore[operator]
        raise InputError(f"{what}: expected a {'non-negative' if zero else 'positive'} length in mm, got {value!r}")
    return float(value)  # type: ignore[arg-type]


def require_number(value: object, what: str, *, unit: str = "mm") -> float:
    """Return `value` as a finite number of either sign; `what` names it in the error."""
    if not _is_finite(value):
        raise InputError(f"{what}: expected a finite number in {unit}, got {value!r}")
    return float(value)  # type: ignore[arg-type]


def require_numbers(value: Any, what: str, *, names: tuple[str, ...], unit: str = "mm") -> tuple[float, ...]:
    """Return `value` as a tuple of finite numbers; a single number stands for the first, zeros follow.

    Args:
        value: A number or a sequence.
        what: Its name.
        names: What each number is.
        unit: Of every number.
    """
    if _is_finite(value):
        return (float(value), *[0.0] * (len(names) - 1))
    table = _table(value)
    if table is None or table.shape != (len(names),):
        raise InputError(f"{what}: expected ({', '.join(names)}), finite numbers in {unit}, got {value!r}")
    return tuple(table.tolist())


def require_per_view(value: Any, what: str, *, names: tuple[str, ...], views: int) -> tuple[tuple[float, ...], ...]:
    """Return `value` as one tuple of lengths per view; a shorter list is a pattern that repeats.

    Args:
        value: Nothing, one row of lengths, or a list of at most `views` rows.
        what: Its name.
        names: What the lengths of a row are.
        views: How many views there are.
    """
    if isinstance(value, (tuple, list)) and not value:
        return ()
    table = _table(value)
    if table is None or table.ndim not in (1, 2) or table.shape[-1] != len(names):
        raise InputError(f"{what}: expected ({', '.join(names)}) in mm, finite, for some views, got {value!r}")
    rows = table.reshape(-1, len(names))
    if len(rows) > views:
        raise InputError(
            f"{what}: expected one entry for each of the {views} views, or a shorter pattern that repeats, "
            f"got {len(rows)}"
        )
    return tuple(map(tuple, rows[np.arange(views) % len(rows)].tolist()))


def _is_finite(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, (int, float, np.number)) and math.isfinite(value)


def _table(value: Any) -> Any:
    try:
        table = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return table if table.size and np.isfinite(table).all() else None
