"""Schedules as CTSimU scenarios."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from svct.errors import InputError
from svct.sampling.export.base import Exporter, ReadBack
from svct.sampling.export.header import WARNING, checked_angles, expecting, read_text, refused
from svct.sampling.export.scan import plain_circle, scan_of, with_rows
from svct.sampling.schedule import Schedule

VERSION = {"major": 1, "minor": 2}


class CtsimuExporter(Exporter):
    """A CTSimU scenario 1.2 of BAM without samples, whose stage turns by a drift with one value per view.

    The stage turns the other way than the source, so its rotation is minus the source's angle; tube currents are a
    drift of the source. Spectrum, materials and samples are left to the user. A 2D scan becomes one detector row.
    """

    name = "ctsimu"
    suffix = ".json"
    lost = ("exposure time and voltage per view", "time and mode", "provenance", "gain")
    hashed = True
    endless = False

    def text(self, schedule: Schedule) -> str:
        """Return the file's content.

        Raises:
            InputError: The scan is none of a flat, centred cone or parallel beam.
        """
        from svct.geometry import ConeBeam, ParallelBeam

        scan = plain_circle(self, with_rows(scan_of(self, schedule)))
        rows, bins = scan.detector_shape
        match scan:
            case ConeBeam():
                kind, source, detector = "cone", scan.source_mm, scan.detector_mm
                pitch = (scan.bin_mm, scan.row_mm)
            case ParallelBeam():
                kind, source, detector = "parallel", bins * scan.bin_mm, bins * scan.bin_mm
                pitch = (scan.bin_mm, scan.row_mm or scan.bin_mm)
            case _:
                raise InputError(f"ctsimu: expected a parallel or cone beam, got {scan.kind}")
        chosen = list(self.carried(schedule))
        lost = "; ".join(self.lost_of(schedule))
        scenario = {
            "file": {
                "file_type": "CTSimU Scenario",
                "name": f"svct {schedule.task}",
                "description": f"{WARNING}. svct schedule sha256 {schedule.sha256}. Not carried: {lost}.",
                "version": {"major": 1, "minor": 0},
                "file_format_version": VERSION,
            },
            "environment": {"material_id": None, "temperature": _amount(20.0, "C")},
            "geometry": {
                "detector": _frame(source + detector, (0, -1, 0), (1, 0, 0)),
                "source": {"type": kind, **_frame(0.0, (0, -1, 0), (1, 0, 0))},
                "stage": {**_frame(source, (1, 0, 0), (0, 0, 1)), "deviations": [_turn(-self.angles(schedule))]},
            },
            "detector": {
                "type": "ideal",
                "columns": _amount(bins, "px"),
                "rows": _amount(rows, "px"),
                "pixel_pitch": {"u": _amount(pitch[0], "mm"), "v": _amount(pitch[1], "mm")},
            },
            "source": {"current": _current([schedule.tube_current_mA[i] for i in chosen])}
            if schedule.tube_current_mA
            else {},
            "samples": [],
            "acquisition": {
                "start_angle": _amount(0.0, "deg"),
                "stop_angle": _amount(0.0, "deg"),
                "direction": "CCW",
                "scan_mode": "stop+go",
                "number_of_projections": len(chosen),
                "include_final_angle": False,
                "frame_average": 1,
                "dark_field": {"number": 0, "frame_average": 1, "ideal": True, "correction": False},
                "flat_field": {"number": 0, "frame_average": 1, "ideal": True, "correction": False},
            },
            "materials": [],
        }
        return json.dumps(scenario, indent=1, allow_nan=False) + "\n"

    def read(self, path: Path) -> ReadBack:
        """Read a scenario: angles of the acquisition and of a rotation of the stage about w with one value per view.

        Raises:
            DataFileError: The file is missing, truncated or of another format, or a drift has not one value per view,
                which CTSimU would fill by interpolation.
        """
        with expecting(self, path):
            scenario = json.loads(read_text(self, path))
            if scenario["file"]["file_type"] != "CTSimU Scenario":
                raise ValueError(f"file type {scenario['file']['file_type']}")
            count = scenario["acquisition"]["number_of_projections"]
            stage = _regular_angles(scenario["acquisition"], count)
            for deviation in scenario["geometry"]["stage"].get("deviations") or []:
                stage = stage + self._rotation(path, deviation, count)
            drifts = (scenario.get("source") or {}).get("current", {}).get("drifts") or []
            columns = {"tube_current_mA": tuple(self._drift(path, drifts[0], "mA", count).tolist())} if drifts else {}
            found = re.search(r"svct schedule sha256 ([0-9a-f]{64})", scenario["file"].get("description") or "")
        angles = checked_angles(self, path, -stage + 0.0, count)
        return ReadBack(angles, found[1] if found else None, columns)

    def _rotation(self, path: Path, deviation: dict[str, Any], count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        if deviation["type"] != "rotation" or deviation["axis"] not in ("w", "z"):
            raise refused(self, path, f"got a {deviation['type']} of the stage about {deviation['axis']}, not about w")
        amount = deviation["amount"]
        if amount["unit"] not in ("deg", "rad"):
            raise refused(self, path, f"got a rotation in {amount['unit']}")
        factor = 180 / np.pi if amount["unit"] == "rad" else 1.0
        drifts = [self._drift(path, drift, "deg", count) for drift in amount.get("drifts") or []]
        return np.asarray(np.full(count, amount["value"] * factor) + sum(drifts))

    def _drift(self, path: Path, drift: dict[str, Any], unit: str, count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        if drift["unit"] != unit:
            raise refused(self, path, f"got a drift in {drift['unit']}, not in {unit}")
        if len(drift["value"]) != count:
            raise refused(self, path, f"got a drift of {len(drift['value'])} values for {count} views")
        values = np.array(drift["value"], dtype=np.float64)
        if not np.isfinite(values).all():
            raise refused(self, path, "got NaN or infinity in a drift")
        return values


def _regular_angles(acquisition: dict[str, Any], count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    start, stop = (float(acquisition[name]["value"]) for name in ("start_angle", "stop_angle"))
    if {acquisition[name]["unit"] for name in ("start_angle", "stop_angle")} != {"deg"}:
        raise ValueError("start or stop angle not in deg")
    angles = np.linspace(start, stop, count, endpoint=bool(acquisition["include_final_angle"]))
    return -angles if acquisition["direction"] == "CW" else angles


def _amount(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit}


def _frame(x_mm: float, u: tuple[int, int, int], w: tuple[int, int, int]) -> dict[str, Any]:
    return {
        "center": {axis: _amount(value, "mm") for axis, value in zip("xyz", (x_mm, 0.0, 0.0), strict=True)},
        "vector_u": {axis: {"value": value} for axis, value in zip("xyz", u, strict=True)},
        "vector_w": {axis: {"value": value} for axis, value in zip("xyz", w, strict=True)},
    }


def _turn(angles: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, Any]:
    drift = {"value": (angles + 0.0).tolist(), "unit": "deg", "known_to_reconstruction": True}
    return {
        "type": "rotation",
        "axis": "w",
        "amount": {**_amount(0.0, "deg"), "drifts": [drift]},
        "known_to_reconstruction": True,
    }


def _current(values: list[float]) -> dict[str, Any]:
    return {**_amount(0.0, "mA"), "drifts": [{"value": values, "unit": "mA", "known_to_reconstruction": False}]}
