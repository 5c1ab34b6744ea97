"""Take a volume out of a Debian package, without root and without installing it."""

import lzma
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from svct.data.invesalius import convert_project, holds_matrix
from svct.data.source import Source, run_tool
from svct.errors import DataFileError

_MAGIC = b"!<arch>\n"
_HEADER_BYTES = 60


@dataclass(frozen=True)
class DebianProject(Source):
    """A Debian package with an InVesalius project; see `Source`. The project is kept as NIfTI.

    Args:
        matrix_sha256: Hash of the voxels, by which the converted file is known.
    """

    matrix_sha256: str

    @property
    def label(self) -> str:
        """Which package it is, in words."""
        return f"Debian package {self.package} ({self.version})"

    def download(self, folder: Path) -> Path:
        """See `Source.download`; apt needs no root to download.

        Any version will do whose member has the hash.
        """
        name = Path(self.member).name
        by_hand = f"get that package, or {name} out of it, on another machine and name the file with --from"
        if shutil.which("apt-get") is None:
            raise DataFileError(
                f"{self.package}: expected apt-get to download this Debian package, got a machine without it; {by_hand}"
            )
        code, said = run_tool(["apt-get", "download", "--quiet", self.package], folder=folder)
        packages = sorted(folder.glob("*.deb"))
        if code == 0 and packages:
            return packages[0]
        lines = [line for line in said.splitlines() if line.startswith("E:")] or said.splitlines()
        cause = lines[-1].removeprefix("E: ") if lines else f"exit code {code}"
        raise DataFileError(
            f"{self.package}: expected apt-get to download this Debian package, got: {cause}; "
            f"run 'apt-get update' as root where its lists are old or missing, or {by_hand}"
        )

    def unpack(self, archive: Path, target: Path) -> None:
        """See `Source.unpack`; the volume is converted to NIfTI."""
        with TemporaryDirectory(prefix="svct-") as folder:
            project = Path(folder) / "project.inv3"
            try:
                if tarfile.is_tarfile(archive):
                    shutil.copyfile(archive, project)
                else:
                    _take_member(archive, self.member, project)
            except (OSError, KeyError, ValueError, EOFError, tarfile.TarError, lzma.LZMAError, zlib.error) as error:
                raise self.damaged(archive, error) from error
            self.check(project)
            convert_project(project, target)

    def is_intact(self, path: Path) -> bool:
        """See `Source.is_intact`."""
        return holds_matrix(path, self.matrix_sha256)


def _take_member(package: Path, member: str, target: Path) -> None:
    """Copy one file out of a ``.deb``: an ``ar`` archive whose ``data.tar`` holds the files, deb(5)."""
    with package.open("rb") as file:
        for name in _seek_members(file):
            if name.startswith("data.tar"):
                with tarfile.open(fileobj=file, mode="r|*") as data:
                    for entry in data:
                        content = data.extractfile(entry) if entry.name.lstrip("./") == member.lstrip("/") else None
                        if content is not None:
                            with content, target.open("xb") as out:
                                shutil.copyfileobj(content, out, 1 << 20)
                            return
                raise KeyError(member)
    raise ValueError("no data.tar in it")


def _seek_members(file: BinaryIO) -> Iterator[str]:
    """Yield the name of each member of an ``ar`` archive, with the file at its first byte."""
    if file.read(len(_MAGIC)) != _MAGIC:
        raise ValueError("not a Debian package")
    while len(header := file.read(_HEADER_BYTES)) == _HEADER_BYTES:
        start, size = file.tell(), int(header[48:58])
        yield header[:16].decode("ascii").strip().rstrip("/")
        file.seek(start + size + size % 2)
