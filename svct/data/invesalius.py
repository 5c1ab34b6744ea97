"""Convert the volume of an InVesalius project to NIfTI."""

import hashlib
import plistlib
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svct.errors import DataFileError

AXIAL = 1
"""The orientation that a project states for axial slices."""


def convert_project(project: Path, target: Path) -> None:
    """Write the CT numbers of an ``.inv3`` project as NIfTI, voxel for voxel.

    A project keeps axial slices from inferior to superior with rows from posterior to anterior and
    columns from the patient's right to left; the NIfTI is stored so (LAS) and says so. It keeps no
    position: the array's centre becomes the origin.

    Args:
        project: A tar file with ``main.plist`` and the ``matrix.dat`` that it names.
        target: A ``.nii`` file that is not there yet.

    Raises:
        DataFileError: The project is damaged, not CT, or not a stack of axial slices of int16.
    """
    import nibabel

    try:
        with tarfile.open(project) as tar:
            facts = plistlib.loads(_content(tar, "main.plist"))
            matrix: dict[str, Any] = facts["matrix"]
            stored = _content(tar, matrix["filename"])
        shape = tuple(int(n) for n in matrix["shape"])
        sizes = np.array([float(s) for s in facts["spacing"]])
        found = (facts["modality"], matrix["dtype"], facts["orientation"], len(shape), len(stored))
    except (OSError, KeyError, ValueError, TypeError, tarfile.TarError, plistlib.InvalidFileException) as error:
        raise DataFileError(
            f"{project.name}: expected an InVesalius project with main.plist and its matrix, got another or damaged "
            f"file ({error}); download it again"
        ) from error
    expected = ("CT", "int16", AXIAL, 3, 2 * int(np.prod(shape)))
    if found != expected or sizes.shape != (3,) or not (sizes > 0).all():
        raise DataFileError(
            f"{project.name}: expected modality, type, orientation, axes and bytes {expected} and three voxel sizes, "
            f"got {found} and {sizes.tolist()}; export it from InVesalius as NIfTI"
        )
    values: NDArray[np.int16] = np.frombuffer(stored, "<i2").reshape(shape)
    affine = np.diag([-sizes[0], sizes[1], sizes[2], 1.0])
    affine[:3, 3] = -affine[:3, :3] @ (np.array(shape[::-1]) - 1) / 2
    image = nibabel.Nifti1Image(values.transpose(2, 1, 0), affine)  # type: ignore[no-untyped-call]
    image.set_sform(affine, code="scanner")  # type: ignore[no-untyped-call]
    image.set_qform(affine, code="scanner")  # type: ignore[no-untyped-call]
    image.header.set_xyzt_units("mm")  # type: ignore[no-untyped-call]
    nibabel.save(image, target)


def holds_matrix(path: Path, sha256: str) -> bool:
    """Say whether a NIfTI file of `convert_project` is whole and still holds the voxels of that hash.

    Args:
        path: The file; a damaged one does not hold them.
        sha256: Hash of the project's ``matrix.dat``.
    """
    import nibabel

    try:
        image: Any = nibabel.load(path)
        axes = nibabel.aff2axcodes(image.affine)  # type: ignore[no-untyped-call]
        stored = np.asarray(image.dataobj.get_unscaled(), "<i2").tobytes(order="F")
    except (OSError, EOFError, ValueError, nibabel.filebasedimages.ImageFileError):
        return False
    return axes == ("L", "A", "S") and hashlib.sha256(stored).hexdigest() == sha256


def _content(tar: tarfile.TarFile, name: str) -> bytes:
    found = [entry for entry in tar.getmembers() if Path(entry.name).name == name]
    file = tar.extractfile(found[0]) if len(found) == 1 else None
    if file is None:
        raise KeyError(f"{len(found)} files {name}")
    with file:
        return file.read()
