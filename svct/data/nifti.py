"""Read CT volumes from NIfTI files."""

import hashlib
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from svct.data.orient import tilt_note, to_patient_axes
from svct.data.volume import Volume
from svct.errors import DataFileError, InputError

MM_PER_UNIT = {"mm": 1.0, "unknown": 1.0, "meter": 1000.0, "micron": 0.001}
"""Millimetres of what NIfTI calls its units."""


def read_nifti(path: Path) -> Volume:
    """Read a ``.nii`` or ``.nii.gz`` file of CT numbers.

    The values are taken as HU after the file's own slope and intercept; the format cannot say whether
    they are. Lengths whose unit the file leaves open are taken as mm.

    Args:
        path: The file.

    Raises:
        DataFileError: The file is missing, empty, truncated, not NIfTI, or does not hold one 3D volume of HU.

    Example:
        >>> read_nifti(Path("missing.nii"))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        svct.errors.DataFileError: missing.nii: ...
    """
    import nibabel

    try:
        digest = file_sha256(path)
        image = nibabel.load(path)
        if not isinstance(image, nibabel.Nifti1Image):  # NIfTI-2 is a child of it
            raise ValueError(f"content of kind {type(image).__name__}")
        data: Any = image.dataobj
        slope, intercept = float(data.slope), float(data.inter)
        raw = np.asanyarray(data.get_unscaled())
    except (OSError, EOFError, ValueError, zlib.error, nibabel.filebasedimages.ImageFileError) as error:
        raise DataFileError(
            f"{path}: expected a whole NIfTI file (.nii or .nii.gz), got an unreadable one "
            f"({first_line(error)}); "
            "copy or convert it again"
        ) from error

    while raw.ndim > 3 and raw.shape[-1] == 1:
        raw = raw[..., 0]
    if raw.ndim != 3 or raw.dtype.kind not in "iuf":
        raise DataFileError(
            f"{path}: expected one volume of real numbers, got {raw.dtype} of shape {raw.shape}; split it first"
        )
    whole = raw.dtype.kind in "iu" and slope == 1 and intercept == round(intercept)
    values = raw.astype(np.int32) + int(intercept) if whole else (raw * slope + intercept).astype(np.float32)

    affine = np.array(image.affine, np.float64)
    unit = image.header.get_xyzt_units()[0]  # type: ignore[no-untyped-call]
    affine[:3] *= MM_PER_UNIT.get(unit, 1.0)
    hu, spacing_mm, tilt_deg = to_patient_axes(values, affine, name=str(path))
    stated = bool(image.header["sform_code"] or image.header["qform_code"])
    codes = "".join(nibabel.aff2axcodes(affine))  # type: ignore[no-untyped-call]
    origin = f"NIfTI affine, stored as {codes}" if stated else f"assumed as {codes}, the NIfTI header does not state it"
    try:
        return Volume(
            hu,  # type: ignore[arg-type]
            spacing_mm,
            source=path.name,
            sha256=digest,
            orientation=origin + tilt_note(tilt_deg),
        )
    except InputError as error:
        raise DataFileError(f"{path}: {error}; replace those voxels, by -1000 where they are padding") from error


def file_sha256(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal.

    Args:
        path: The file.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its name."""
    return (str(error) or type(error).__name__).splitlines()[0]
