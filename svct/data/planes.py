"""Arrays in HDF5 files plane by plane, so that they never have to fit into memory."""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svct.data.hdf5 import Json, array_name, checked_floats, chunk_shape, require_schema, to_json
from svct.data.projections import IMAGE_SCHEMA, PROJECTIONS_SCHEMA
from svct.errors import DataFileError, InputError
from svct.files import atomic_path


@dataclass(frozen=True, eq=False)
class ProjectionReader:
    """An open projection file, whose numbers are read when they are asked for.

    Args:
        path: The file.
        shape: Of the projections, ``(..., view, col)``.
        scan: The scan geometry as a dictionary.
        grid: The grid that goes with it as a dictionary.
        meta: Provenance.
    """

    path: Path
    shape: tuple[int, ...]
    scan: dict[str, Any]
    grid: dict[str, Any]
    meta: dict[str, Any]
    _dataset: Any = field(repr=False)

    @property
    def planes(self) -> int:
        """How many planes ``(view, col)`` there are, over all leading axes."""
        return math.prod(self.shape[:-2])

    def read(self, planes: range) -> NDArray[np.float32]:
        """Read some planes, counted over the leading axes one after another.

        Args:
            planes: Which, in steps of 1.

        Returns:
            Line integrals, ``(len(planes), view, col)``.

        Raises:
            DataFileError: The file is damaged.
        """
        lead = self.shape[:-2]
        out = np.empty((len(planes), *self.shape[-2:]), np.float32)
        try:
            if len(lead) == 1:
                self._dataset.read_direct(out, np.s_[planes.start : planes.stop])
            else:
                for plane, index in zip(out, planes, strict=True):
                    plane[:] = self._dataset[np.unravel_index(index, lead) if lead else ()]
        except (OSError, RuntimeError) as error:
            raise DataFileError(
                f"{self.path}: expected projections in planes {planes.start} to {planes.stop - 1}, got a damaged file "
                f"({error}); copy or write it again"
            ) from error
        return out


@contextmanager
def open_projections(path: Path) -> Iterator[ProjectionReader]:
    """Open a file that `svct.data.write_projections` wrote, to read parts of it.

    Args:
        path: The file.

    Raises:
        DataFileError: The file is missing, truncated, damaged, or holds something else.

    Example:
        >>> import tempfile
        >>> from svct.data import write_projections
        >>> path = Path(tempfile.mkdtemp()) / "y.h5"
        >>> _ = write_projections(path, np.zeros((5, 3, 8)), {"kind": "parallel"}, grid_dict={})
        >>> with open_projections(path) as file:
        ...     file.planes, file.read(range(1, 3)).shape
        (5, (2, 3, 8))
    """
    import json

    import h5py

    require_schema(path, PROJECTIONS_SCHEMA)
    with h5py.File(path, "r") as file:
        try:
            dataset = file[array_name(PROJECTIONS_SCHEMA)]
            shape = tuple(int(n) for n in dataset.shape)
            described = [json.loads(file.attrs[key]) for key in ("scan", "grid", "meta")]
        except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
            raise DataFileError(
                f"{path}: expected /projections, scan, grid and meta, got a damaged file ({error}); "
                "copy or write it again"
            ) from error
        if len(shape) < 2 or not all(shape) or not all(isinstance(d, dict) for d in described):
            raise DataFileError(
                f"{path}: expected an array of 2 or more axes and JSON objects, got shape {shape}; write it again"
            )
        scan, grid, meta = described
        yield ProjectionReader(path, shape, scan, grid, meta, dataset)


def write_image_planes(
    path: Path,
    slabs: Iterable[NDArray[np.float32]],
    *,
    shape: tuple[int, ...],
    grid_dict: Json,
    meta: Mapping[str, object],
    overwrite: bool = False,
) -> None:
    """Write an image file as `svct.data.write_image` does, from parts that come one after another.

    Args:
        path: The file, usually ``.h5``.
        slabs: Attenuation, each ``(n, y, x)``, 1/mm, over the leading axes in their order.
        shape: Of the whole image, ``(..., y, x)``.
        grid_dict: The grid as plain JSON values.
        meta: Provenance likewise.
        overwrite: Replace a file that is there.

    Raises:
        InputError: Numbers that are not finite, or a description that does not fit into JSON.
        OutputExistsError: The file exists and `overwrite` is false.
        DataFileError: It cannot be written.
    """
    import h5py

    name, lead = array_name(IMAGE_SCHEMA), shape[:-2]
    texts = {"grid": to_json(grid_dict, "grid"), "meta": to_json(meta, "meta")}
    with atomic_path(path, overwrite=overwrite) as partial, h5py.File(partial, "w") as file:
        file.attrs["schema"] = IMAGE_SCHEMA
        for key, text in texts.items():
            file.attrs[key] = text
        dataset = file.create_dataset(name, shape=shape, dtype="<f4", chunks=chunk_shape(shape), fletcher32=True)
        at = 0
        for slab in slabs:
            for plane in checked_floats(slab, name):
                dataset[np.unravel_index(at, lead) if lead else ()] = plane
                at += 1
        if at != math.prod(lead):
            raise InputError(f"{path}: expected {math.prod(lead)} planes for shape {shape}, got {at}")
