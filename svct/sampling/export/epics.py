"""Schedules as lists for EPICS: the array file of APS tomoscan, and writes to waveform process variables."""

import io
import re
from pathlib import Path

import numpy as np

from svct.errors import InputError
from svct.sampling.export.base import ReadBack
from svct.sampling.export.header import commented, expecting, header, read_lines, read_text
from svct.sampling.export.stage import StageExporter
from svct.sampling.schedule import Schedule


class TomoScanStepExporter(StageExporter):
    """The file that the PV ``InterlacedFileName`` of APS TomoScanSTEP names: positions in degrees, one dimension.

    The array holds nothing else: give the same device again when it is read.
    """

    name = "tomoscan-step"
    suffix = ".npy"
    lost = ("hash and axis", "loads and exposure times", "time and mode", "geometry", "provenance", "gain")
    hashed = False

    def text(self, schedule: Schedule) -> bytes:
        """Return the file's content.

        Raises:
            InputError: The number of projections is odd.
        """
        positions = self.positions(schedule)
        if len(positions) % 2:
            raise InputError(
                f"tomoscan-step: expected an even number of views, got {len(positions)}; TomoScanSTEP pairs them and "
                "ends the scan otherwise: add or leave out one"
            )
        out = io.BytesIO()
        np.save(out, positions, allow_pickle=False)
        return out.getvalue()

    def read(self, path: Path) -> ReadBack:
        """Read an array of positions.

        Raises:
            DataFileError: The file is missing, truncated or of another format.
        """
        with expecting(self, path):
            stream = io.BytesIO(path.read_bytes())
            positions = np.load(stream, allow_pickle=False)
            if not isinstance(positions, np.ndarray) or positions.dtype.kind != "f" or stream.read(1):
                raise ValueError("no single array of floating-point numbers")
            return self.back(path, positions, {})


class WaveformExporter(StageExporter):
    """A shell script that puts positions and exposure times into waveform PVs and compares what they then hold.

    The PVs are ``$PREFIX:Angles`` in degrees and ``$PREFIX:Exposures`` in seconds. A server may refuse a put and still
    answer well, so the script reads the values back.
    """

    name = "epics-waveform"
    suffix = ".sh"
    lost = ("loads, currents and voltages", "time and mode", "geometry", "provenance", "gain")

    def text(self, schedule: Schedule) -> str:
        """Return the file's content."""
        times = self.exposure_s(schedule)
        lines = ["#!/bin/sh\n", commented(header(self, schedule, meaning="Angles in deg, Exposures in s"), "# "), _PUT]
        lines.append(_call("Angles", self.positions(schedule).tolist()))
        if times is not None:
            lines.append(_call("Exposures", times.tolist()))
        return "".join(lines) + "echo done\n"

    def read(self, path: Path) -> ReadBack:
        """Read a file that svct wrote.

        Raises:
            DataFileError: The file is missing, truncated or of another format.
        """
        stated, _ = read_lines(self, path, "# ")
        with expecting(self, path):
            text = read_text(self, path)
            if (
                _PUT not in text
                or not text.endswith("\necho done\n")
                or stated["values"] != "Angles in deg, Exposures in s"
            ):
                raise ValueError("a line is missing, or the units are others")
            calls = re.findall(r"^put (\w+) (\d+) ([^\n]+)$", text, re.MULTILINE)
            values = {name: tuple(float(part) for part in parts.split()) for name, _, parts in calls}
            if len(values) != len(calls) or any(len(values[name]) != int(count) for name, count, _ in calls):
                raise ValueError("a list of another length than it states, or one put twice")
            times = tuple(1000 * time for time in values.get("Exposures", ()))
            return self.back(path, values["Angles"], stated, columns={"exposure_ms": times} if times else {})


def _call(name: str, values: list[float]) -> str:
    return f"put {name} {len(values)} {' '.join(repr(value) for value in values)}\n"


_PUT = """set -eu
PREFIX="${1:?expected the prefix of the process variables}"
put() {
  name="$PREFIX:$1"; count="$2"; shift 2
  caput -a "$name" "$count" "$@" > /dev/null
  got=$(caget -t -g 17 -# "$count" "$name")
  echo "$count $* = $got" | awk '{ n = $1; if (NF != 2 * n + 3 || $(n + 3) != n) exit 1
    for (i = 1; i <= n; i++) { d = $(i + 1) - $(n + 3 + i); if (d > 1e-9 || d < -1e-9) exit 1 } }' || {
    echo "$name: expected what was put, got $got; the server refused it" >&2; exit 1; }
}
"""
