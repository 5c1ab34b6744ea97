"""Geometry files: a scan and a grid in TOML, in mm and degrees."""

import os
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from svct.errors import DataFileError, InputError, SvctError, unknown_name
from svct.files import atomic_path
from svct.geometry.grid import Grid
from svct.geometry.scan import Scan, scan_from_dict, scan_kinds

ARC = ("start_deg", "stop_deg", "views")
IN_DEGREES = {"angles": "angle_deg", "tilt": "tilt_deg"}


def load_geometry(path: str | os.PathLike[str]) -> tuple[Scan, Grid]:
    """Read a scan and a grid from a TOML file with the tables ``[scan]`` and ``[grid]``.

    ``[scan]`` holds `kind` and the fields of that geometry under their names, but angles as ``angle_deg = [...]``, or
    as ``start_deg``, ``stop_deg`` and ``views``, equidistant without the stop; and `tilt` as ``tilt_deg``. ``[grid]``
    holds the fields of `Grid`, of which only `shape` is required.

    Args:
        path: The file.

    Raises:
        DataFileError: The file is missing, empty, unreadable or not TOML.
        UnknownNameError: A kind of geometry or a key that there is not; the message lists those that exist.
        InputError: A key is missing or has an impossible value.

    Example:
        >>> import tempfile
        >>> from svct.geometry import ParallelBeam
        >>> path = Path(tempfile.mkdtemp()) / "scan.toml"
        >>> save_geometry(path, ParallelBeam([0.0], bins=5), Grid(shape=(3, 3)))
        >>> load_geometry(path)[0]
        ParallelBeam(angles=(0.0,), bins=5, bin_mm=1.0, rows=None, row_mm=None, offset_mm=0.0)
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise DataFileError(f"{path}: expected a readable geometry file in TOML ({reason})") from error
    try:
        return _parse(text)
    except SvctError as error:
        raise type(error)(f"{path}: {error}") from error


def save_geometry(path: str | os.PathLike[str], scan: Scan, grid: Grid, *, overwrite: bool = False) -> None:
    """Write a scan and a grid to a TOML file that `load_geometry` reads, angles to within their last digits.

    Args:
        path: The file.
        scan: The scan geometry.
        grid: The image grid.
        overwrite: Replace a file that is already there.

    Raises:
        OutputExistsError: The file exists and `overwrite` is false.
        DataFileError: The file cannot be written.
    """
    values = scan.to_dict()
    for name, key in IN_DEGREES.items():
        if name in values:
            values[key] = np.rad2deg(values.pop(name)).tolist()
    tables = {"scan": values, "grid": grid.to_dict()}
    lines = [
        f"[{name}]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in table.items())
        for name, table in tables.items()
    ]
    with atomic_path(path, overwrite=overwrite) as partial:
        partial.write_text("\n".join(lines), encoding="utf-8")


def _parse(text: str) -> tuple[Scan, Grid]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DataFileError(f"expected a geometry file in TOML, got text that is not TOML ({error})") from error
    if not tables:
        raise DataFileError("expected the tables [scan] and [grid], got an empty file")
    _require_known(tables, ["scan", "grid"], "table")
    for name in ("scan", "grid"):
        if not isinstance(tables.get(name), dict):
            raise InputError(f"expected the tables [scan] and [grid], got no [{name}]")
    return _scan(tables["scan"]), _grid(tables["grid"])


def _scan(table: dict[str, Any]) -> Scan:
    kinds = scan_kinds()
    kind = table.get("kind")
    if kind is None:
        raise InputError(f"[scan] kind: expected one of {', '.join(sorted(kinds))}, got none")
    if kind not in kinds:
        raise unknown_name("geometry", str(kind), list(kinds))
    names = [field.name for field in fields(kinds[kind]) if field.init]
    known = [IN_DEGREES.get(name, name) for name in names]
    _require_known(table, ["kind", *known, *(ARC if "angles" in names else ())], "key in [scan]")
    values = dict(table)
    if "angles" in names:
        values["angles"] = _angles(values)
    if "tilt_deg" in values:
        values["tilt"] = _degrees(values.pop("tilt_deg"), "tilt_deg")
    return scan_from_dict({name: _tuples(value) if name != "angles" else value for name, value in values.items()})


def _angles(values: dict[str, Any]) -> Any:
    """Take the angles out of `values`, in radians."""
    given = {key: values.pop(key) for key in (*ARC, "angle_deg") if key in values}
    if list(given) == ["angle_deg"]:
        return _degrees(given["angle_deg"], "angle_deg")
    if tuple(given) != ARC:
        raise InputError(
            f"[scan] angles: expected angle_deg = [...], or start_deg, stop_deg and views, got "
            f"{', '.join(given) or 'none'}"
        )
    start, stop, views = given.values()
    if isinstance(views, bool) or not isinstance(views, int) or views < 1:
        raise InputError(f"[scan] views: expected a positive whole number, got {views!r}")
    low, high = _degrees(start, "start_deg"), _degrees(stop, "stop_deg")
    return low + (high - low) * np.arange(views) / views


def _degrees(value: Any, key: str) -> Any:
    try:
        radians = np.deg2rad(np.asarray(value, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise InputError(f"[scan] {key}: expected numbers in degrees, got {value!r}") from error
    return radians if radians.ndim == 0 or key == "angle_deg" else tuple(radians.tolist())


def _grid(table: dict[str, Any]) -> Grid:
    _require_known(table, [field.name for field in fields(Grid)], "key in [grid]")
    if "shape" not in table:
        raise InputError("[grid] shape: expected [ny, nx] or [nz, ny, nx], got none")
    for key in ("shape", "origin_mm"):
        if key in table and not isinstance(table[key], list):
            raise InputError(f"[grid] {key}: expected a list of numbers, got {table[key]!r}")
    try:
        return Grid(**{key: _tuples(value) for key, value in table.items()})
    except TypeError as error:
        raise InputError(f"[grid]: expected numbers, got {table} ({error})") from error


def _require_known(table: dict[str, Any], known: list[str], what: str) -> None:
    for key in table:
        if key not in known:
            raise unknown_name(what, key, known)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    return f"[{', '.join(map(_toml, value))}]" if isinstance(value, list) else repr(value)
