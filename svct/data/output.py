"""Write a reconstruction in the format that its name says."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from svct.data.placement import AXES, Placement, place
from svct.data.planes import write_image_planes
from svct.data.write_dicom import SeriesLabels, require_free_folder, write_dicom
from svct.data.write_nifti import write_nifti
from svct.errors import InputError
from svct.files import require_writable
from svct.geometry.grid import Grid
from svct.units import MU_WATER

FORMATS = {".h5": "hdf5", ".hdf5": "hdf5", ".nii": "nifti", ".nii.gz": "nifti", "": "dicom"}
"""The format of each suffix; a name without one is that of a DICOM folder."""


@dataclass(frozen=True)
class Result:
    """What a reconstruction is, apart from its numbers.

    Args:
        shape: Of the whole result, ``(..., y, x)`` or, of a volume, ``(..., z, y, x)``.
        grid: Of the volume, or of one image of a stack.
        meta: Provenance as plain JSON: at least ``svct``, ``method``, ``views``, ``projections`` and their
            ``projections_sha256``.
        slice_mm: Distance of the images of a stack, mm, where known.
        axes: Where x, y and z point in the patient, see `svct.data.placement.place`.
        mu_water: Attenuation of water, 1/mm, which becomes 0 HU.
    """

    shape: tuple[int, ...]
    grid: Grid
    meta: Mapping[str, object]
    slice_mm: float | None = None
    axes: str = AXES
    mu_water: float = MU_WATER


def output_format(path: Path) -> str:
    """Return the format that a name asks for: hdf5, nifti or dicom.

    Raises:
        InputError: Its suffix is none that svct writes.

    Example:
        >>> output_format(Path("scan.nii.gz")), output_format(Path("series"))
        ('nifti', 'dicom')
    """
    name = path.name.lower()
    suffix = ".nii.gz" if name.endswith(".nii.gz") else path.suffix.lower()
    if suffix not in FORMATS or not path.name:
        raise InputError(
            f"{path}: expected a name that ends in .h5, .nii or .nii.gz, or one without a suffix for a folder of DICOM "
            f"files, got {suffix or 'no name'}; rename it"
        )
    return FORMATS[suffix]


def require_output(path: Path, result: Result, *, overwrite: bool) -> None:
    """Check that a result can be written, before the work.

    Raises:
        InputError: The format cannot hold it; the message says what to do.
        OutputExistsError: There is something of that name that may not be replaced.
        DataFileError: The folder that it belongs to is missing or closed to writing.
    """
    kind = output_format(path)
    if kind == "dicom":
        require_free_folder(path, overwrite=overwrite)
    else:
        require_writable(path, overwrite=overwrite)
    if kind != "hdf5":
        _placement(path, result)


def write_result(path: Path, slabs: Iterable[NDArray[np.float32]], result: Result, *, overwrite: bool = False) -> None:
    """Write a reconstruction from parts that come one after another.

    HDF5 holds 1/mm with the grid; NIfTI and DICOM hold HU with the voxels' place in the patient.

    Args:
        path: The file, or the folder of a DICOM series.
        slabs: Attenuation, each ``(n, y, x)``, 1/mm, over the leading axes in their order.
        result: What it is.
        overwrite: Replace what is there.

    Raises:
        InputError: As `require_output`; likewise the others.
    """
    kind, meta = output_format(path), result.meta
    if kind == "hdf5":
        grid = result.grid.to_dict()
        write_image_planes(path, slabs, shape=result.shape, grid_dict=grid, meta=meta, overwrite=overwrite)
        return
    placement, title = _placement(path, result), f"svct {meta['method']}, {meta['views']} views"
    if kind == "nifti":
        about = f"{title}, HU, water {result.mu_water:g}/mm"
        write_nifti(path, slabs, placement, about=about, mu_water=result.mu_water, overwrite=overwrite)
        return
    digest = str(meta["projections_sha256"])
    origin = f"svct {meta['svct']} from {meta['projections']}, SHA-256 {digest}"
    labels = SeriesLabels(
        description=title,
        derivation=f"Reconstructed by {origin}; settings {meta['settings']}; water is {result.mu_water:g}/mm",
        identity=repr((sorted((k, repr(v)) for k, v in meta.items() if k != "seconds"), placement, result.mu_water)),
        patient=f"svct-{digest[:16]}",
        version=str(meta["svct"]),
    )
    write_dicom(path, slabs, placement, labels=labels, mu_water=result.mu_water, overwrite=overwrite)


def _placement(path: Path, result: Result) -> Placement:
    lead = result.shape[:-2]
    if len(result.grid.shape) == 3:
        if len(lead) > 1:
            raise InputError(
                f"{path}: expected one volume for this format, got shape {result.shape}; write them to .h5"
            )
        return place(result.grid, axes=result.axes)
    if len(lead) > 1:
        raise InputError(f"{path}: expected one stack of images for this format, got shape {result.shape}; use .h5")
    count = lead[0] if lead else 1
    slice_mm = result.grid.voxel_mm if result.slice_mm is None and not lead else result.slice_mm
    if slice_mm is None:
        raise InputError(
            f"{path}: expected the distance of the slices, got none in the projections (slice_mm in their meta); give "
            "it with --slice-mm, or write to .h5"
        )
    return place(result.grid, planes=count, slice_mm=slice_mm, axes=result.axes)
