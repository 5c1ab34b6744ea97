"""What the DICOM files of schedules share: identity, dates, the private block, and their reading."""

import io
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from svct import __version__
from svct.errors import SvctError
from svct.sampling.export.base import Exporter
from svct.sampling.export.header import WARNING, expecting, refused
from svct.sampling.schedule import Schedule

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileDataset
    from pydicom.uid import UID

GROUP = 0x0071
CREATOR = "SVCT SCHEDULE 1"
"""The private block: 01 canonical file (UT), 02 SHA-256 (LO), 03 angles in degrees (FD), 04 views (UL)."""


def new_file(sop_class: str, schedule: Schedule, role: str) -> "FileDataset":
    """Return an instance with equipment, dates and UIDs; the UIDs follow from the schedule.

    Args:
        sop_class: UID of the SOP class.
        schedule: The schedule.
        role: What the file is, as UIDs of several files of a schedule must differ.
    """
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class)
    meta.MediaStorageSOPInstanceUID = uid(schedule, role)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made = datetime.now().astimezone()
    file = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    file.SpecificCharacterSet = "ISO_IR 192"
    file.SOPClassUID, file.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    file.InstanceCreationDate = file.ContentDate = made.strftime("%Y%m%d")
    file.InstanceCreationTime = file.ContentTime = made.strftime("%H%M%S")
    file.Manufacturer, file.ManufacturerModelName = "svct", "svct (simulation)"
    file.DeviceSerialNumber, file.SoftwareVersions = "0", __version__
    return file


def uid(schedule: Schedule, role: str) -> "UID":
    """Return the UID of one thing that belongs to a schedule."""
    from pydicom.uid import generate_uid

    return generate_uid(entropy_srcs=["svct", role, schedule.sha256])


def add_study(file: "FileDataset", schedule: Schedule, *, modality: str, number: int) -> None:
    """Add the phantom that stands for a patient, the study and the series, all marked as simulated."""
    file.PatientName, file.PatientID, file.PatientBirthDate, file.PatientSex = (
        "SIMULATION^ONLY",
        "SVCT-PHANTOM",
        "",
        "O",
    )
    file.StudyInstanceUID, file.SeriesInstanceUID = uid(schedule, "study"), uid(schedule, f"series {number}")
    file.StudyDate, file.StudyTime = file.ContentDate, file.ContentTime
    file.StudyID, file.AccessionNumber, file.ReferringPhysicianName = "1", "", ""
    file.StudyDescription = WARNING
    file.Modality, file.SeriesNumber, file.InstanceNumber, file.Laterality = modality, number, 1, ""
    file.SeriesDescription = f"SIMULATION ONLY {schedule.task}"[:64]


def add_block(file: "FileDataset", exporter: Exporter, schedule: Schedule) -> None:
    """Add the private block with the schedule's own file, its hash and its angles."""
    block = file.private_block(GROUP, CREATOR, create=True)
    angles = exporter.angles(schedule).tolist()
    block.add_new(0x01, "UT", schedule.to_json())
    block.add_new(0x02, "LO", schedule.sha256)
    block.add_new(0x03, "FD", angles)
    block.add_new(0x04, "UL", len(angles))


def written(file: "FileDataset") -> bytes:
    """Return the bytes of a DICOM file."""
    out = io.BytesIO()
    file.save_as(out, enforce_file_format=True)
    return out.getvalue()


def read_file(exporter: Exporter, path: Path, sop_class: str) -> "Dataset":
    """Read a DICOM file of one SOP class that says that it is a simulation.

    Raises:
        DataFileError: The file is missing, truncated or of another class.
    """
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    with expecting(exporter, path):
        try:
            file = dcmread(path)
            for _ in file.iterall():  # values are read here, so a short file is found out
                pass
        except (InvalidDicomError, EOFError) as error:
            raise ValueError(str(error)) from error
        if file.get("SOPClassUID") != sop_class:
            raise ValueError(f"the SOP class {file.get('SOPClassUID')}")
    return file


def block_of(exporter: Exporter, path: Path, file: "Dataset") -> Schedule:
    """Return the schedule in the private block; its hash, angles and count must agree.

    Raises:
        DataFileError: They do not, or there is no such block.
    """
    with expecting(exporter, path):
        block = file.private_block(GROUP, CREATOR)
        try:
            schedule = Schedule.from_json(str(block[0x01].value))
        except SvctError as error:
            raise ValueError(str(error)) from error
        angles = block[0x03].value
        stated = [float(angles)] if isinstance(angles, float) else [float(angle) for angle in angles]
        if schedule.sha256 != block[0x02].value or len(stated) != block[0x04].value:
            raise ValueError("a hash or a count that is not the schedule's")
    if stated != exporter.angles(schedule).tolist():
        raise refused(exporter, path, "got angles that are not the schedule's")
    return schedule
