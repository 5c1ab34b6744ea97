"""Find the views of a schedule in a scan that was measured."""

import math
from dataclasses import fields
from typing import Any

from svct.errors import InputError, SvctError
from svct.geometry.scan import Scan, scan_from_dict
from svct.sampling.schedule import Schedule


def measured_views(schedule: Schedule, scan: Scan) -> list[int]:
    """Return the indices of a schedule's views among the views of a measured scan.

    Args:
        schedule: The schedule.
        scan: A scan of all candidates; a parallel beam may have rows that the schedule's does not have.

    Raises:
        InputError: The schedule was made for another geometry, or a view of it was not measured.

    Example:
        >>> from svct.geometry import ParallelBeam
        >>> geometry = {"kind": "parallel", "bins": 5, "bin_mm": 1.0}
        >>> schedule = Schedule(angles_deg=(90.0, 0.0), geometry=geometry, task="chest", budget=2, candidates=4,
        ...                     method="equidistant")
        >>> measured_views(schedule, ParallelBeam([0.0, math.pi / 4, math.pi / 2, 2.0], bins=5, rows=3))
        [2, 0]
    """
    try:
        made_for = scan_from_dict({**schedule.geometry, "angles": [math.radians(a) for a in schedule.angles_deg]})
    except (SvctError, TypeError) as error:
        raise InputError(
            f"schedule geometry: expected one that svct knows, got {schedule.geometry} ({error})"
        ) from error
    expected, measured = _description(made_for), _description(scan)
    if scan.kind == "parallel" and made_for.ndim == 2:
        measured = {**measured, "rows": None, "row_mm": None, "offset_mm": _first(measured["offset_mm"])}
    for name in sorted({*expected, *measured}):
        if not _alike(expected.get(name), measured.get(name)):
            raise InputError(
                f"schedule: expected one made for this scan, whose {name} is {measured.get(name)!r}, got one for "
                f"{expected.get(name)!r}; use the schedule of this geometry, or the data of the schedule's"
            )
    return schedule.view_indices(scan)


def _description(scan: Scan) -> dict[str, Any]:
    names = [f.name for f in fields(scan) if f.init and f.name not in scan.per_view]
    return {"kind": scan.kind, **{name: getattr(scan, name) for name in names}}


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) else value


def _alike(a: Any, b: Any) -> bool:
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_alike, a, b))
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (a, b))
    return math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9) if numbers else bool(a == b)
