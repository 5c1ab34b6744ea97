"""Schedules as JSON: the schedule file itself."""

from pathlib import Path

from svct.sampling.export.base import Exporter, ReadBack
from svct.sampling.schedule import Schedule


class JsonExporter(Exporter):
    """The schedule file, which follows the published JSON Schema."""

    name = "json"
    suffix = ".json"
    hashed = True
    endless = False
    all_frames = True

    def text(self, schedule: Schedule) -> str:
        """Return the file's content."""
        return schedule.to_json()

    def read(self, path: Path) -> ReadBack:
        """Read an exported file.

        Raises:
            DataFileError: The file is missing, truncated or of another format.
        """
        schedule = Schedule.load(path)
        return ReadBack(schedule.angles_deg, schedule.sha256, whole=schedule)
