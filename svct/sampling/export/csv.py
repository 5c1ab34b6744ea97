"""Schedules as CSV."""

import csv
import io
from pathlib import Path

from svct.errors import DataFileError
from svct.sampling.export.base import Exporter, ReadBack
from svct.sampling.schedule import INTENT, Schedule

COLUMNS = ("i", "angle_deg", "relative_load")


class CsvExporter(Exporter):
    """One row per view in acquisition order, below comment lines that start with ``#``.

    Numbers are written so that they read back to the very same value.
    """

    name = "csv"
    suffix = ".csv"
    lost = ("provenance", "gain")

    def text(self, schedule: Schedule) -> str:
        """Return the file's content."""
        convention = ", ".join(f"{key} {value}" for key, value in schedule.angle_convention.items())
        geometry = ", ".join(f"{key} {value}" for key, value in schedule.geometry.items())
        out = io.StringIO()
        out.write(f"# intent: {INTENT}\n# task: {schedule.task}\n# method: {schedule.method}\n")
        out.write(f"# geometry: {geometry}\n# angle: {convention}\n# sha256: {schedule.sha256}\n")
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(COLUMNS)
        for i, (angle, load) in enumerate(zip(schedule.angles_deg, schedule.relative_load, strict=True)):
            rows.writerow((i, repr(angle), repr(load)))
        return out.getvalue()

    def read(self, path: Path) -> ReadBack:
        """Read an exported file.

        Raises:
            DataFileError: The file is missing, truncated or of another format.
        """
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataFileError(f"{path}: expected a schedule in CSV, cannot be read ({error})") from error
        hashes = [line.removeprefix("# sha256: ") for line in lines if line.startswith("# sha256: ")]
        table = list(csv.reader(line for line in lines if not line.startswith("#")))
        try:
            if tuple(table[0]) != COLUMNS or [int(row[0]) for row in table[1:]] != list(range(len(table) - 1)):
                raise ValueError("the columns or the numbering differ")
            angles = tuple(float(row[1]) for row in table[1:])
        except (ValueError, IndexError) as error:
            raise DataFileError(
                f"{path}: expected a schedule in CSV with the columns {', '.join(COLUMNS)} ({error})"
            ) from error
        return ReadBack(angles, hashes[0] if hashes else None)
