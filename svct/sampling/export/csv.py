"""Schedules as CSV."""

import csv
import io
from pathlib import Path
from typing import Any

from svct.errors import DataFileError
from svct.sampling.columns import COLUMNS
from svct.sampling.export.base import Exporter, ReadBack
from svct.sampling.export.header import checked_angles, read_lines
from svct.sampling.schedule import INTENT, Schedule

FIRST = ("i", "angle_deg", "relative_load")
WHOLE = ("slot", "rotation")


class CsvExporter(Exporter):
    """One row per frame in acquisition order, below comment lines that start with ``#``.

    Numbers are written so that they read back to the very same value. A file from elsewhere needs the column
    ``angle_deg`` alone; columns with the names of a schedule's are read, others left out.
    """

    name = "csv"
    suffix = ".csv"
    lost = ("provenance", "gain")
    carries = ("secondary_deg", "z_mm")
    endless = False
    all_frames = True

    def text(self, schedule: Schedule) -> str:
        """Return the file's content."""
        geometry = ", ".join(f"{key} {value}" for key, value in schedule.geometry.items())
        out = io.StringIO()
        out.write(f"# intent: {INTENT}\n# task: {schedule.task}\n# method: {schedule.method}\n")
        out.write(f"# geometry: {geometry}\n# angle: {_convention(schedule)}\n# sha256: {schedule.sha256}\n")
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(schedule.views[0])
        rows.writerows([repr(v) if isinstance(v, float) else v for v in view.values()] for view in schedule.views)
        return out.getvalue()

    def read(self, path: Path) -> ReadBack:
        """Read an exported file.

        Raises:
            DataFileError: The file is missing, truncated or of another format.
        """
        stated, lines = read_lines(self, path, "#")
        try:
            names, *rows = csv.reader(lines)
            if len(set(names)) != len(names) or any(len(row) != len(names) for row in rows):
                raise ValueError("a column occurs twice, or a row is shorter or longer")
            table = {name: [row[i] for row in rows] for i, name in enumerate(names)}
            if "i" in table and [int(i) for i in table["i"]] != list(range(len(rows))):
                raise ValueError("the numbering differs")
            if not stated.get("angle", "unit deg").startswith("unit deg"):
                raise ValueError(f"angles with {stated['angle']}")
            angles = checked_angles(self, path, [float(text) for text in table["angle_deg"]])
            columns = {name: _values(name, table[name]) for name in (FIRST[2], *COLUMNS) if name in table}
        except (ValueError, KeyError) as error:
            raise DataFileError(
                f"{path}: expected a schedule in CSV with the columns {', '.join(FIRST)} ({error})"
            ) from error
        return ReadBack(angles, stated.get("sha256"), columns)


def _convention(schedule: Schedule) -> str:
    return ", ".join(f"{key} {value}" for key, value in schedule.angle_convention.items())


def _values(name: str, texts: list[str]) -> tuple[Any, ...]:
    if name == "frame":
        return tuple(texts)
    return tuple(int(text) if name in WHOLE else float(text) for text in texts)
