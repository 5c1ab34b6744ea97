"""Write reconstructions as NIfTI."""

import gzip
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from svct.data.placement import Placement
from svct.errors import InputError
from svct.files import atomic_path
from svct.units import MU_WATER, mu_to_hu

MOST = 32767
"""The most voxels along an axis that NIfTI-1 can count."""


def write_nifti(
    path: Path,
    slabs: Iterable[NDArray[np.float32]],
    placement: Placement,
    *,
    about: str = "",
    mu_water: float = MU_WATER,
    overwrite: bool = False,
) -> None:
    """Write a volume as float32 HU to a ``.nii`` or ``.nii.gz`` file, whole or not at all.

    Args:
        path: The file.
        slabs: Attenuation, each ``(n, rows, columns)``, 1/mm, one after another.
        placement: Where the voxels lie in the patient.
        about: Up to 79 ASCII characters for the header.
        mu_water: Attenuation of water, 1/mm, which becomes 0 HU.
        overwrite: Replace a file that is there.

    Raises:
        InputError: More voxels along an axis than the format can count.
        OutputExistsError: The file exists and `overwrite` is false.
        DataFileError: It cannot be written.

    Notes:
        The voxels stand as they come: columns fastest, planes slowest. Both sform and qform hold the affine.
    """
    import nibabel

    if max(placement.shape) > MOST:
        raise InputError(
            f"{path}: expected at most {MOST} voxels along an axis of NIfTI, got {placement.shape}; use .h5"
        )
    header = nibabel.Nifti1Header()  # type: ignore[no-untyped-call]
    header.set_data_shape(placement.shape[::-1])  # type: ignore[no-untyped-call]
    header.set_data_dtype(np.float32)  # type: ignore[no-untyped-call]
    header.set_qform(placement.affine, code="scanner")  # type: ignore[no-untyped-call]
    header.set_sform(placement.affine, code="scanner")  # type: ignore[no-untyped-call]
    header.set_xyzt_units("mm")  # type: ignore[no-untyped-call]
    header.set_slope_inter(1, 0)  # type: ignore[no-untyped-call]
    header["descrip"] = about.encode("ascii", "replace")[:79]
    header["vox_offset"] = 352
    start = header.as_byteswapped("<").binaryblock + bytes(4)  # type: ignore[no-untyped-call]
    with atomic_path(path, overwrite=overwrite) as partial, partial.open("wb") as raw:
        file = gzip.GzipFile("", "wb", 4, raw, mtime=0) if path.name.endswith(".gz") else raw
        with file:
            file.write(start)
            for slab in slabs:
                file.write(np.ascontiguousarray(mu_to_hu(slab, mu_water=mu_water), "<f4").data)
