"""One float32 array with JSON descriptions in an HDF5 file: the form that svct's own files share."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svct.errors import DataFileError, InputError
from svct.files import atomic_path, system_reason

Json = Mapping[str, object]
"""A dictionary that JSON can hold."""

SIGNATURE = b"\x89HDF\r\n\x1a\n"
"""The first bytes of every HDF5 file that svct writes."""

CHUNK_BYTES = 2**20
"""About how much is stored, checked and read together; HDF5 caches so much."""


def write_array(
    path: Path, values: ArrayLike, *, schema: str, descriptions: Mapping[str, Json], overwrite: bool
) -> None:
    """Write an array under the name that its schema gives it, with checksums.

    Args:
        path: The file.
        values: Real numbers, at least 2D, stored as float32.
        schema: Such as ``"svct.image/1"``; the middle word names the array.
        descriptions: What goes beside it, each stored as one JSON string.
        overwrite: Replace a file that is there.

    Raises:
        InputError: The array is not finite real numbers, or a description does not fit into JSON.
        OutputExistsError: The file exists and `overwrite` is false.
        DataFileError: It cannot be written.
    """
    import h5py

    name = array_name(schema)
    data = checked_floats(values, name)
    texts = {key: to_json(value, key) for key, value in descriptions.items()}
    with atomic_path(path, overwrite=overwrite) as partial, h5py.File(partial, "w") as file:
        file.attrs["schema"] = schema
        for key, text in texts.items():
            file.attrs[key] = text
        file.create_dataset(name, data=data, chunks=chunk_shape(data.shape), fletcher32=True)


def read_array(
    path: Path, *, schema: str, keys: tuple[str, ...]
) -> tuple[NDArray[np.float32], list[dict[str, object]]]:
    """Read what `write_array` wrote.

    Args:
        path: The file.
        schema: The schema wanted.
        keys: The descriptions wanted.

    Returns:
        The array and the descriptions in the order of `keys`.

    Raises:
        DataFileError: The file is missing, truncated, damaged, or holds something else.
    """
    import h5py

    require_schema(path, schema)
    name = array_name(schema)
    try:
        with h5py.File(path, "r") as file:
            array = np.asarray(file[name][()], np.float32)
            described = [json.loads(file.attrs[key]) for key in keys]
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise DataFileError(
            f"{path}: expected /{name} and {', '.join(keys)}, got a damaged file ({error}); copy or write it again"
        ) from error
    if array.ndim < 2 or not all(isinstance(d, dict) for d in described):
        raise DataFileError(f"{path}: expected an array of 2 or more axes and JSON objects, got others; write it again")
    return array, described


def read_schema(path: Path) -> str:
    """Return the schema of an HDF5 file, empty where svct did not write it.

    Args:
        path: The file.

    Raises:
        DataFileError: The file is missing, truncated, or not HDF5.
    """
    import h5py

    if not path.is_file():
        got = "a folder; name a file in it" if path.is_dir() else "nothing there; check the path"
        raise DataFileError(f"{path}: expected an HDF5 file, got {got}")
    try:
        with h5py.File(path, "r") as file:
            return str(file.attrs.get("schema", ""))
    except (OSError, RuntimeError) as error:
        raise DataFileError(f"{path}: expected a whole HDF5 file, got {_seen(path)}; copy or write it again") from error


def require_schema(path: Path, schema: str) -> None:
    """Refuse a file that does not have the schema wanted.

    Args:
        path: The file.
        schema: Such as ``"svct.image/1"``.

    Raises:
        DataFileError: It has another one, or as `read_schema`.
    """
    found = read_schema(path)
    if found != schema:
        raise DataFileError(
            f"{path}: expected a file of schema {schema}, got "
            f"{found or 'an HDF5 file that svct did not write'}; "
            "name another file, or update svct where the number is newer"
        )


def chunk_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return chunks that hold one plane of the last two axes, or a part of a large one, so that planes are read alone.

    Example:
        >>> chunk_shape((90, 720, 736)), chunk_shape((9, 4000, 4000))
        ((1, 356, 736), (1, 65, 4000))
    """
    *lead, rows, columns = shape
    return (*(1 for _ in lead), max(1, min(rows, CHUNK_BYTES // (4 * columns))), columns)


def _seen(path: Path) -> str:
    try:
        with path.open("rb") as file:
            start = file.read(len(SIGNATURE))
    except OSError as error:
        return f"an unreadable one ({system_reason(error)})"
    if not start:
        return "an empty file"
    return "a truncated or damaged one" if start == SIGNATURE else "a file of another kind"


def array_name(schema: str) -> str:
    """Return the name of the array in files of a schema, its middle word."""
    return schema.removeprefix("svct.").partition("/")[0]


def checked_floats(values: ArrayLike, name: str) -> NDArray[np.float32]:
    """Return real numbers as float32.

    Raises:
        InputError: Other kinds of numbers, fewer than two axes, NaN, infinite or too large ones; `name` names them.
    """
    given = np.asarray(values)
    if given.dtype.kind not in "iuf" or given.ndim < 2 or given.size == 0:
        raise InputError(f"{name}: expected real numbers with 2 or more axes, got {given.dtype} of shape {given.shape}")
    with np.errstate(over="ignore"):
        data = given.astype(np.float32)
    bad = data.size - int(np.count_nonzero(np.isfinite(data)))
    if bad:
        raise InputError(
            f"{name}: expected finite float32 values, got {bad} of {data.size} NaN, infinite or too large; "
            "repair them first"
        )
    return data


def to_json(value: Json, key: str) -> str:
    """Return a description as JSON.

    Raises:
        InputError: It does not fit; `key` names it.
    """
    try:
        return json.dumps(dict(value), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"{key}: expected a dictionary of plain JSON values, got one that is not ({error})") from error
