"""Whether an exported file says what the schedule says."""

import math
from pathlib import Path

import numpy as np

from svct.errors import DataFileError
from svct.sampling.checks import angular_distance_deg
from svct.sampling.export.base import Exporter, ReadBack
from svct.sampling.schedule import Schedule

ROUNDING = 1e-6
"""How far, relative, loads and times in a file may lie from the schedule's; absolute below 1."""


def compare(back: ReadBack, schedule: Schedule, exporter: Exporter, path: Path) -> float:
    """Compare count, order, angles, hash and everything else that was read from a file with its schedule.

    Args:
        back: What the file says.
        schedule: What it must say.
        exporter: The format.
        path: The file, for the message.

    Returns:
        The largest error of an angle, degrees; 0 where the format has no angles.

    Raises:
        DataFileError: They differ.
    """
    chosen = exporter.carried(schedule)
    error = 0.0
    if back.angles_deg is not None:
        if len(back.angles_deg) != len(chosen):
            raise DataFileError(
                f"{path}: expected {len(chosen)} views in the exported file, read back {len(back.angles_deg)}"
            )
        angles, expected = np.array(back.angles_deg), exporter.angles(schedule)
        apart = angular_distance_deg(angles, expected) if exporter.endless else np.abs(angles - expected)
        error = float(apart.max())
        if not error <= exporter.precision_deg:
            raise _differs(path, f"largest angle error {error:.3g} deg, at view {chosen[int(apart.argmax())]}")
    if back.sha256 != schedule.sha256 and (back.sha256 is not None or exporter.hashed):
        raise _differs(path, f"hash {back.sha256}, not {schedule.sha256}")
    if back.whole is not None and back.whole != schedule:
        raise _differs(path, f"the schedule within has the hash {back.whole.sha256}, not {schedule.sha256}")
    for name, values in back.columns.items():
        stated = getattr(schedule, name)
        wanted = [stated[i] for i in chosen] if stated else list(values)
        wrong = [i for i, pair in enumerate(zip(values, wanted, strict=False)) if not _same(*pair)]
        if wrong or len(values) != len(wanted):
            place = f", at view {chosen[wrong[0]]}" if wrong else f": {len(values)} values"
            raise _differs(path, f"{name} is not the schedule's{place}")
    facts: dict[str, float | None] = {"total_mAs": schedule.total_mAs, "views": len(schedule.projections)}
    if schedule.dose is not None:
        facts |= {"ctdi_vol_mGy": schedule.dose.ctdi_vol_mGy, "dlp_mGycm": schedule.dose.dlp_mGycm}
    for name, value in back.totals.items():
        if not _same(value, facts.get(name)):
            raise _differs(path, f"{name} {value:g}, not {facts.get(name)}")
    return error


def _same(a: object, b: object) -> bool:
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return math.isclose(a, b, rel_tol=ROUNDING, abs_tol=ROUNDING)
    return a == b


def _differs(path: Path, how: str) -> DataFileError:
    return DataFileError(f"{path}: the exported file does not say what the schedule says: {how}; export it again")
