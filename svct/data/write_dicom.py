"""Write reconstructions as a folder of DICOM CT images."""

import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from svct.data.placement import Placement
from svct.errors import DataFileError, OutputExistsError, SvctError
from svct.files import require_writable, system_reason
from svct.units import MU_WATER, mu_to_hu

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset

_LPS = np.array([-1.0, -1.0, 1.0])
_NAME = "IM{:05d}.dcm"


@dataclass(frozen=True)
class SeriesLabels:
    """What the files of a series say of it.

    Args:
        description: SeriesDescription, up to 64 characters.
        derivation: How the images were made, in a sentence or two.
        identity: What makes this reconstruction the one it is, such as hashes and settings; all UIDs follow from it.
        patient: PatientID.
        version: Of svct.
    """

    description: str
    derivation: str
    identity: str
    patient: str
    version: str


def write_dicom(
    folder: Path,
    slabs: Iterable[NDArray[np.float32]],
    placement: Placement,
    *,
    labels: SeriesLabels,
    mu_water: float = MU_WATER,
    overwrite: bool = False,
) -> None:
    """Write a volume as one CT series, one file per slice, whole or not at all.

    Args:
        folder: Where the files go; it appears when all are written.
        slabs: Attenuation, each ``(n, rows, columns)``, 1/mm, one after another.
        placement: Where the voxels lie in the patient.
        labels: What the files say of it.
        mu_water: Attenuation of water, 1/mm, which becomes 0 HU.
        overwrite: Replace a folder that is there and holds nothing but such files.

    Raises:
        OutputExistsError: The folder exists and `overwrite` is false, or it holds other files.
        DataFileError: It cannot be written.

    Notes:
        SOP class CT Image Storage, values DERIVED and SECONDARY, HU rounded to whole ones in int16 with slope 1 and
        intercept 0. Rows are written from anterior to posterior where the volume has them the other way. Of the patient
        nothing is known but the identity given.
    """
    upright = placement.with_rows_reversed() if placement.steps_mm[1][1] > 0 else placement
    turn = slice(None, None, -1 if upright is not placement else 1)
    made = datetime.now().astimezone()
    with _atomic_folder(folder, overwrite=overwrite) as partial:
        index = 0
        for slab in slabs:
            hu = np.clip(np.rint(mu_to_hu(slab[:, turn], mu_water=mu_water)), -32768, 32767).astype("<i2")
            for plane in hu:
                image = _image(plane, index, upright, labels, made)
                image.save_as(partial / _NAME.format(index + 1), enforce_file_format=True)
                index += 1


def require_free_folder(folder: Path, *, overwrite: bool) -> None:
    """Check that a series can be written to a folder, before the work that it is meant to hold.

    Args:
        folder: See `write_dicom`.
        overwrite: Likewise.

    Raises:
        OutputExistsError: There is something of that name that may not be replaced.
        DataFileError: Its own folder is missing or closed to writing.
    """
    if folder.is_dir():
        others = [p.name for p in folder.iterdir() if not (p.name.startswith("IM") and p.suffix == ".dcm")]
        if others:
            raise OutputExistsError(
                f"{folder}: expected a free name for the DICOM series, got a folder that holds {others[0]}; "
                "name a new folder"
            )
        if not overwrite and any(folder.iterdir()):
            raise OutputExistsError(
                f"{folder}: expected a free name for the DICOM series, got a folder with files; remove it or ask to "
                "overwrite it"
            )
    elif folder.exists():
        raise OutputExistsError(f"{folder}: expected a free name for the DICOM series, got a file; name a new folder")
    else:
        require_writable(folder)


@contextmanager
def _atomic_folder(folder: Path, *, overwrite: bool) -> Iterator[Path]:
    require_free_folder(folder, overwrite=overwrite)
    partial = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    try:
        partial.mkdir()
        yield partial
        if folder.is_dir():
            shutil.rmtree(folder)
        partial.replace(folder)
    except SvctError:
        raise
    except OSError as error:
        raise DataFileError(
            f"{folder}: could not be written ({system_reason(error)}); check permissions and free space"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _image(
    plane: NDArray[np.int16], index: int, placement: Placement, labels: SeriesLabels, made: datetime
) -> "FileDataset":
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    columns, rows, planes = (np.array(step) * _LPS for step in placement.steps_mm)
    sizes = [float(np.linalg.norm(step)) for step in (columns, rows, planes)]
    corner = np.array(placement.origin_mm) * _LPS + index * planes
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["image", labels.identity, str(index)])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image = FileDataset("", {}, file_meta=meta, preamble=bytes(128))

    image.PatientName, image.PatientID, image.PatientBirthDate, image.PatientSex = (
        "Unnamed^Subject",
        labels.patient,
        "",
        "O",
    )
    image.StudyInstanceUID = generate_uid(entropy_srcs=["study", labels.patient])
    image.StudyDate, image.StudyTime = made.strftime("%Y%m%d"), made.strftime("%H%M%S")
    image.StudyID, image.AccessionNumber, image.ReferringPhysicianName = "1", "", ""
    image.SeriesInstanceUID = generate_uid(entropy_srcs=["series", labels.identity])
    image.SeriesNumber, image.SeriesDescription = 1, labels.description[:64]
    image.Modality, image.PatientPosition, image.Laterality = "CT", "", ""
    image.FrameOfReferenceUID = generate_uid(entropy_srcs=["frame", labels.patient])
    image.PositionReferenceIndicator = ""
    image.Manufacturer, image.ManufacturerModelName, image.SoftwareVersions = "svct", "svct", labels.version

    image.SOPClassUID, image.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    image.ImageType, image.DerivationDescription = ["DERIVED", "SECONDARY", "AXIAL"], labels.derivation[:1024]
    image.InstanceNumber, image.AcquisitionNumber, image.KVP = index + 1, None, None
    image.ContentDate, image.ContentTime = image.StudyDate, image.StudyTime
    image.ImageOrientationPatient = [_decimal(v) for v in (*columns / sizes[0], *rows / sizes[1])]
    image.ImagePositionPatient = [_decimal(v) for v in corner]
    image.PixelSpacing = [_decimal(sizes[1]), _decimal(sizes[0])]
    image.SliceThickness = image.SpacingBetweenSlices = _decimal(sizes[2])

    image.Rows, image.Columns = plane.shape
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 1
    image.RescaleSlope, image.RescaleIntercept, image.RescaleType = 1, 0, "HU"
    image.WindowCenter, image.WindowWidth = 40, 400
    image.BurnedInAnnotation = "NO"
    image.PixelData = plane.tobytes()
    return image


def _decimal(value: float) -> str:
    """Return a number as DICOM writes decimals, in at most 16 characters."""
    return next(text for digits in range(15, 0, -1) if len(text := f"{value + 0.0:.{digits}g}") <= 16)
