"""The JSON side of a schedule: parsing, the published schema, canonical bytes and the content hash."""

import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import Any

from svct.errors import DataFileError, InputError

SCHEMA_NAME = "svct.schedule/1"
"""What a schedule file names in its `schema` field."""

UNHASHED = ("sha256", "signature")
"""Top-level fields that the content hash leaves out."""


@cache
def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) that every schedule file follows.

    Example:
        >>> json_schema()["properties"]["schema"]
        {'const': 'svct.schedule/1'}
    """
    text = (files("svct.sampling") / "schedule.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def plain_json(value: Any, *, what: str) -> Any:
    """Return a copy of `value` as plain JSON types.

    Args:
        value: Dictionaries with text keys, lists, text, numbers, booleans, None.
        what: How the error names the value.

    Raises:
        InputError: The value holds something that JSON cannot carry, such as NaN or an array.

    Example:
        >>> plain_json({"kind": "fan", "bins": (1, 2)}, what="geometry")
        {'kind': 'fan', 'bins': [1, 2]}
    """
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"{what}: expected plain JSON with finite numbers, got {type(value).__name__} ({error})"
        ) from error


def canonical_bytes(document: dict[str, Any]) -> bytes:
    """Return the bytes that the content hash is taken over.

    Args:
        document: A schedule document; `sha256` and `signature` are left out.

    Example:
        >>> canonical_bytes({"task": "head", "budget": 2, "sha256": "..."})
        b'{"budget":2,"task":"head"}'

    Notes:
        Sorted keys, no spaces, ASCII, no NaN or infinity, floats in their shortest round-trip form.
    """
    content = {key: value for key, value in document.items() if key not in UNHASHED}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode("ascii")


def content_hash(document: dict[str, Any]) -> str:
    """Return the SHA-256 of a document's canonical bytes as 64 hexadecimal digits.

    Example:
        >>> content_hash({"task": "head"})[:8]
        'f56e1a2b'
    """
    return hashlib.sha256(canonical_bytes(document)).hexdigest()


def parse_document(text: str) -> dict[str, Any]:
    """Parse the text of a schedule file and check it against the published schema.

    Args:
        text: JSON.

    Raises:
        DataFileError: The text is empty, is not JSON or breaks off.
        InputError: The JSON is not a schedule: wrong schema, missing, unknown or malformed fields.

    Example:
        >>> parse_document("[1, 2]")
        Traceback (most recent call last):
        svct.errors.InputError: expected a schedule (svct.schedule/1), got a JSON list
    """
    if not text.strip():
        raise DataFileError("expected a schedule, got an empty file; write the schedule again")
    try:
        document = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)
    except InputError:
        raise
    except (ValueError, RecursionError) as error:
        raise DataFileError(
            f"expected a schedule in JSON, got text that is truncated or not JSON ({error}); "
            "copy the file again or write the schedule again"
        ) from error
    if not isinstance(document, dict):
        raise InputError(f"expected a schedule ({SCHEMA_NAME}), got a JSON {type(document).__name__}")
    if document.get("schema") != SCHEMA_NAME:
        raise InputError(
            f"expected a file with schema {SCHEMA_NAME!r}, got {_shorten(repr(document.get('schema')))}; "
            "a later schema needs a later svct"
        )
    _check_schema(document)
    return document


def _check_schema(document: dict[str, Any]) -> None:
    from jsonschema import Draft202012Validator  # slow to import, and needed only where a file is read
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(json_schema()).iter_errors(document))
    if error is not None:
        where = "/".join(str(part) for part in error.absolute_path) or "top level"
        raise InputError(f"does not follow the schema {SCHEMA_NAME} at {where}: {_shorten(error.message)}")


def _refuse_constant(name: str) -> None:
    raise InputError(f"expected finite numbers, got {name}; a schedule with it cannot be used, write it again")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"expected each field once, got {_shorten(repr(twice))} twice in the same JSON object")
    return document


def _shorten(text: str, limit: int = 160) -> str:
    return text if len(text) <= limit else f"{text[: limit // 2]} ... {text[-limit // 2 :]}"
