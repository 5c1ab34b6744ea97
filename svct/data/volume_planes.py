"""Volumes in HU that are read some planes at a time."""

import gzip
import json
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svct.data.catalogue import locate
from svct.data.hdf5 import array_name, require_schema
from svct.data.nifti import MM_PER_UNIT, file_sha256, first_line
from svct.data.open import read_volume
from svct.data.orient import to_patient_axes
from svct.data.projections import IMAGE_SCHEMA
from svct.data.volume import Volume
from svct.errors import DataFileError, InputError
from svct.geometry.grid import Grid
from svct.units import mu_to_hu


@dataclass(frozen=True, eq=False)
class VolumePlanes:
    """An open volume, oriented as `svct.data.Volume`.

    Args:
        shape: ``(nz, ny, nx)``.
        spacing_mm: Distance of neighbouring voxels along z, y, x, mm.
        source: File name or citation.
        sha256: Hash of the file.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    source: str
    sha256: str
    _read: Callable[[int, int], NDArray[Any]] = field(repr=False)

    @property
    def extent_mm(self) -> tuple[float, float, float]:
        """Edge lengths along z, y, x, mm."""
        (nz, ny, nx), (dz, dy, dx) = self.shape, self.spacing_mm
        return nz * dz, ny * dy, nx * dx

    def part(self, first: int, last: int) -> Volume:
        """Read the planes from `first` to before `last`, counted from the most inferior.

        Raises:
            DataFileError: The file is damaged, or some of its values are no HU.
        """
        try:
            return Volume(self._read(first, last), self.spacing_mm, source=self.source)
        except InputError as error:
            raise DataFileError(
                f"{self.source}: {error}; replace those voxels, by -1000 where they are padding"
            ) from error


@contextmanager
def open_volume(place: str, *, series: str | None = None) -> Iterator[VolumePlanes]:
    """Open a volume: NIfTI, DICOM, the name of a fetched one, or an image file of svct.

    NIfTI and HDF5 stay on the disk and are read as they are asked for; of a compressed NIfTI file an uncompressed copy
    is made in the folder of temporary files. DICOM series are read whole, as whole numbers of two bytes.

    Args:
        place: Path or name.
        series: Which DICOM series.

    Raises:
        DataFileError: It cannot be read.
        InputError: `series` is given for another kind of file.
    """
    if Path(place).suffix.lower() in (".h5", ".hdf5"):
        with _hdf5(Path(place)) as opened:
            yield opened
        return
    path = locate(place)
    if path.is_file() and path.name.lower().endswith((".nii", ".nii.gz")) and series is None:
        with _nifti(path) as opened:
            yield opened
        return
    volume = read_volume(path, series=series)
    nz, ny, nx = volume.hu.shape
    yield VolumePlanes(
        (nz, ny, nx), volume.spacing_mm, volume.source, volume.sha256, lambda first, last: volume.hu[first:last]
    )


@contextmanager
def _nifti(path: Path) -> Iterator[VolumePlanes]:
    import nibabel

    damaged = (OSError, EOFError, ValueError, zlib.error, nibabel.filebasedimages.ImageFileError)

    def unreadable(error: Exception) -> DataFileError:
        return DataFileError(
            f"{path}: expected a whole NIfTI file (.nii or .nii.gz), got an unreadable one "
            f"({first_line(error)}); copy or convert it again"
        )

    with tempfile.TemporaryDirectory(prefix="svct-") as folder:
        try:
            digest, plain = file_sha256(path), path
            if path.name.lower().endswith(".gz"):
                plain = Path(folder) / "volume.nii"
                with gzip.open(path) as packed, plain.open("wb") as file:
                    shutil.copyfileobj(packed, file, 2**20)
            image: Any = nibabel.load(plain, mmap=False)
            if not isinstance(image, nibabel.Nifti1Image):
                raise ValueError(f"content of kind {type(image).__name__}")
            data: Any = image.dataobj
            size = data.offset + int(np.prod(data.shape, dtype=np.int64)) * data.dtype.itemsize
            if plain.stat().st_size < size:
                raise EOFError(f"{plain.stat().st_size} of {size} bytes")
        except damaged as error:
            raise unreadable(error) from error
        shape = tuple(data.shape)
        if len(shape) < 3 or any(n != 1 for n in shape[3:]) or data.dtype.kind not in "iuf":
            raise DataFileError(
                f"{path}: expected one volume of real numbers, got {data.dtype} of shape {shape}; split it first"
            )
        affine = np.array(image.affine, np.float64)
        unit = image.header.get_xyzt_units()[0]  # type: ignore[no-untyped-call]
        affine[:3] *= MM_PER_UNIT.get(unit, 1.0)
        _, spacing_mm, _ = to_patient_axes(np.zeros((1, 1, 1), np.int8), affine, name=str(path))
        axes = nibabel.orientations.io_orientation(affine)  # type: ignore[no-untyped-call]
        along = [int(np.flatnonzero(axes[:, 0] == axis)[0]) for axis in range(3)]
        count = shape[along[2]]

        def read(first: int, last: int) -> NDArray[Any]:
            rising = axes[along[2], 1] > 0
            chosen: list[Any] = [slice(None)] * 3 + [0] * (len(shape) - 3)
            chosen[along[2]] = slice(first, last) if rising else slice(count - last, count - first)
            try:
                raw = np.asarray(data[tuple(chosen)])
            except damaged as error:
                raise unreadable(error) from error
            return to_patient_axes(raw, affine, name=str(path))[0]

        found = (count, shape[along[1]], shape[along[0]])
        yield VolumePlanes(found, spacing_mm, path.name, digest, read)


@contextmanager
def _hdf5(path: Path) -> Iterator[VolumePlanes]:
    import h5py

    broken = (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError)

    def damaged(error: Exception) -> DataFileError:
        return DataFileError(f"{path}: expected an image file, got a damaged one ({error}); write it again")

    require_schema(path, IMAGE_SCHEMA)
    with ExitStack() as stack:
        try:
            file = stack.enter_context(h5py.File(path, "r"))
            dataset, digest = file[array_name(IMAGE_SCHEMA)], file_sha256(path)
            grid, meta = Grid.from_dict(json.loads(file.attrs["grid"])), json.loads(file.attrs["meta"])
            *lead, ny, nx = dataset.shape
            solid = len(grid.shape) == 3
            slice_mm = float(grid.voxel_mm if solid else meta.get("slice_mm", grid.voxel_mm))
        except broken as error:
            raise damaged(error) from error

        def read(first: int, last: int) -> NDArray[Any]:
            places = [np.unravel_index(i, lead) if lead else () for i in range(first, last)]
            try:
                x = np.stack([np.asarray(dataset[place], np.float32) for place in places])
            except broken as error:
                raise damaged(error) from error
            # A volume's y grows with its index, an image's against it.
            return np.asarray(mu_to_hu(x[:, ::-1] if solid else x))

        spacing = (slice_mm, grid.voxel_mm, grid.voxel_mm)
        yield VolumePlanes((int(np.prod(lead, dtype=np.int64)), ny, nx), spacing, str(path), digest, read)
