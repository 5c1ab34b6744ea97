"""Schedules as increments for the position-synchronised output (PSO) of Aerotech controllers."""

import re
from pathlib import Path

import numpy as np

from svct.sampling.export.base import ReadBack
from svct.sampling.export.header import commented, expecting, header, read_lines, read_text
from svct.sampling.export.stage import StageExporter
from svct.sampling.schedule import Schedule


class AerotechExporter(StageExporter):
    """Encoder counts between successive triggers, one positive integer per line, for the drive array of the PSO.

    The head states the count of the first trigger, from which the increments run, and the way the axis turns.
    """

    name = "aerotech-pso"
    suffix = ".txt"
    lost = ("loads and exposure times", "time and mode", "geometry", "provenance", "gain")

    @property
    def precision_deg(self) -> float:
        """Half an encoder count, degrees."""
        return self.half_count_deg + 1e-9

    def text(self, schedule: Schedule) -> str:
        """Return the file's content.

        Raises:
            InputError: There is no device with encoder counts, or the views do not go one way.
        """
        counts = self.counts(schedule)
        steps = np.diff(counts)
        per_turn = self.required_device(counts=True).axis.counts_per_turn
        lines = [commented(header(self, schedule, meaning="increments, encoder counts"), "; ")]
        lines.append(
            f"; counts_per_turn: {per_turn}\n; first_count: {counts[0]}\n; way: {-1 if (steps < 0).any() else 1}\n"
        )
        return "".join([*lines, *(f"{step}\n" for step in np.abs(steps))]) + "; end\n"

    def read(self, path: Path) -> ReadBack:
        """Read a file that svct wrote.

        Raises:
            DataFileError: The file is missing, truncated or of another format.
        """
        stated, lines = read_lines(self, path, "; ")
        with expecting(self, path):
            per_turn = self.required_device(counts=True).axis.counts_per_turn or 1
            if not read_text(self, path).endswith("; end\n") or stated["values"] != "increments, encoder counts":
                raise ValueError("the end is missing, or the unit is another")
            if stated["counts_per_turn"] != str(per_turn) or stated["way"] not in ("1", "-1"):
                raise ValueError(f"{stated['counts_per_turn']} counts per turn, the device has {per_turn}")
            if not all(re.fullmatch(r"[1-9]\d*", line) for line in lines):
                raise ValueError("an increment that is no positive integer")
            counts = int(stated["first_count"]) + int(stated["way"]) * np.cumsum([0, *map(int, lines)])
            return self.back(path, counts * (360 / per_turn), stated)
