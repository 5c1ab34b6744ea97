"""What an export format does."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from svct.sampling.device import Device
from svct.sampling.schedule import Schedule

FURTHER = {
    "secondary_deg": "second angle",
    "z_mm": "table position",
    "dose": "dose",
    "device_profile": "device profile",
    "reviewed_by": "release",
    "checks": "results of checks",
    "signature": "signature",
}
"""What a schedule may state in addition; a format that loses something names it where the schedule states it."""


@dataclass(frozen=True)
class ReadBack:
    """What an exported file says, read from the file itself.

    Args:
        angles_deg: Angles in acquisition order, degrees, or None where the format carries none.
        sha256: Content hash of the schedule that the file was made from, where the format carries it.
        columns: Further values per frame that the file states, named as in `Schedule`.
        totals: Values of the whole scan: ``total_mAs``, ``views``.
        geometry: The scan without its angles, where the file tells it.
        whole: The whole schedule, where the file keeps it.
    """

    angles_deg: tuple[float, ...] | None
    sha256: str | None
    columns: Mapping[str, tuple[Any, ...]] = field(default_factory=lambda: MappingProxyType({}))
    totals: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    geometry: Mapping[str, Any] | None = None
    whole: Schedule | None = None


class Exporter(ABC):
    """A format that schedules are written in; registered in the entry-point group ``svct.exporters``.

    Args:
        device: The device that the file is for, or None where there is none in particular.
    """

    name: ClassVar[str]
    suffix: ClassVar[str]
    lost: ClassVar[tuple[str, ...]] = ()
    """What of a schedule the format does not carry."""
    hashed: ClassVar[bool] = False
    """Whether a file of this format must name the hash of its schedule."""
    endless: ClassVar[bool] = True
    """Whether angles are meant modulo 360 degrees."""
    all_frames: ClassVar[bool] = False
    """Whether darks and flats are carried, in their place in the order."""

    carries: ClassVar[tuple[str, ...]] = ()
    """What of `FURTHER` the format carries; one that loses nothing need not name it."""

    def __init__(self, device: Device | None = None) -> None:
        self.device = device

    @abstractmethod
    def text(self, schedule: Schedule) -> str | bytes:
        """Return the file's content, text or bytes.

        Raises:
            InputError: The format cannot hold this schedule.
        """

    @abstractmethod
    def read(self, path: Path) -> ReadBack:
        """Read an exported file.

        Raises:
            DataFileError: The file is missing, truncated or of another format.
        """

    @property
    def precision_deg(self) -> float:
        """Largest error of an angle in the file, degrees."""
        return 1e-9

    def carried(self, schedule: Schedule) -> tuple[int, ...]:
        """Return the places of the frames that the file holds."""
        return tuple(range(len(schedule.angles_deg))) if self.all_frames else schedule.projections

    def angles(self, schedule: Schedule) -> Float[np.ndarray, " frame"]:
        """Return the source angles that a file of the schedule must give back, degrees, ``(frame,)``."""
        return np.array(schedule.angles_deg)[list(self.carried(schedule))]

    def lost_of(self, schedule: Schedule) -> tuple[str, ...]:
        """Return what of this schedule the file does not carry."""
        if not self.lost:
            return ()
        kinds = () if self.all_frames else sorted(set(schedule.frame) - {"projection"})
        further = [what for name, what in FURTHER.items() if getattr(schedule, name) and name not in self.carries]
        return (*self.lost, *(f"{kind} frames" for kind in kinds), *further)
