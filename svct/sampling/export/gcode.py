"""Schedules as G-code for a rotary axis, in the dialects of LinuxCNC and GRBL."""

import re
from pathlib import Path
from typing import ClassVar

import numpy as np

from svct.sampling.export.base import ReadBack
from svct.sampling.export.header import commented, expecting, header, read_lines, read_text
from svct.sampling.export.stage import StageExporter
from svct.sampling.schedule import Schedule

SPEED_DEG_S = 10.0
"""Speed of the axis where no device tells one."""


class LinuxCncExporter(StageExporter):
    """One move of axis A per projection, then digital output 0 on for the exposure time.

    Without exposure times the output gives a pulse, and the camera's own setting holds.
    """

    name = "linuxcnc"
    suffix = ".ngc"
    lost = ("loads, currents and voltages", "time and mode", "geometry", "provenance", "gain")
    letter: ClassVar[str] = "A"
    digits: ClassVar[int] = 9
    on: ClassVar[str] = "M64 P0"
    off: ClassVar[str] = "M65 P0"

    @property
    def precision_deg(self) -> float:
        """Half a unit of the last digit, degrees."""
        return 0.51 * 10.0**-self.digits

    def text(self, schedule: Schedule) -> str:
        """Return the file's content."""
        speed = (self.device.axis.speed_deg_s if self.device else None) or SPEED_DEG_S
        times = self.exposure_s(schedule)
        notes = header(self, schedule, meaning=f"axis {self.letter}, deg; G4 in s; F in deg/min")
        plain = [re.sub(r"[()]", "_", note) for note in notes]
        lines = [*commented(plain, "(", ")").splitlines(), "G21", "G90", "G94"]
        for i, position in enumerate(self.positions(schedule)):
            lines += [f"G1 {self.letter}{position:.{self.digits}f} F{speed * 60:.4f}", self.on]
            lines += [] if times is None else [f"G4 P{times[i]:.9f}"]
            lines.append(self.off)
        return "\n".join([*lines, "M2", ""])

    def read(self, path: Path) -> ReadBack:
        """Read a file that svct wrote.

        Raises:
            DataFileError: The file is missing, truncated or of another format.
        """
        stated, _ = read_lines(self, path, "(")
        number = r"([-+.\w]+)"
        one = rf"G1 {self.letter}{number} F{number}\n{self.on}\n(?:G4 P{number}\n)?{self.off}\n"
        with expecting(self, path):
            match = re.fullmatch(rf"(?:\([^\n]*\)\n)+G21\nG90\nG94\n((?:{one})*)M2\n", read_text(self, path))
            if match is None or not stated["values"].endswith("G4 in s; F in deg/min"):
                raise ValueError("a line is missing or cannot be read")
            moves = re.findall(one, match[1])
            times = tuple(1000 * float(dwell) for *_, dwell in moves if dwell)
            if (times and len(times) != len(moves)) or not np.isfinite([float(feed) for _, feed, _ in moves]).all():
                raise ValueError("a view without a time, or a speed that is not finite")
            positions = [float(position) for position, *_ in moves]
            return self.back(path, positions, stated, columns={"exposure_ms": times} if times else {})


class GrblExporter(LinuxCncExporter):
    """The same for GRBL 1.1: axis X in degrees for mm, the coolant output (M8, M9) as trigger, four decimals.

    GRBL keeps positions in single precision and has neither an A axis nor M64.
    """

    name = "grbl"
    suffix = ".gcode"
    letter = "X"
    digits = 4
    on = "M8"
    off = "M9"
