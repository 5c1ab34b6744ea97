"""Put a finished file in place, or nothing at all."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from svct.errors import DataFileError, OutputExistsError


@contextmanager
def written_whole(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Offer a temporary path next to `path` that takes its place when the block ends without an error.

    After an error or an interrupt nothing new is left and an older file is as it was.

    Args:
        path: Where the finished file belongs; its folder must exist.
        overwrite: Replace a file that is already there.

    Yields:
        The path to write to.

    Raises:
        OutputExistsError: Something is there and `overwrite` is false.
        DataFileError: The folder is missing, or writing failed.
    """
    if path.is_dir():
        raise DataFileError(f"{path}: expected a file name to write to, got a folder; add a file name")
    if path.exists() and not overwrite:
        raise OutputExistsError(
            f"{path}: expected a free name, got an existing file; remove it or ask to overwrite it"
        )
    if not path.parent.is_dir():
        raise DataFileError(
            f"{path}: expected to write into an existing folder, got none at {path.parent}; create it"
        )
    partial = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        yield partial
        partial.replace(path)
    except (DataFileError, OutputExistsError):
        raise
    except OSError as error:
        raise DataFileError(
            f"{path}: could not be written ({error.strerror or error}); check the folder's permissions and "
            "free space"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
