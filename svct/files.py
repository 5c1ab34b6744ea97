"""Files that appear complete or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from svct.errors import DataFileError, OutputExistsError, SvctError


@contextmanager
def atomic_path(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to; it becomes `path` when the block ends well.

    Args:
        path: Where the finished file belongs. Its folder must exist.
        overwrite: Replace a file that is already there.

    Yields:
        A path in the same folder with the same suffix. The block must create this file.

    Raises:
        OutputExistsError: `path` exists and `overwrite` is false.
        DataFileError: The folder is missing or the file cannot be written.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with atomic_path(folder / "a.txt") as partial:
        ...     _ = partial.write_text("whole")
        >>> [p.name for p in folder.iterdir()]
        ['a.txt']
    """
    target = Path(path)
    require_writable(target, overwrite=overwrite)
    partial = target.with_name(f".{target.stem}.{secrets.token_hex(4)}{target.suffix}")
    try:
        yield partial
        with partial.open("rb") as stream:
            os.fsync(stream.fileno())
        partial.replace(target)
    except SvctError:
        raise
    except OSError as error:
        raise DataFileError(
            f"{target}: could not be written ({system_reason(error)}); check permissions and free space"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def require_writable(path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Check that a file can be made, before the work that it is meant to hold.

    Args:
        path: Where the finished file belongs. Its folder must exist.
        overwrite: Whether a file that is already there may be replaced.

    Raises:
        OutputExistsError: `path` exists and `overwrite` is false.
        DataFileError: `path` is a folder, or its own folder is missing or closed to writing.

    Example:
        >>> require_writable("no/such/folder/a.txt")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        svct.errors.DataFileError: no/such/folder/a.txt: expected to write into an existing folder, ...
    """
    target = Path(path)
    if target.is_dir():
        raise DataFileError(f"{target}: expected a file name to write to, got a folder; add a file name")
    if target.exists() and not overwrite:
        raise OutputExistsError(
            f"{target}: expected a free name, got an existing file; remove it or ask to overwrite it"
        )
    if not target.parent.is_dir():
        raise DataFileError(
            f"{target}: expected to write into an existing folder, got none at {target.parent}; create it"
        )
    if not os.access(target.parent, os.W_OK):
        raise DataFileError(
            f"{target}: could not be written (no permission in {target.parent}); name another file or mend permissions"
        )


def system_reason(error: OSError) -> str:
    """Return what the system says of a failed read or write, in its few words.

    Example:
        >>> system_reason(OSError(28, "a long text of a library"))
        'No space left on device'
    """
    return os.strerror(error.errno) if error.errno else str(error)
