"""Read a volume, whatever the path is."""

import os
from pathlib import Path

from svct.data.dicom import read_dicom
from svct.data.dicom_index import is_dicom
from svct.data.nifti import read_nifti
from svct.data.volume import Volume
from svct.errors import DataFileError, InputError


def read_volume(path: str | os.PathLike[str], *, series: str | None = None) -> Volume:
    """Read a CT volume from NIfTI, a folder of DICOM files, or a single DICOM file (one slice).

    Args:
        path: ``.nii`` or ``.nii.gz`` file, DICOM folder (searched to any depth) or DICOM file.
        series: SeriesInstanceUID or SeriesNumber, where a folder holds several CT series.

    Returns:
        The volume, in the orientation of `Volume`, clipped at -1000 HU.

    Raises:
        DataFileError: The path is missing, of another kind, or damaged.
        InputError: `series` is given for a NIfTI file.

    Example:
        >>> read_volume("no/such.nii")
        Traceback (most recent call last):
        svct.errors.DataFileError: no/such.nii: expected a file or folder, got nothing there; check the path
    """
    place = Path(path)
    if not place.exists():
        raise DataFileError(f"{place}: expected a file or folder, got nothing there; check the path")
    if place.is_dir():
        return read_dicom(place, series=series)
    if not place.is_file():
        raise DataFileError(f"{place}: expected a regular file, got a pipe or device; write it to a file first")
    if place.name.lower().endswith((".nii", ".nii.gz")):
        if series is not None:
            raise InputError(f"series: expected none for a NIfTI file, got {series!r}; leave it out")
        return read_nifti(place)
    if is_dicom(place):
        return read_dicom(place, series=series)
    raise DataFileError(
        f"{place}: expected .nii, .nii.gz, a DICOM file or a folder of DICOM files, got another kind of "
        "file; "
        "convert it to NIfTI"
    )
