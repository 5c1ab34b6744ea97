"""Schedules as PVT trajectories (position, velocity, time) of Newport XPS controllers."""

import math
from pathlib import Path

import numpy as np

from svct.errors import InputError
from svct.sampling.export.base import ReadBack
from svct.sampling.export.header import expecting, read_text
from svct.sampling.export.stage import StageExporter
from svct.sampling.schedule import Schedule

DIGITS = 6
DWELL_S = 0.001
"""Shortest stop at a view."""


class XpsExporter(StageExporter):
    """A move from rest to rest per projection, then a stop of the settling and exposure time.

    A line is ``time, displacement, final velocity``; the trajectory starts at position 0. The files have no comments:
    hash and axis are lost, give the same device again when one is read. Needs speed and acceleration.

    Notes:
        A cubic from rest to rest over d in time t has the top speed 1.5 d / t and the top acceleration 6 d / t^2.
    """

    name = "xps-pvt"
    suffix = ".trj"
    lost = ("hash and axis", "loads, currents and voltages", "mode", "geometry", "provenance", "gain")
    hashed = False

    @property
    def precision_deg(self) -> float:
        """Half a unit of the last digit, and the rounding of the sum, degrees."""
        return 0.51 * 10.0**-DIGITS

    def text(self, schedule: Schedule) -> str:
        """Return the file's content.

        Raises:
            InputError: There is no device with speed and acceleration, or two views lie closer than the digits tell.
        """
        speed, acceleration, settle = self._limits()
        times = self.exposure_s(schedule)
        lines, here = [], 0.0
        for i, position in enumerate(np.round(self.positions(schedule), DIGITS).tolist()):
            step, here = position - here, position
            if step:
                longest = max(1.5 * abs(step) / speed, math.sqrt(6 * abs(step) / acceleration))
                lines.append(f"{longest + 1e-6:.6f}, {step:.{DIGITS}f}, 0\n")
            elif i:
                raise InputError(f"xps-pvt: expected views at least {10.0**-DIGITS:g} deg apart, got view {i} nearer")
            lines.append(f"{max(DWELL_S, settle + (0 if times is None else times[i])):.6f}, 0, 0\n")
        return "".join(lines)

    def read(self, path: Path) -> ReadBack:
        """Read a file that svct wrote.

        Raises:
            DataFileError: The file is missing, truncated or of another format.
        """
        speed, acceleration, _ = self._limits()
        with expecting(self, path):
            text = read_text(self, path)
            rows = np.array([[float(part) for part in line.split(",")] for line in text.splitlines()])
            if not text.endswith(", 0, 0\n") or rows.shape[1] != 3 or not np.isfinite(rows).all():
                raise ValueError("a line is cut off, or has no three finite numbers")
            if (rows[:, 0] <= 0).any() or rows[:, 2].any():
                raise ValueError("a time that is not above 0, or a velocity at the end of a move")
            moves = rows[:, 1] != 0
            if (moves[1:] == moves[:-1]).any():
                raise ValueError("a move without a stop, or a stop without a move")
            time, step = rows[moves, 0], np.abs(rows[moves, 1])
            if (1.5 * step / time > speed).any() or (6 * step / time**2 > acceleration).any():
                raise ValueError("a move faster than the device allows")
            return self.back(path, np.cumsum(rows[:, 1])[~moves], {})

    def _limits(self) -> tuple[float, float, float]:
        axis = self.required_device().axis
        if axis.speed_deg_s is None or axis.acceleration_deg_s2 is None:
            raise InputError(
                "xps-pvt: expected a device with axis.speed_deg_s and axis.acceleration_deg_s2, got none of them"
            )
        return axis.speed_deg_s, axis.acceleration_deg_s2, axis.settle_s
