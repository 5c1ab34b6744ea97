"""The lines of comment that tell what a text file was made from, and the reading of such files."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svct.errors import DataFileError
from svct.files import system_reason
from svct.sampling.export.base import Exporter
from svct.sampling.schedule import INTENT, Schedule

WARNING = "SIMULATION ONLY, not for clinical use"


def header(exporter: Exporter, schedule: Schedule, *, meaning: str) -> list[str]:
    """Return lines of text, each below 80 characters, that name the schedule, its hash and what the file leaves out.

    Args:
        exporter: The format.
        schedule: The schedule.
        meaning: What the numbers are, with their unit.
    """
    return [
        f"svct {exporter.name}",
        f"intent: {INTENT}",
        f"sha256: {schedule.sha256}",
        f"views: {len(exporter.carried(schedule))}",
        f"values: {meaning}",
        *(f"lost: {what}" for what in exporter.lost_of(schedule)),
    ]


def read_lines(exporter: Exporter, path: Path, mark: str) -> tuple[dict[str, str], list[str]]:
    """Read a text file.

    Args:
        exporter: The format.
        path: The file.
        mark: How a line of comment starts.

    Returns:
        What the comments state, ``key: value``, and all other lines that are not empty.

    Raises:
        DataFileError: The file cannot be read as text.
    """
    stated, rest = {}, []
    for line in read_text(exporter, path).splitlines():
        if line.startswith(mark):
            key, colon, value = line.removeprefix(mark).strip(" ()").partition(": ")
            if colon:
                stated[key] = value
        elif line.strip():
            rest.append(line)
    return stated, rest


def read_text(exporter: Exporter, path: Path) -> str:
    """Read a file as text.

    Raises:
        DataFileError: It cannot be read, or is none.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise refused(exporter, path, "got bytes that are not text") from error
    except OSError as error:
        raise refused(exporter, path, f"could not be read ({system_reason(error)})") from error


def refused(exporter: Exporter, path: Path, why: str) -> DataFileError:
    """Return the error for a file that is not one of a format."""
    return DataFileError(f"{path}: expected a schedule as {exporter.name}, {why}; export it again")


def checked_angles(
    exporter: Exporter, path: Path, angles_deg: Sequence[float] | NDArray[Any], stated_views: str | int | None = None
) -> tuple[float, ...]:
    """Return angles as a file has them, checked.

    Args:
        exporter: The format.
        path: The file.
        angles_deg: Its angles, degrees, ``(view,)``.
        stated_views: How many views the file says it has, where it says so.

    Raises:
        DataFileError: There are none, another number than stated, or some are not finite.
    """
    values = np.asarray(angles_deg, dtype=np.float64)
    if values.ndim != 1 or values.size == 0:
        raise refused(exporter, path, f"got no list of angles but an array of shape {values.shape}")
    if stated_views is not None and str(stated_views) != str(values.size):
        raise refused(exporter, path, f"got {values.size} views where the file states {stated_views}")
    if not np.isfinite(values).all():
        raise refused(exporter, path, f"got NaN or infinity at view {int(np.argmin(np.isfinite(values)))}")
    return tuple(values.tolist())


def commented(lines: Sequence[str], mark: str, end: str = "") -> str:
    """Return lines of comment as one text.

    Example:
        >>> print(commented(["views: 2"], "(", ")"), end="")
        (views: 2)
    """
    return "".join(f"{mark}{line}{end}\n" for line in lines)


def decimal(value: float, digits: int = 9) -> str:
    """Return a number without exponent and without needless zeros.

    Example:
        >>> decimal(-12.5), decimal(-1e-12)
        ('-12.5', '0')
    """
    text = f"{round(value, digits) + 0.0:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


@contextmanager
def expecting(exporter: Exporter, path: Path) -> Iterator[None]:
    """Turn what goes wrong in reading a file into the error for a file that is not one of a format.

    Raises:
        DataFileError: The block found something missing, of the wrong kind or out of range.
    """
    try:
        yield
    except DataFileError:
        raise
    except OSError as error:
        raise refused(exporter, path, f"could not be read ({system_reason(error)})") from error
    except KeyError as error:
        raise refused(exporter, path, f"got none of {error}") from error
    except (ValueError, TypeError, IndexError, AttributeError, SyntaxError) as error:
        raise refused(exporter, path, f"got another content ({error})") from error
