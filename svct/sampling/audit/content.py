"""Checks of a schedule file by itself, made on its plain JSON so that each fault is named."""

import json
import math
from collections.abc import Iterator
from typing import Any

from svct.errors import DataFileError, InputError
from svct.sampling.audit.finding import Finding, skipped
from svct.sampling.checks import same_views
from svct.sampling.document import content_hash, json_schema
from svct.sampling.dose import agree
from svct.sampling.schedule import Schedule

AMOUNTS = ("relative_load", "exposure_mAs", "tube_current_mA", "exposure_ms", "kvp")

_HUGE = 10**300
"""Whole numbers from here on are read as infinite; Python's would not fit into a float."""


def content_findings(text: str) -> tuple[list[Finding], Schedule | None]:
    """Check the text of a schedule file.

    Args:
        text: JSON; NaN and infinities are read, to be found.

    Returns:
        The findings, and the schedule where none of them failed.

    Raises:
        DataFileError: The text is not JSON, or no object.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataFileError(
            f"expected a schedule in JSON, got text that is empty, truncated or not JSON ({error}); copy it again"
        ) from error
    if not isinstance(document, dict):
        raise DataFileError(f"expected a schedule, got a JSON {type(document).__name__}")
    views = document.get("views")
    views = [view for view in views if isinstance(view, dict)] if isinstance(views, list) else []
    infinite = [place for place, number in _numbers(document, "") if not math.isfinite(number)]
    findings = [
        _count("NONFINITE", len(infinite), f"numbers that are not finite{_where(infinite)}"),
        _schema(document),
        _index(views),
        _negative(views),
        _duplicate(document, views),
        _loads(document, views),
        skipped("HASH", "numbers that are not finite have no canonical form") if infinite else _hash(document),
    ]
    if any(finding.result == "fail" for finding in findings):
        return [*findings, skipped("VALUES", "the checks above failed")], None
    try:
        schedule = Schedule.from_json(text)
    except InputError as error:
        return [*findings, Finding(code="VALUES", result="fail", message=str(error))], None
    return [*findings, Finding(code="VALUES", result="pass", message="all values agree with each other")], schedule


def _numbers(value: Any, place: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _numbers(part, f"{place}/{name}")
    elif isinstance(value, list):
        for i, part in enumerate(value):
            yield from _numbers(part, f"{place}/{i}")
    elif isinstance(value, float):
        yield place, value


def _where(places: list[str]) -> str:
    return f": {', '.join(places[:3])}{', ...' if len(places) > 3 else ''}" if places else ""


def _count(code: str, found: int, message: str, views: tuple[int, ...] = ()) -> Finding:
    result = "fail" if found else "pass"
    return Finding(code=code, result=result, message=message, value=float(found), limit=0.0, views=views)


def _schema(document: dict[str, Any]) -> Finding:
    from jsonschema import Draft202012Validator  # slow to import, and needed only where a file is read

    errors = list(Draft202012Validator(json_schema()).iter_errors(document))
    places = ["/" + "/".join(str(part) for part in error.absolute_path) for error in errors]
    first = f": {errors[0].message[:120]}" if errors else ""
    return _count("SCHEMA", len(errors), f"places that do not follow svct.schedule/1{_where(places)}{first}")


def _index(views: list[dict[str, Any]]) -> Finding:
    wrong = tuple(place for place, view in enumerate(views) if view.get("i") != place)
    return _count("INDEX", len(wrong), "views whose i is not their place in the order", wrong)


def _negative(views: list[dict[str, Any]]) -> Finding:
    wrong = tuple(i for i, view in enumerate(views) if any(_number(view, name) < 0 for name in AMOUNTS))
    return _count("NEG_EXPOSURE", len(wrong), "views with a load, current, time or voltage below 0", wrong)


def _duplicate(document: dict[str, Any], views: list[dict[str, Any]]) -> Finding:
    if document.get("repeat") is True:
        return skipped("DUPLICATE", "the schedule says that it repeats views")
    chosen = [i for i, view in enumerate(views) if view.get("frame", "projection") == "projection"]
    chosen = [i for i in chosen if math.isfinite(_number(views[i], "angle_deg", math.nan))]
    angles = [_number(views[i], "angle_deg") for i in chosen]
    found = same_views(angles, [(_number(views[i], "secondary_deg"), _number(views[i], "z_mm")) for i in chosen])
    pair = () if found is None else (chosen[found[0]], chosen[found[1]])
    return _count("DUPLICATE", 0 if found is None else 1, "projections at the same angle modulo 360 degrees", pair)


def _loads(document: dict[str, Any], views: list[dict[str, Any]]) -> Finding:
    wrong = []
    for i, view in enumerate(views):
        parts = [_number(view, name, math.nan) for name in ("exposure_mAs", "tube_current_mA", "exposure_ms")]
        if all(map(math.isfinite, parts)) and not agree(parts[0], parts[1] * parts[2] / 1000):
            wrong.append(i)
    if wrong:
        return _count("MAS", len(wrong), "views whose mAs is not mA times ms / 1000", tuple(wrong))
    dose = document.get("dose")
    if not isinstance(dose, dict) or not any("exposure_mAs" in view for view in views):
        return _count("MAS", 0, "views whose mAs is not mA times ms / 1000; no total to compare with")
    total = math.fsum(
        _number(view, "exposure_mAs") for view in views if view.get("frame", "projection") == "projection"
    )
    stated = _number(dose, "total_mAs", math.nan)
    result = "pass" if agree(total, stated) else "fail"
    return Finding(
        code="MAS", result=result, message="sum of the loads against the total", value=total, limit=stated, unit="mAs"
    )


def _hash(document: dict[str, Any]) -> Finding:
    stated, found = document.get("sha256"), content_hash(document)
    if stated == found:
        return Finding(code="HASH", result="pass", message=f"content and hash agree, {found[:12]}")
    message = f"content does not match its hash: stated {str(stated)[:12]}, content {found[:12]}; it was changed"
    return Finding(code="HASH", result="fail", message=message)


def _number(view: dict[str, Any], name: str, default: float = 0.0) -> float:
    value = view.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return default
    return float(value) if abs(value) < _HUGE else math.inf if value > 0 else -math.inf
