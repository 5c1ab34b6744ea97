"""Export, and prove by reading back that the file says what the schedule says."""

import os
from pathlib import Path

import numpy as np

from svct.errors import SvctError
from svct.files import atomic_path
from svct.registry import entry_points_of, load
from svct.sampling.checks import angular_distance_deg
from svct.sampling.export.base import Exporter
from svct.sampling.schedule import Schedule

GROUP = "svct.exporters"
"""Entry-point group: each entry is an `Exporter` class."""

TOLERANCE_DEG = 1e-9
"""Largest angle error that a read-back may show."""


def format_names() -> list[str]:
    """Return the names of all registered formats."""
    return sorted(entry_points_of(GROUP))


def exporter(name: str) -> Exporter:
    """Return the exporter of a format.

    Args:
        name: The format.

    Raises:
        UnknownNameError: No such format; the message lists those that exist.
    """
    found: Exporter = load(GROUP, "format", name)()
    return found


def export(
    schedule: Schedule, path: str | os.PathLike[str], *, fmt: str, overwrite: bool = False
) -> tuple[Path, float]:
    """Write a schedule in a format and read it back.

    Args:
        schedule: The schedule.
        path: The file to write; it appears only if the read-back agrees.
        fmt: The format.
        overwrite: Replace a file that is already there.

    Returns:
        The path, and the largest error of an angle in the file, degrees.

    Raises:
        UnknownNameError: No such format.
        OutputExistsError: The file exists and `overwrite` is false.
        DataFileError: The file cannot be written.
        SvctError: What was read back is not the schedule.
    """
    chosen = exporter(fmt)
    with atomic_path(path, overwrite=overwrite) as partial:
        partial.write_text(chosen.text(schedule), encoding="utf-8")
        back = chosen.read(partial)
        if len(back.angles_deg) != len(schedule.angles_deg):
            raise SvctError(
                f"{path}: expected {len(schedule.angles_deg)} views in the exported file, read back "
                f"{len(back.angles_deg)}"
            )
        error = float(angular_distance_deg(np.array(back.angles_deg), np.array(schedule.angles_deg)).max())
        if error > TOLERANCE_DEG or back.sha256 not in (None, schedule.sha256):
            raise SvctError(
                f"{path}: the exported file does not say what the schedule says: largest angle error {error:.3g} deg, "
                f"hash {back.sha256}; nothing was written, please report it"
            )
    return Path(path), error
