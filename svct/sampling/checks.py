"""What a schedule's values must satisfy; each check raises InputError with what was expected and got."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from svct.errors import InputError
from svct.sampling.document import plain_json

SAME_VIEW_DEG = 1e-9
"""Two angles closer than this, modulo 360 degrees, are the same view."""


def angular_distance_deg(a: Float[np.ndarray, "..."], b: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Return how far two sets of angles lie apart modulo 360, degrees, from 0 to 180.

    Args:
        a: Angles, any shape, degrees.
        b: Angles, a shape that broadcasts with `a`, degrees.

    Example:
        >>> float(angular_distance_deg(np.array(359.0), np.array(2.0)))
        3.0
    """
    return np.asarray(np.abs((a - b + 180) % 360 - 180))


def finite_number(value: object, what: str) -> float:
    """Return `value` as a float; `what` names it in the error.

    Example:
        >>> finite_number(90, "angle of view 0")
        90.0
    """
    try:
        number = math.nan if isinstance(value, (str, bytes)) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{what}: expected a finite number, got {shown(value)}")
    return number


def positive_count(value: object, what: str) -> int:
    """Return `value` as an int of at least 1; a float without fraction passes, as JSON may hold one.

    Example:
        >>> positive_count(24.0, "budget")
        24
    """
    number = math.nan if isinstance(value, bool) else finite_number(value, what)
    if not (number >= 1 and number.is_integer()):
        raise InputError(f"{what}: expected a positive whole number, got {shown(value)}")
    return int(number)


def natural_number(value: object, what: str) -> int:
    """Return `value` as an int of at least 0.

    Example:
        >>> natural_number(0, "slot of view 0")
        0
    """
    number = math.nan if isinstance(value, bool) else finite_number(value, what)
    if not (number >= 0 and number.is_integer()):
        raise InputError(f"{what}: expected a whole number of at least 0, got {shown(value)}")
    return int(number)


def require_text(value: object, what: str) -> None:
    """Check that `value` is text and not blank.

    Example:
        >>> require_text("chest", "task")
    """
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{what}: expected a name or short text, got {shown(value)}")


def plain_dict(value: object, what: str) -> dict[str, Any]:
    """Return a copy of a dictionary as plain JSON.

    Example:
        >>> plain_dict({"bins": (1, 2)}, "geometry")
        {'bins': [1, 2]}
    """
    if not isinstance(value, dict):
        raise InputError(f"{what}: expected a dictionary of plain JSON values, got {shown(value)}")
    plain: dict[str, Any] = plain_json(value, what=what)
    return plain


def check_counts(views: int, budget: int, candidates: int) -> None:
    """Check that the numbers of views, of the budget and of the candidates agree.

    Example:
        >>> check_counts(24, 24, 360)
    """
    if views != budget:
        raise InputError(f"budget: expected the number of views, {views}, got {budget}")
    if candidates < views:
        raise InputError(f"candidates: expected at least as many as views, {views}, got {candidates}")


def check_loads(loads: Sequence[float], views: int) -> None:
    """Check that there is one positive load per view and that their mean is 1.

    Example:
        >>> check_loads((0.5, 1.5), 2)
    """
    if len(loads) != views:
        raise InputError(f"relative_load: expected one value per view, {views}, got {len(loads)}")
    if min(loads) <= 0:
        raise InputError(f"relative_load: expected positive values, got {min(loads)}; leave out views without load")
    mean = math.fsum(loads) / views
    if abs(mean - 1) > 1e-6:
        raise InputError(f"relative_load: expected a mean of 1, got {mean:.6g}; divide the loads by their mean")


def same_views(angles_deg: Sequence[float], places: Sequence[Any] = ()) -> tuple[int, int] | None:
    """Return the first two views found at the same angle modulo 360 degrees and the same place, or None.

    Args:
        angles_deg: Angles, degrees.
        places: What else tells views apart, one hashable value per view, such as a table position.

    Example:
        >>> same_views((0.0, 180.0, 360.0))
        (0, 2)
        >>> same_views((0.0, 360.0), places=(0.0, 5.0)) is None
        True
    """
    by_place: dict[Any, list[int]] = {}
    for view in range(len(angles_deg)):
        by_place.setdefault(places[view] if places else None, []).append(view)
    for members in by_place.values():
        values = np.array([angles_deg[view] for view in members])
        order = np.argsort(values % 360, kind="stable")
        gaps = angular_distance_deg(values[order], values[np.roll(order, -1)])
        if len(members) > 1 and gaps.min() < SAME_VIEW_DEG:
            place = int(gaps.argmin())
            first, second = sorted((members[order[place]], members[order[(place + 1) % len(order)]]))
            return first, second
    return None


def check_distinct(angles_deg: Sequence[float], places: Sequence[Any] = (), names: Sequence[int] = ()) -> None:
    """Check that no two views have the same angle modulo 360 degrees at the same place.

    Args:
        angles_deg: Angles, degrees.
        places: What else tells views apart, as in `same_views`.
        names: What the error calls the views. Default: their places in the sequence.

    Raises:
        InputError: Two are the same.

    Example:
        >>> check_distinct((0.0, 180.0))
    """
    found = same_views(angles_deg, places)
    if found is not None:
        first, second = found
        shown_as = names or range(len(angles_deg))
        raise InputError(
            f"views {shown_as[first]} and {shown_as[second]}: expected different angles, got {angles_deg[first]} and "
            f"{angles_deg[second]} deg, the same modulo 360; leave one out"
        )


def shown(value: object) -> str:
    """Return `value` as an error message shows it, cut to a readable length.

    Example:
        >>> shown("x" * 500)[-4:]
        'x...'
    """
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."
