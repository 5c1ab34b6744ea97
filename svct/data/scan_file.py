"""Files of simulated scans: projections that `svct reconstruct` reads, with the readings and loads beside them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svct.data.hdf5 import Json, array_name, checked_floats, chunk_shape, to_json
from svct.data.projections import PROJECTIONS_SCHEMA
from svct.errors import DataFileError
from svct.files import atomic_path

EXTRAS = ("counts", "line_integrals")
"""Datasets of the shape of the projections that may stand beside them."""


@dataclass(frozen=True, eq=False)
class ScanWriter:
    """An open file that takes a scan part by part.

    Args:
        path: The file.
    """

    path: Path
    _file: Any = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The datasets that are to be written."""
        return tuple(self._file)

    def write(self, where: tuple[Any, ...], **arrays: NDArray[np.float32]) -> None:
        """Write a part of some datasets.

        Args:
            where: Index into ``(..., view, col)``.
            **arrays: Values by the dataset's name: ``projections``, ``counts``, ``line_integrals``.

        Raises:
            InputError: Numbers that are not finite.
        """
        for name, values in arrays.items():
            self._file[name][where] = checked_floats(values, name)

    def describe(self, meta: Json, mas: NDArray[np.float64]) -> None:
        """Write the provenance and the load of each view, ``(..., view)``, mAs, which are known at the end."""
        self._file.attrs["meta"] = to_json(meta, "meta")
        self._file.create_dataset("mas", data=mas)


@contextmanager
def write_scan(
    path: Path,
    shape: tuple[int, ...],
    *,
    scan_dict: Json,
    grid_dict: Json,
    extras: tuple[str, ...] = ("counts",),
    overwrite: bool = False,
) -> Iterator[ScanWriter]:
    """Open a new projection file to write it in parts; it appears complete or not at all.

    Args:
        path: The file, usually ``.h5``.
        shape: Of the projections, ``(..., view, col)``.
        scan_dict: The scan geometry as plain JSON values.
        grid_dict: The grid likewise.
        extras: Which of `EXTRAS` stand beside the projections.
        overwrite: Replace a file that is there.

    Yields:
        Takes the parts; `ScanWriter.describe` must be called once.

    Raises:
        InputError: A description does not fit into JSON.
        OutputExistsError: The file exists and `overwrite` is false.
        DataFileError: It cannot be written.

    Notes:
        The layout of `svct.data.projections.write_projections`, so that whatever reads that reads this: dataset
        ``/projections`` and attributes ``schema``, ``scan``, ``grid``, ``meta``. Beside it ``/counts`` (readings in
        the detector's unit), ``/line_integrals`` (noise-free, at 70 keV) and ``/mas``, the load of each view.
    """
    import h5py

    texts = {"scan": to_json(scan_dict, "scan"), "grid": to_json(grid_dict, "grid"), "meta": "{}"}
    with atomic_path(path, overwrite=overwrite) as partial, h5py.File(partial, "w") as file:
        file.attrs["schema"] = PROJECTIONS_SCHEMA
        for key, text in texts.items():
            file.attrs[key] = text
        for name in (array_name(PROJECTIONS_SCHEMA), *extras):
            file.create_dataset(name, shape=shape, dtype="<f4", chunks=chunk_shape(shape), fletcher32=True)
        yield ScanWriter(path, file)


def read_beside(path: Path, name: str) -> NDArray[np.float32]:
    """Read a dataset that stands beside the projections.

    Args:
        path: The file.
        name: ``counts``, ``line_integrals`` or ``mas``.

    Raises:
        DataFileError: It is not there.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return np.asarray(file[name][()])
    except (OSError, KeyError) as error:
        raise DataFileError(f"{path}: expected /{name} beside the projections, got none; simulate with it") from error
