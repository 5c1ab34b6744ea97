"""Tasks as TOML files that follow the JSON Schema `svct.task/1`."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from svct.errors import DataFileError, InputError, unknown_name
from svct.geometry.scan import scan_kinds

SCHEMA_NAME = "svct.task/1"
"""What a task file may name in its `schema` field."""


@cache
def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) that every task file follows.

    Example:
        >>> json_schema()["properties"]["schema"]["const"]
        'svct.task/1'
    """
    schema: dict[str, Any] = json.loads((files("svct.tasks") / "task.schema.json").read_text(encoding="utf-8"))
    return schema


def read_values(path: Path | Traversable) -> dict[str, Any]:
    """Read a TOML file.

    Args:
        path: The file.

    Raises:
        DataFileError: The file is missing or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataFileError(f"{path}: expected a task in TOML, found no file") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataFileError(f"{path}: expected a task in TOML, cannot be read ({error})") from error


def check_values(values: Mapping[str, Any]) -> None:
    """Check that values follow the schema.

    Args:
        values: What a task file holds.

    Raises:
        UnknownNameError: A key that no task has; the message says which one was probably meant.
        InputError: A key is missing, or a value is not what the schema asks for.
    """
    from jsonschema import Draft202012Validator  # slow to import, and needed only where a file is read
    from jsonschema.exceptions import best_match

    schema = json_schema()
    _check_keys(values, schema["properties"], "the task")
    for name, section in schema["properties"].items():
        if "properties" in section and isinstance(values.get(name), Mapping):
            known = {**section["properties"], **_geometry(values[name])} if name == "scan" else section["properties"]
            _check_keys(values[name], known, f"[{name}]")
    flaw = best_match(Draft202012Validator(schema).iter_errors(values))
    if flaw is None:
        return
    where = ".".join(str(part) for part in flaw.absolute_path) or "the task"
    expected = flaw.schema.get("description", "") if isinstance(flaw.schema, Mapping) else ""
    raise InputError(f"{where}: {flaw.message[:200]}{f'; expected: {expected}' if expected else ''}")


def _check_keys(given: Mapping[str, Any], known: Mapping[str, Any], where: str) -> None:
    for key in given:
        if key not in known or known[key] is False:
            raise unknown_name(f"key in {where}", key, [name for name, value in known.items() if value is not False])


def _geometry(scan: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that a geometry has but its angles, so that a slip in one is told from a missing one."""
    kind = scan_kinds().get(str(scan.get("kind")))
    if kind is None:
        return dict.fromkeys(scan, True)
    return {field.name: True for field in fields(kind) if field.init and field.name != "angles"}
