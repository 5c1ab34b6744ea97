"""A small patient whose every direction is recognisable, and writers of real files that show it."""

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

SPACING = (2.5, 1.5, 0.75)
SHAPE = (6, 8, 10)


def _patient() -> NDArray[np.int16]:
    """HU grow by 1 towards the patient's left, 20 towards posterior and 200 towards superior."""
    z, y, x = np.indices(SHAPE)
    return np.asarray(200 * z + 20 * y + x - 500, np.int16)


def _write_nifti(path: Path, axes: str, *, unit: str = "mm") -> Path:
    """Store the patient with axes that grow towards the given directions, such as ``"LAS"``."""
    canonical = _patient().transpose(2, 1, 0)[::-1, ::-1, :]
    affine = np.diag([SPACING[2], SPACING[1], SPACING[0], 1.0])
    image = nibabel.Nifti1Image(canonical, affine)  # type: ignore[no-untyped-call]
    target = nibabel.orientations.axcodes2ornt(tuple(axes))  # type: ignore[no-untyped-call]
    stored = image.as_reoriented(nibabel.orientations.ornt_transform(nibabel.io_orientation(affine), target))  # type: ignore[no-untyped-call]
    stored.header.set_xyzt_units(unit)
    nibabel.save(stored, path)
    return path


def _write_dicom(
    folder: Path,
    *,
    uid: str = "1.2.3.4",
    orientation: tuple[float, ...] = (1, 0, 0, 0, 1, 0),
    seed: int = 0,
    number: int = 1,
) -> list[Path]:
    """Store the patient, or its in-plane mirror images, as one file per slice with shuffled names.

    Returns:
        The files from inferior to superior.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = np.random.default_rng(seed).permutation(SHAPE[0])
    paths = []
    for z, plane in enumerate(_patient()):
        position = np.array([-30.0, -40.0, 100.0 + SPACING[0] * z])
        if orientation[0] < 0:
            position[0] += (SHAPE[2] - 1) * SPACING[2]
            plane = plane[:, ::-1]
        if orientation[4] < 0:
            position[1] += (SHAPE[1] - 1) * SPACING[1]
            plane = plane[::-1]
        path = folder / f"IM{names[z]:04d}"
        _slice(plane, uid, orientation, position, int(names[z]), number).save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def _slice(
    plane: NDArray[np.int16],
    uid: str,
    orientation: tuple[float, ...],
    position: NDArray[np.float64],
    instance: int,
    number: int,
) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID = CTImageStorage
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    data.Modality = "CT"
    data.SeriesInstanceUID = uid
    data.SeriesNumber = number
    data.SeriesDescription = f"thorax {number}"
    data.InstanceNumber = instance
    data.ImageOrientationPatient = list(orientation)
    data.ImagePositionPatient = [float(p) for p in position]
    data.PixelSpacing = [SPACING[1], SPACING[2]]
    data.SliceThickness = 5.0
    data.Rows, data.Columns = plane.shape
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
    data.PixelRepresentation = 0
    data.RescaleSlope, data.RescaleIntercept = 1, -1024
    data.PixelData = (plane.astype(np.int32) + 1024).astype(np.uint16).tobytes()
    return data


def _edit_dicom(path: Path, **tags: object) -> None:
    """Change tags of a DICOM file in place; None removes one."""
    data = pydicom.dcmread(path)
    for tag, value in tags.items():
        if value is None:
            delattr(data, tag)
        else:
            setattr(data, tag, value)
            if data[tag].VR == "US or SS":
                data[tag].VR = "US"
    data.save_as(path)


@pytest.fixture
def patient() -> NDArray[np.int16]:
    return _patient()


@pytest.fixture
def write_nifti() -> Callable[..., Path]:
    return _write_nifti


@pytest.fixture
def write_dicom() -> Callable[..., list[Path]]:
    return _write_dicom


@pytest.fixture
def edit_dicom() -> Callable[..., None]:
    return _edit_dicom
