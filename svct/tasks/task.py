"""Scanning tasks: what is scanned, how, with how many views, and what for."""

import math
import os
from dataclasses import dataclass, replace
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from svct.errors import InputError, SvctError, unknown_name
from svct.geometry.grid import Grid
from svct.geometry.scan import Scan, scan_from_dict
from svct.physics.acquisition import Acquisition
from svct.registry import entry_points_of, load
from svct.tasks.cohort import Cohort
from svct.tasks.findings.kinds import finding_kind
from svct.tasks.heads.base import head_names
from svct.tasks.task_file import check_values, read_values

GROUP = "svct.tasks"
"""Entry-point group: each entry is the path of a task's TOML file."""

Objective = Literal["image", "heads"]


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
        findings: Names of the findings asked for, which the anatomy can have.
        objective: What views are chosen for: ``"image"``, its error as a whole, or ``"heads"``, their loss.
        heads: Names of the diagnostic heads that read the reconstructions.
        protocol: What flux and noise are modelled on, in words; for people.
        metal: Whether patients have metal, whose rays are then interpolated before any reconstruction, see
            `svct.recon.metal`.

    Raises:
        InputError: The budget is less than 2 or more than the candidates, or the objective lacks heads or findings.
        UnknownNameError: A finding that the anatomy cannot have, or a head that is not installed.
    """

    name: str
    title: str
    cohort: Cohort
    scan: Scan
    acquisition: Acquisition
    budget: int
    findings: tuple[str, ...] = ()
    objective: Objective = "image"
    heads: tuple[str, ...] = ()
    protocol: str = ""
    metal: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.budget, bool) or not isinstance(self.budget, int) or not 2 <= self.budget <= len(self.scan):
            raise InputError(
                f"views: expected 2 to {len(self.scan)}, the number of candidate views of task {self.name!r}, "
                f"got {self.budget!r}"
            )
        if self.objective not in get_args(Objective):
            raise unknown_name("objective", self.objective, list(get_args(Objective)))
        if self.objective == "heads" and not (self.heads and self.findings):
            raise InputError(
                f"objective 'heads': expected heads to read images and findings to look for, got "
                f"heads = {list(self.heads)} and findings = {list(self.findings)}; name both, or take 'image'"
            )
        for finding in self.findings:
            finding_kind(finding, anatomy=self.cohort.anatomy)
        for head in self.heads:
            if head not in head_names():
                raise unknown_name("head", head, head_names())

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
        UnknownNameError: No task, anatomy, finding or head of this name, or an unknown key; the message lists those
            that exist.
        DataFileError: The file is missing or is not TOML.
        InputError: A key is missing or has an impossible value.

    Example:
        >>> load_task("chest").budget
        24
    """
    if os.fspath(name).endswith(".toml"):
        return read_task(Path(name))
    return read_task(load(GROUP, "task", os.fspath(name)))


def read_task(path: Path | Traversable) -> Task:
    """Read a task's TOML file, which follows the schema ``svct.task/1``.

    Args:
        path: The file.

    Raises:
        UnknownNameError: No anatomy, finding or head of this name, or an unknown key.
        DataFileError: The file is missing or is not TOML.
        InputError: A key is missing or has an impossible value.
    """
    values = read_values(path)
    try:
        check_values(values)
        return _build(values)
    except SvctError as error:
        raise type(error)(f"{path}: {error}") from error
    except TypeError as error:
        raise InputError(f"{path}: a value is of the wrong type ({error})") from error


def _build(values: dict[str, Any]) -> Task:
    cohort, grid = values["cohort"], values["grid"]
    return Task(
        name=values["name"],
        title=values["title"],
        cohort=Cohort(
            cohort["anatomy"],
            Grid(shape=tuple(grid["shape"]), voxel_mm=grid["voxel_mm"]),
            **{name: cohort[name] for name in ("seed", "size") if name in cohort},
        ),
        scan=_candidates(values["scan"]),
        acquisition=Acquisition(**values["acquisition"]),
        budget=values["budget"],
        findings=tuple(values.get("findings", ())),
        objective=values.get("objective", "image"),
        heads=tuple(values.get("heads", ())),
        protocol=values.get("protocol", ""),
        metal=values.get("metal", False),
    )


def _candidates(values: dict[str, Any]) -> Scan:
    fields = {name: value for name, value in values.items() if name != "candidates"}
    arc = math.pi if fields["kind"] == "parallel" else 2 * math.pi
    return scan_from_dict({**fields, "angles": np.arange(values["candidates"]) * arc / values["candidates"]})
