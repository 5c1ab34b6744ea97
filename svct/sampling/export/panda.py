"""Schedules as tables of the sequencer block of a PandABox."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from svct.errors import InputError
from svct.sampling.export.base import ReadBack
from svct.sampling.export.header import expecting, read_text
from svct.sampling.export.stage import StageExporter
from svct.sampling.schedule import INTENT, Schedule

ROWS = 4096
"""Rows that the table has."""

TICK_US = 1.0
"""Time unit of the table: the block's prescaler has to be set to it."""

UINT32, INT32 = 2**32, 2**31
UP, DOWN = "POSA>=POSITION", "POSA<=POSITION"


class PandaExporter(StageExporter):
    """One row per projection: wait for an encoder count, output A on for the exposure time, then off.

    JSON with the columns of the table by the names that ophyd-async's ``SeqTable`` has, times in microseconds. Needs a
    device with encoder counts, and positions that go one way: a row whose position has passed fires at once.
    """

    name = "panda-seq"
    suffix = ".json"
    lost = ("loads, currents and voltages", "time and mode", "geometry", "provenance", "gain")

    @property
    def precision_deg(self) -> float:
        """Half an encoder count, degrees."""
        return self.half_count_deg + 1e-9

    def text(self, schedule: Schedule) -> str:
        """Return the file's content.

        Raises:
            InputError: The table cannot hold the schedule, or there is no device with encoder counts.
        """
        counts = self.counts(schedule)
        ticks = np.rint(self.required_exposure_s(schedule) * 1e6 / TICK_US).astype(np.int64)
        n = len(counts)
        if n > ROWS or ticks.max() >= UINT32 or np.abs(counts).max() >= INT32:
            raise InputError(
                f"panda-seq: expected at most {ROWS} views of at most {UINT32 * TICK_US / 1e6:.0f} s at counts of 32 "
                f"bits, got {n} views, {ticks.max() * TICK_US / 1e6:g} s and {np.abs(counts).max()}; split the schedule"
            )
        document = {
            "format": "svct panda-seq",
            "intent": INTENT,
            "task": schedule.task,
            "sha256": schedule.sha256,
            "views": n,
            "lost": list(self.lost_of(schedule)),
            "counts_per_turn": self.required_device(counts=True).axis.counts_per_turn,
            "time_unit_us": TICK_US,
            "table": seq_table(counts.tolist(), ticks.tolist()),
        }
        return json.dumps(document, indent=1, allow_nan=False) + "\n"

    def read(self, path: Path) -> ReadBack:
        """Read a file that svct wrote.

        Raises:
            DataFileError: The file is missing, truncated or of another format.
        """
        with expecting(self, path):
            document = json.loads(read_text(self, path))
            table, per_turn = document["table"], self.required_device(counts=True).axis.counts_per_turn or 1
            if document["format"] != "svct panda-seq" or document["time_unit_us"] != TICK_US:
                raise ValueError("another format or time unit")
            if document["counts_per_turn"] != per_turn:
                raise ValueError(f"{document['counts_per_turn']} counts per turn, the device has {per_turn}")
            counts, ticks = np.array(table["position"]), np.array(table["time1"])
            if (
                counts.dtype.kind != "i"
                or ticks.dtype.kind != "i"
                or table != seq_table(counts.tolist(), ticks.tolist())
            ):
                raise ValueError("columns that do not fit together")
            if len(counts) > ROWS or np.abs(counts).max() >= INT32 or ticks.min() < 0 or ticks.max() >= UINT32:
                raise ValueError("too many rows, or numbers of more than 32 bits")
            steps = np.diff(counts)
            if not ((steps > 0).all() or (steps < 0).all()):
                raise ValueError("positions that do not go one way")
            stated = {"views": str(document["views"]), "sha256": document["sha256"]}
            times = tuple((ticks * (TICK_US / 1000)).tolist())
            return self.back(path, counts * (360 / per_turn), stated, columns={"exposure_ms": times})


def seq_table(counts: list[int], ticks: list[int]) -> dict[str, list[Any]]:
    """Return the columns of the table.

    Args:
        counts: Encoder count of each view, one way.
        ticks: Exposure time of each view in units of `TICK_US`.
    """
    n, off = len(counts), [False] * len(counts)
    return {
        "repeats": [1] * n,
        "trigger": [DOWN if n > 1 and counts[1] < counts[0] else UP] * n,
        "position": counts,
        "time1": ticks,
        "outa1": [True] * n,
        **{f"out{letter}1": off for letter in "bcdef"},
        "time2": [1] * n,
        **{f"out{letter}2": off for letter in "abcdef"},
    }
