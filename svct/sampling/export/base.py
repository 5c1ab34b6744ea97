"""What an export format does."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from svct.sampling.schedule import Schedule


@dataclass(frozen=True)
class ReadBack:
    """What an exported file says, read from the file itself.

    Args:
        angles_deg: Angles in acquisition order, degrees.
        sha256: Content hash of the schedule that the file was made from, where the format carries it.
    """

    angles_deg: tuple[float, ...]
    sha256: str | None


class Exporter(ABC):
    """A format that schedules are written in; registered in the entry-point group ``svct.exporters``."""

    name: ClassVar[str]
    suffix: ClassVar[str]
    lost: ClassVar[tuple[str, ...]] = ()
    """What of a schedule the format does not carry."""

    @abstractmethod
    def text(self, schedule: Schedule) -> str:
        """Return the file's content."""

    @abstractmethod
    def read(self, path: Path) -> ReadBack:
        """Read an exported file.

        Raises:
            DataFileError: The file is missing, truncated or of another format.
        """
