"""Scanning tasks: what is scanned, how, and with how many views."""

import math
import os
import tomllib
from dataclasses import dataclass, replace
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np

from svct.errors import DataFileError, InputError, SvctError
from svct.geometry.grid import Grid
from svct.geometry.scan import Scan, scan_from_dict
from svct.physics.acquisition import Acquisition
from svct.registry import entry_points_of, load
from svct.tasks.cohort import Cohort

GROUP = "svct.tasks"
"""Entry-point group: each entry is the path of a task's TOML file."""

_FIELDS = {
    "": {"name", "title", "budget", "cohort", "grid", "scan", "acquisition"},
    "cohort": {"anatomy", "seed", "size"},
    "grid": {"shape", "voxel_mm"},
    "acquisition": {"photons", "electronic_noise"},
}


@dataclass(frozen=True)
class Task:
    """A scanning task.

    Args:
        name: Its name.
        title: What is scanned, in a few words.
        cohort: The patients, on the image grid.
        scan: The scan with all candidate views.
        acquisition: Flux and noise.
        budget: How many of the candidates a schedule takes.

    Raises:
        InputError: The budget is less than 2 or more than the candidates.
    """

    name: str
    title: str
    cohort: Cohort
    scan: Scan
    acquisition: Acquisition
    budget: int

    def __post_init__(self) -> None:
        if isinstance(self.budget, bool) or not isinstance(self.budget, int) or not 2 <= self.budget <= len(self.scan):
            raise InputError(
                f"views: expected 2 to {len(self.scan)}, the number of candidate views of task {self.name!r}, "
                f"got {self.budget!r}"
            )

    @property
    def grid(self) -> Grid:
        """The image grid."""
        return self.cohort.grid

    def with_budget(self, views: int) -> "Task":
        """Return the task with another number of views."""
        return replace(self, budget=views)


def task_names() -> list[str]:
    """Return the names of all registered tasks."""
    return sorted(entry_points_of(GROUP))


def load_task(name: str | os.PathLike[str]) -> Task:
    """Load a task by its name, or from a TOML file.

    Args:
        name: A registered name, or the path of a file that ends in ``.toml``.

    Raises:
        UnknownNameError: No task of this name; the message lists those that exist.
        DataFileError: The file is missing or is not TOML.
        InputError: A field is missing, unknown or has an impossible value.

    Example:
        >>> load_task("chest").budget
        24
    """
    if os.fspath(name).endswith(".toml"):
        return read_task(Path(name))
    return read_task(load(GROUP, "task", os.fspath(name)))


def read_task(path: Path | Traversable) -> Task:
    """Read a task's TOML file.

    Args:
        path: The file.

    Raises:
        DataFileError: The file is missing or is not TOML.
        InputError: A field is missing, unknown or has an impossible value.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataFileError(f"{path}: expected a task in TOML, found no file") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataFileError(f"{path}: expected a task in TOML, cannot be read ({error})") from error
    try:
        return _build(values)
    except SvctError as error:
        raise type(error)(f"{path}: {error}") from error
    except TypeError as error:
        raise InputError(f"{path}: a value is of the wrong type ({error})") from error


def _build(values: dict[str, Any]) -> Task:
    for section, fields in _FIELDS.items():
        given = values.get(section) if section else values
        if not isinstance(given, dict) or set(given) != fields:
            where = f"section [{section}]" if section else "the file"
            got = ", ".join(sorted(given)) if isinstance(given, dict) and given else "nothing"
            raise InputError(f"{where}: expected {', '.join(sorted(fields))}, got {got}")
    grid = Grid(shape=tuple(values["grid"]["shape"]), voxel_mm=values["grid"]["voxel_mm"])
    return Task(
        name=values["name"],
        title=values["title"],
        cohort=Cohort(values["cohort"]["anatomy"], grid, seed=values["cohort"]["seed"], size=values["cohort"]["size"]),
        scan=_candidates(values["scan"]),
        acquisition=Acquisition(**values["acquisition"]),
        budget=values["budget"],
    )


def _candidates(values: Any) -> Scan:
    if not isinstance(values, dict) or not isinstance(values.get("candidates"), int) or values["candidates"] < 2:
        raise InputError("section [scan]: expected the number of candidates, 2 or more, and the fields of the geometry")
    fields = {name: value for name, value in values.items() if name != "candidates"}
    arc = math.pi if fields.get("kind") == "parallel" else 2 * math.pi
    return scan_from_dict({**fields, "angles": np.arange(values["candidates"]) * arc / values["candidates"]})
