"""Finished slabs of a reconstruction that is under way, kept beside the result until that is whole."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from svct.errors import DataFileError, OutputExistsError
from svct.files import atomic_path, system_reason

_KEY = "settings.json"


class PartialResult:
    """A folder of finished slabs, which an interrupt or a crash leaves as they are.

    Args:
        folder: Where they lie.
        count: How many there will be.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        self.count = count

    def __contains__(self, index: int) -> bool:
        return self._path(index).is_file()

    def save(self, index: int, slab: NDArray[np.float32]) -> None:
        """Keep a slab, whole or not at all.

        Raises:
            DataFileError: It cannot be written.
        """
        with atomic_path(self._path(index), overwrite=True) as partial:
            np.save(partial, slab)

    def slabs(self) -> Iterator[NDArray[np.float32]]:
        """Yield the slabs in their order, each read when it is asked for.

        Raises:
            DataFileError: One is missing or damaged.
        """
        for index in range(self.count):
            path = self._path(index)
            try:
                yield np.load(path, allow_pickle=False)
            except (OSError, ValueError, EOFError) as error:
                raise DataFileError(
                    f"{path}: expected a finished slab, got a damaged file ({error}); remove it and run the same "
                    "command again"
                ) from error

    def remove(self) -> None:
        """Remove the folder with what was kept in it, once the result is whole."""
        _clear(self.folder)
        self.folder.rmdir()

    def _path(self, index: int) -> Path:
        return self.folder / f"slab-{index:06d}.npy"


def open_partial(
    target: Path,
    key: Mapping[str, object],
    *,
    count: int,
    restart: bool = False,
    say: Callable[[str], object] = lambda line: None,
) -> PartialResult:
    """Open the folder of finished slabs of a result, or make it.

    Args:
        target: Where the result belongs; the folder is ``target`` with ``.partial`` appended.
        key: All that the slabs depend on, as plain JSON: slabs of another key are never used.
        count: How many slabs there will be.
        restart: Remove slabs of another key.
        say: Takes a line on what was found.

    Raises:
        OutputExistsError: There are slabs of another key and `restart` is false, where the message names what differs;
            or other files.
        DataFileError: The folder cannot be read or made.
    """
    folder = target.with_name(f"{target.name}.partial")
    wanted = json.loads(json.dumps(dict(key)))
    try:
        found = json.loads((folder / _KEY).read_text(encoding="utf-8")) if (folder / _KEY).is_file() else None
        if found is not None and found != wanted:
            differing = ", ".join(n for n in sorted({*found, *wanted}) if found.get(n) != wanted.get(n))
            if not restart:
                raise OutputExistsError(
                    f"{folder}: expected the finished slabs of this command, got those of another one that was "
                    f"interrupted (other {differing}); repeat that command to finish it, or remove the folder or ask "
                    "to overwrite it to start anew"
                )
            say(f"{folder} holds slabs of another command (other {differing}): started anew")
            _clear(folder)
        folder.mkdir(exist_ok=True)
        if found is None and any(folder.iterdir()):
            raise OutputExistsError(f"{folder}: expected a free name for finished slabs, got a folder with other files")
        if found != wanted:
            with atomic_path(folder / _KEY, overwrite=True) as partial:
                partial.write_text(json.dumps(wanted, indent=2), encoding="utf-8")
    except (OutputExistsError, DataFileError):
        raise
    except (OSError, ValueError) as error:
        reason = system_reason(error) if isinstance(error, OSError) else "damaged settings.json"
        raise DataFileError(
            f"{folder}: expected a folder for finished slabs, could not be used ({reason}); check permissions, or "
            "remove it"
        ) from error
    result = PartialResult(folder, count)
    done = sum(i in result for i in range(count))
    if done:
        say(f"going on from {folder}: {done} of {count} slabs are finished")
    return result


def _clear(folder: Path) -> None:
    for path in (*folder.glob("slab-*.npy"), folder / _KEY):
        path.unlink()
