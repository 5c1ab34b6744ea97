"""How two schedules differ, such as the planned one and the one that was taken."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from svct.errors import InputError
from svct.sampling.checks import angular_distance_deg
from svct.sampling.columns import COLUMNS
from svct.sampling.schedule import Schedule

FIELDS = ("task", "method", "candidates", "geometry", "mode", "repeat", "dose", "gain", "device_profile", "provenance")

_ROUNDING_DEG = 1e-9


@dataclass(frozen=True)
class Difference:
    """What differs between two schedules.

    Args:
        fields: Fields with both values.
        only_first: Projections of the first without one of the second, as frames of the first.
        only_second: Likewise the other way round.
        reordered: Whether the projections that both have follow in another order.
        largest_error_deg: Largest distance of two projections that belong together, degrees.
        columns: Largest change of each statement per frame among these: loads, currents, times, ...
        stated_once: Statements per frame that one of the two makes and the other does not.
    """

    fields: dict[str, tuple[Any, Any]]
    only_first: tuple[int, ...]
    only_second: tuple[int, ...]
    reordered: bool
    largest_error_deg: float
    columns: dict[str, float]
    stated_once: tuple[str, ...]

    def same_views(self, tolerance_deg: float = 0.0) -> bool:
        """Whether both take the same projections in the same order, up to a tolerance of their angles."""
        missing = self.only_first or self.only_second
        return not (missing or self.reordered or self.columns or self.largest_error_deg > tolerance_deg)

    def to_dict(self) -> dict[str, Any]:
        """Return the difference as plain JSON."""
        return asdict(self)


def compare(first: Schedule, second: Schedule, *, within_deg: float = 0.5) -> Difference:
    """Compare two schedules.

    Args:
        first: Such as the planned one.
        second: Such as the one taken.
        within_deg: How far apart two projections may lie, modulo 360 degrees, and still be the same one.

    Raises:
        InputError: `within_deg` is negative.

    Example:
        >>> made = [Schedule(angles_deg=a, geometry={"kind": "parallel"}, task="chest", budget=len(a), candidates=9,
        ...                  method="learned") for a in ((0.0, 60.0, 120.0), (60.1, 0.0))]
        >>> found = compare(*made)
        >>> found.only_first, found.reordered, round(found.largest_error_deg, 3)
        ((2,), True, 0.1)
    """
    if not within_deg >= 0:
        raise InputError(f"within_deg: expected at least 0, got {within_deg}")
    pairs = _pairs(first, second, within_deg)
    errors = [
        float(angular_distance_deg(np.array(first.angles_deg[a]), np.array(second.angles_deg[b]))) for a, b in pairs
    ]
    after = [b for _, b in sorted(pairs)]
    values = {name: (_plain(getattr(first, name)), _plain(getattr(second, name))) for name in FIELDS}
    return Difference(
        fields={name: both for name, both in values.items() if both[0] != both[1]},
        only_first=tuple(sorted(set(first.projections) - {a for a, _ in pairs})),
        only_second=tuple(sorted(set(second.projections) - {b for _, b in pairs})),
        reordered=after != sorted(after),
        largest_error_deg=max(errors, default=0.0),
        columns=_columns(first, second, pairs),
        stated_once=tuple(name for name in COLUMNS if bool(getattr(first, name)) != bool(getattr(second, name))),
    )


def _pairs(first: Schedule, second: Schedule, within_deg: float) -> list[tuple[int, int]]:
    """Match the projections, nearest first."""
    a, b = list(first.projections), list(second.projections)
    one, other = (np.array([s.angles_deg[i] for i in s.projections]) % 360 for s in (first, second))
    ring = np.argsort(other, kind="stable")
    unrolled = np.concatenate([other[ring] - 360, other[ring], other[ring] + 360])
    begin = np.searchsorted(unrolled, one - within_deg - _ROUNDING_DEG)
    end = np.searchsorted(unrolled, one + within_deg + _ROUNDING_DEG, side="right")
    rows = np.repeat(np.arange(len(a)), end - begin)
    columns = np.array([ring[k % len(b)] for i in range(len(a)) for k in range(begin[i], end[i])], dtype=np.int64)
    distances = angular_distance_deg(one[rows], other[columns])
    nearest = np.lexsort((abs(rows - columns), distances))
    left, right, found = set(a), set(b), []
    for i, k in zip(rows[nearest], columns[nearest], strict=True):
        pair = a[i], b[k]
        if pair[0] in left and pair[1] in right:
            found.append(pair)
            left.remove(pair[0])
            right.remove(pair[1])
    return found


def _columns(first: Schedule, second: Schedule, pairs: list[tuple[int, int]]) -> dict[str, float]:
    found = {}
    for name in (
        "relative_load",
        *(name for name in COLUMNS if name not in ("frame", "slot", "rotation", "t_offset_s")),
    ):
        one, other = getattr(first, name), getattr(second, name)
        if one and other and pairs:
            change = max(abs(one[a] - other[b]) for a, b in pairs)
            if change > 1e-9 * max(1.0, max(abs(one[a]) for a, _ in pairs)):
                found[name] = float(change)
    return found


def _plain(value: Any) -> Any:
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value
