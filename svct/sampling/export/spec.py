"""Schedules as macros for SPEC."""

import re
from pathlib import Path

from svct.sampling.export.base import ReadBack
from svct.sampling.export.header import commented, expecting, header, read_lines, read_text
from svct.sampling.export.stage import StageExporter
from svct.sampling.schedule import Schedule


class SpecExporter(StageExporter):
    """A macro ``svct_scan`` that moves the motor ``rot`` to each projection and counts for its exposure time.

    Without exposure times SPEC's own counting time holds.
    """

    name = "spec"
    suffix = ".mac"
    lost = ("loads, currents and voltages", "time and mode", "geometry", "provenance", "gain")

    def text(self, schedule: Schedule) -> str:
        """Return the file's content."""
        times = self.exposure_s(schedule)
        lines = [commented(header(self, schedule, meaning="umv in deg, ct in s"), "# "), "def svct_scan '\n"]
        for i, position in enumerate(self.positions(schedule)):
            lines.append(f"  umv rot {position:.10f}\n  ct{'' if times is None else f' {times[i]:.9f}'}\n")
        return "".join(lines) + "'\n"

    def read(self, path: Path) -> ReadBack:
        """Read a file that svct wrote.

        Raises:
            DataFileError: The file is missing, truncated or of another format.
        """
        stated, _ = read_lines(self, path, "# ")
        with expecting(self, path):
            one = r"  umv rot ([-+.\w]+)\n  ct(?: ([-+.\w]+))?\n"
            match = re.fullmatch(rf"(?:#[^\n]*\n)+def svct_scan '\n((?:{one})*)'\n", read_text(self, path))
            if match is None or stated["values"] != "umv in deg, ct in s":
                raise ValueError("a line is missing or cannot be read")
            steps = re.findall(one, match[1])
            times = tuple(1000 * float(time) for _, time in steps if time)
            if times and len(times) != len(steps):
                raise ValueError("some views have a time and others do not")
            positions = [float(position) for position, _ in steps]
            return self.back(path, positions, stated, columns={"exposure_ms": times} if times else {})
