"""Formats that move an axis: they hold its positions in place of source angles."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from svct.errors import InputError
from svct.sampling.device import Device
from svct.sampling.export.base import Exporter, ReadBack
from svct.sampling.export.header import checked_angles, refused
from svct.sampling.schedule import Schedule
from svct.sampling.timeline import axis_positions_deg, exposure_times_ms


class StageExporter(Exporter):
    """A format of axis positions; without a device those of a sample that turns the other way than the source would."""

    endless: ClassVar[bool] = False
    hashed: ClassVar[bool] = True

    def positions(self, schedule: Schedule) -> Float[np.ndarray, " frame"]:
        """Return where the axis stands for each frame of the file, degrees.

        Raises:
            InputError: The device does not reach one of them.
        """
        chosen = list(self.carried(schedule))
        if self.device is None:
            return -np.array(schedule.angles_deg)[chosen] + 0.0
        reached = self.device.reachable(np.array(schedule.angles_deg)[chosen])
        if not reached.all():
            raise InputError(
                f"{self.name}: expected views that {self.device.id} reaches, got view {chosen[int(reached.argmin())]} "
                "out of its range; see svct schedule check"
            )
        return axis_positions_deg(schedule, self.device)[chosen] + 0.0

    def source_angles(self, positions_deg: Sequence[float] | NDArray[np.float64]) -> Float[np.ndarray, " frame"]:
        """Return the source angles of axis positions, degrees."""
        positions = np.asarray(positions_deg, dtype=np.float64)
        return (-positions if self.device is None else self.device.angles_deg(positions)) + 0.0

    def angles(self, schedule: Schedule) -> Float[np.ndarray, " frame"]:
        """Return the source angles that a file of the schedule must give back, with the axis's whole turns."""
        return self.source_angles(self.positions(schedule))

    def exposure_s(self, schedule: Schedule) -> Float[np.ndarray, " frame"] | None:
        """Return the exposure time of each frame of the file, s, or None where nothing tells it."""
        chosen = list(self.carried(schedule))
        if self.device is not None:
            return exposure_times_ms(schedule, self.device)[chosen] / 1000
        return np.array(schedule.exposure_ms)[chosen] / 1000 if schedule.exposure_ms else None

    def required_exposure_s(self, schedule: Schedule) -> Float[np.ndarray, " frame"]:
        """Return the exposure time of each frame of the file, s.

        Raises:
            InputError: Nothing tells it.
        """
        times = self.exposure_s(schedule)
        if times is None:
            raise InputError(f"{self.name}: expected exposure times, got none; state exposure_ms or give a --device")
        return times

    def required_device(self, *, counts: bool = False) -> Device:
        """Return the device.

        Args:
            counts: Whether the number of its encoder counts must be known.

        Raises:
            InputError: There is none, or its counts are not known.
        """
        if self.device is None or (counts and self.device.axis.counts_per_turn is None):
            what = "a device with axis.counts_per_turn" if counts else "a device"
            raise InputError(f"{self.name}: expected {what}, got none; name its profile with --device")
        return self.device

    def counts(self, schedule: Schedule) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        """Return encoder counts of a sweep, ``(frame,)``.

        Raises:
            InputError: The device is not known, or the counts do not strictly grow or strictly fall.
        """
        counts_per_turn = self.required_device(counts=True).axis.counts_per_turn or 1
        counts = np.rint(self.positions(schedule) * counts_per_turn / 360).astype(np.int64)
        steps = np.diff(counts)
        if not ((steps > 0).all() or (steps < 0).all()):
            raise InputError(
                f"{self.name}: expected views that follow each other one way, got some that turn back or share an "
                "encoder count; order them with svct schedule plan"
            )
        return counts

    @property
    def half_count_deg(self) -> float:
        """Half an encoder count, degrees, the error of rounding to counts."""
        return 180 / (self.required_device(counts=True).axis.counts_per_turn or 1)

    def back(
        self,
        path: Path,
        positions_deg: Sequence[float] | NDArray[np.float64],
        stated: dict[str, str],
        *,
        columns: dict[str, tuple[Any, ...]] | None = None,
        whole: Schedule | None = None,
    ) -> ReadBack:
        """Return what was read from a file, its positions checked.

        Args:
            path: The file.
            positions_deg: Its positions, degrees.
            stated: What its comments state: ``views``, ``sha256``.
            columns: Further values per frame.
            whole: The whole schedule, where the file keeps it.

        Raises:
            DataFileError: The count differs from the stated one, or positions are not finite or out of range.
        """
        given = np.asarray(positions_deg, dtype=np.float64)
        positions = np.array(checked_angles(self, path, given, stated.get("views")))
        if self.device is not None and self.device.axis.range_deg is not None:
            low, high = self.device.axis.range_deg
            outside = (positions < low - self.precision_deg) | (positions > high + self.precision_deg)
            if outside.any():
                worst = float(positions[int(outside.argmax())])
                raise refused(self, path, f"got a position of {worst:g} deg outside of {low:g} to {high:g} deg")
        angles = tuple(self.source_angles(positions).tolist())
        return ReadBack(angles, stated.get("sha256"), columns or {}, whole=whole)
