"""Files of projections and of reconstructed images."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svct.data.hdf5 import Json, read_array, write_array

PROJECTIONS_SCHEMA = "svct.projections/1"
IMAGE_SCHEMA = "svct.image/1"


@dataclass(frozen=True, eq=False)
class ProjectionFile:
    """What a projection file holds.

    Args:
        y: Line integrals, ``(..., view, col)``, float32.
        scan: The scan geometry as a dictionary.
        grid: The grid that goes with it as a dictionary.
        meta: Provenance.
    """

    y: NDArray[np.float32] = field(repr=False)
    scan: dict[str, object]
    grid: dict[str, object]
    meta: dict[str, object]


@dataclass(frozen=True, eq=False)
class ImageFile:
    """What an image file holds.

    Args:
        x: Attenuation, ``(..., y, x)``, 1/mm, float32.
        grid: The grid as a dictionary.
        meta: Provenance.
    """

    x: NDArray[np.float32] = field(repr=False)
    grid: dict[str, object]
    meta: dict[str, object]


def write_projections(
    path: str | os.PathLike[str],
    y: ArrayLike,
    scan_dict: Json,
    *,
    grid_dict: Json,
    meta: Json | None = None,
    overwrite: bool = False,
) -> Path:
    """Write projections to an HDF5 file, whole or not at all.

    Args:
        path: The file, usually ``.h5``.
        y: Line integrals, ``(..., view, col)``; kept as float32.
        scan_dict: The scan geometry as plain JSON values.
        grid_dict: The grid likewise.
        meta: Provenance likewise. Default: none.
        overwrite: Replace a file that is there.

    Returns:
        The path written.

    Raises:
        InputError: `y` is not finite real numbers of two or more axes; the message counts the bad ones.
        OutputExistsError: The file exists and `overwrite` is false.
        DataFileError: It cannot be written.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> path = write_projections(f"{folder}/y.h5", np.zeros((3, 8)), {"kind": "parallel"}, grid_dict={})
        >>> read_projections(path).y.shape
        (3, 8)

    Notes:
        Dataset ``/projections``; attributes ``schema``, ``scan``, ``grid``, ``meta`` on the root.
    """
    descriptions = {"scan": scan_dict, "grid": grid_dict, "meta": meta or {}}
    write_array(Path(path), y, schema=PROJECTIONS_SCHEMA, descriptions=descriptions, overwrite=overwrite)
    return Path(path)


def read_projections(path: str | os.PathLike[str]) -> ProjectionFile:
    """Read a file that `write_projections` wrote.

    Args:
        path: The file.

    Raises:
        DataFileError: The file is missing, truncated, damaged, or holds something else.
    """
    y, (scan, grid, meta) = read_array(Path(path), schema=PROJECTIONS_SCHEMA, keys=("scan", "grid", "meta"))
    return ProjectionFile(y, scan, grid, meta)


def write_image(
    path: str | os.PathLike[str],
    x: ArrayLike,
    grid_dict: Json,
    *,
    meta: Json | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a reconstruction to an HDF5 file, as `write_projections` does.

    Args:
        path: The file, usually ``.h5``.
        x: Attenuation, ``(..., y, x)``, 1/mm; kept as float32.
        grid_dict: The grid as plain JSON values.
        meta: See `write_projections`; it raises the same errors.
        overwrite: Likewise.

    Example:
        >>> import tempfile
        >>> path = write_image(f"{tempfile.mkdtemp()}/x.h5", np.zeros((8, 8)), {"voxel_mm": 1.0})
        >>> read_image(path).grid
        {'voxel_mm': 1.0}

    Notes:
        Dataset ``/image``; attributes ``schema``, ``grid``, ``meta`` on the root.
    """
    descriptions = {"grid": grid_dict, "meta": meta or {}}
    write_array(Path(path), x, schema=IMAGE_SCHEMA, descriptions=descriptions, overwrite=overwrite)
    return Path(path)


def read_image(path: str | os.PathLike[str]) -> ImageFile:
    """Read a file that `write_image` wrote.

    Args:
        path: The file.

    Raises:
        DataFileError: The file is missing, truncated, damaged, or holds something else.
    """
    x, (grid, meta) = read_array(Path(path), schema=IMAGE_SCHEMA, keys=("grid", "meta"))
    return ImageFile(x, grid, meta)
