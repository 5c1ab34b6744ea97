"""Schedules as DICOM Raw Data, for archives."""

from pathlib import Path

from svct.sampling.columns import COLUMNS
from svct.sampling.export.base import Exporter, ReadBack
from svct.sampling.export.dicom import add_block, add_study, block_of, new_file, read_file, uid, written
from svct.sampling.schedule import Schedule

RAW_DATA_STORAGE = "1.2.840.10008.5.1.4.1.1.66"


class RawDataExporter(Exporter):
    """Raw Data Storage with the whole schedule in a private block (0071, ``SVCT SCHEDULE 1``); SIMULATION ONLY.

    No clinical console is known that takes its views from such a file: it is a record.
    """

    name = "dicom-raw"
    suffix = ".dcm"
    hashed = True
    endless = False
    all_frames = True

    def text(self, schedule: Schedule) -> bytes:
        """Return the file's content."""
        file = new_file(RAW_DATA_STORAGE, schedule, "raw data")
        add_study(file, schedule, modality="CT", number=1)
        file.CreatorVersionUID = uid(schedule, "creator version")
        file.AcquisitionContextSequence = []
        add_block(file, self, schedule)
        return written(file)

    def read(self, path: Path) -> ReadBack:
        """Read an exported file.

        Raises:
            DataFileError: The file is missing, truncated or of another class, or its parts disagree.
        """
        schedule = block_of(self, path, read_file(self, path, RAW_DATA_STORAGE))
        columns = {name: getattr(schedule, name) for name in COLUMNS if getattr(schedule, name)}
        return ReadBack(schedule.angles_deg, schedule.sha256, columns, geometry=schedule.geometry, whole=schedule)
