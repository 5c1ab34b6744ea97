"""Export, and prove by reading back that the file says what the schedule says."""

import os
from pathlib import Path

from svct.files import atomic_path
from svct.registry import entry_points_of, load
from svct.sampling.device import Device
from svct.sampling.export.base import Exporter
from svct.sampling.export.compare import compare
from svct.sampling.schedule import Schedule

GROUP = "svct.exporters"
"""Entry-point group: each entry is an `Exporter` class."""


def format_names() -> list[str]:
    """Return the names of all registered formats."""
    return sorted(entry_points_of(GROUP))


def exporter(name: str, device: Device | None = None) -> Exporter:
    """Return the exporter of a format.

    Args:
        name: The format.
        device: The device that files are for, or None.

    Raises:
        UnknownNameError: No such format; the message lists those that exist.
    """
    found: Exporter = load(GROUP, "format", name)(device)
    return found


def export(
    schedule: Schedule,
    path: str | os.PathLike[str],
    *,
    fmt: str,
    device: Device | None = None,
    overwrite: bool = False,
) -> tuple[Path, float]:
    """Write a schedule in a format and read it back.

    Args:
        schedule: The schedule.
        path: The file to write; it appears only if the read-back agrees.
        fmt: The format.
        device: The device that the file is for, or None.
        overwrite: Replace a file that is already there.

    Returns:
        The path, and the largest error of an angle in the file, degrees.

    Raises:
        UnknownNameError: No such format.
        OutputExistsError: The file exists and `overwrite` is false.
        InputError: The format cannot hold this schedule, or needs a device.
        DataFileError: The file cannot be written, or what was read back is not the schedule.
    """
    chosen = exporter(fmt, device)
    content = chosen.text(schedule)
    with atomic_path(path, overwrite=overwrite) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
        error = compare(chosen.read(partial), schedule, chosen, Path(path))
    return Path(path), error


def read_back(schedule: Schedule, path: str | os.PathLike[str], *, fmt: str, device: Device | None = None) -> float:
    """Compare a file that is there with the schedule.

    Args:
        schedule: The schedule.
        path: The file.
        fmt: Its format.
        device: The device that the file is for, or None.

    Returns:
        The largest error of an angle, degrees.

    Raises:
        DataFileError: The file is damaged, or does not say what the schedule says.
    """
    chosen = exporter(fmt, device)
    return compare(chosen.read(Path(path)), schedule, chosen, Path(path))
