"""Figures from the literature that a plan sets beside its own: none is measured, and no cell depends on them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from svct.errors import InputError, unknown_name


@dataclass(frozen=True)
class Literature:
    """A published figure, not run here.

    Args:
        name: Of the method or the work.
        value: The figure as published.
        metric: What it is, with its unit.
        setting: Under which it was measured: data, views, dose.
        citation: Where it is printed, down to the table.
    """

    name: str
    value: float
    metric: str
    setting: str
    citation: str


def literature_in(values: Mapping[str, Any]) -> tuple[Literature, ...]:
    """Return the entries of a plan's tables ``[[literature]]``.

    Args:
        values: The plan.

    Raises:
        InputError: No list of tables, a field that is missing or empty, or a value that is not a finite number.
        UnknownNameError: A field that there is not.
    """
    tables = values.get("literature", [])
    if not isinstance(tables, list) or not all(isinstance(one, Mapping) for one in tables):
        raise InputError(f"literature: expected tables [[literature]], got {tables!r}")
    return tuple(_entry(one) for one in tables)


def _entry(given: Mapping[str, Any]) -> Literature:
    names = [field.name for field in fields(Literature)]
    for key in given:
        if key not in names:
            raise unknown_name("key in [[literature]]", key, names)
    texts = {name: given.get(name) for name in names if name != "value"}
    for name, text in texts.items():
        if not isinstance(text, str) or not text.strip():
            raise InputError(f"[[literature]] {name}: expected text, got {text!r}; a figure needs {', '.join(names)}")
    value = given.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"[[literature]] value: expected a finite number, got {value!r}")
    return Literature(value=float(value), **{name: str(text) for name, text in texts.items()})
