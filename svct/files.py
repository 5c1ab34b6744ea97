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
            f"{target}: could not be written ({error.strerror or error}); check permissions and free space"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
