"""The folder of a run: what is finished is on disk, and an interrupted run goes on from there."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from svct.errors import DataFileError, InputError, OutputExistsError
from svct.files import atomic_path
from svct.sampling.fixed import ViewSet

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from svct.tasks.task import Task


class RunFolder:
    """The configuration and the finished stages of a run.

    Args:
        path: The folder; made with its parents.
        config: The resolved configuration, plain JSON.
        resume: Go on with a folder that holds an unfinished run of the same configuration.

    Raises:
        OutputExistsError: The folder is there and `resume` is false, or it holds a finished run.
        InputError: The folder's configuration is another one.
        DataFileError: The folder cannot be made, or cannot be resumed from.
    """

    def __init__(self, path: Path, config: dict[str, Any], *, resume: bool) -> None:
        self.path = path
        self.stages: dict[str, list[int]] = {}
        if resume and (path / "config.json").is_file():
            self._read(config)
            return
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise OutputExistsError(
                f"{path}: expected a new run folder, got one that is there already; choose another --out, remove it, "
                "or "
                "continue an unfinished run with --resume"
            )
        try:
            path.mkdir(parents=True, exist_ok=True)
            probe = path / "config.json"
            probe.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise DataFileError(
                f"{path}: could not be made ({os.strerror(error.errno or 0)}); choose another --out or mend its "
                "permissions"
            ) from error

    def _read(self, config: dict[str, Any]) -> None:
        if any((self.path / name).exists() for name in ("schedule.json", "universal.json")):
            raise OutputExistsError(
                f"{self.path}: the run is finished, there is nothing to resume; choose another --out"
            )
        try:
            known = json.loads((self.path / "config.json").read_text(encoding="utf-8"))
            stages = self.path / "stages.json"
            if stages.is_file():
                self.stages = json.loads(stages.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataFileError(f"{self.path}: cannot be resumed, its files are unreadable ({error})") from error
        differing = sorted(k for k in {*known, *config} if known.get(k) != config.get(k))
        if differing:
            raise InputError(
                f"{self.path}: expected the options of the run that is resumed, got another {', '.join(differing)}; "
                "repeat "
                "its command with --resume"
            )

    def stage(self, name: str, find: Callable[[], ViewSet]) -> ViewSet:
        """Return what a stage found, now or before the run was interrupted.

        Args:
            name: Its name.
            find: Does the work.
        """
        if name not in self.stages:
            self.keep(name, find())
        return tuple(self.stages[name])

    def keep(self, name: str, views: ViewSet) -> None:
        """Write down what a stage found."""
        self.stages[name] = list(views)
        self.write_json("stages.json", self.stages)

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Tell whoever stops the work within what is kept; a folder in which no stage has ended is removed.

        The mended command then finds its place free.
        """
        try:
            yield
        except BaseException as stop:
            if self.stages:
                stop.add_note(f"what was finished is in {self.path}; the same command with --resume goes on from there")
            else:
                (self.path / "config.json").unlink(missing_ok=True)
                with suppress(OSError):  # someone else's files are in it
                    self.path.rmdir()
                stop.add_note("nothing was finished yet")
            raise

    def write_json(self, name: str, value: object) -> None:
        """Write a JSON file, whole or not at all."""
        with atomic_path(self.path / name, overwrite=True) as partial:
            partial.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def cell_folder(path: Path, task: "Task", effort: "DataclassInstance") -> RunFolder:
    """Open the folder of a cell of a table, new or not.

    Args:
        path: The folder.
        task: At its flux.
        effort: How much work is done for the cell.

    Raises:
        InputError: The folder holds a cell measured under other conditions.
        DataFileError: It cannot be made or read.
    """
    from svct.recon.networks import backbone_path, file_sha256

    config = {
        "effort": asdict(effort),
        "scan": task.scan.to_dict(),
        "cohort": task.cohort.sha256(),
        "acquisition": asdict(task.acquisition),
        "backbone_sha256": file_sha256(backbone_path()),
    }
    return RunFolder(path, json.loads(json.dumps(config)), resume=(path / "config.json").exists())
