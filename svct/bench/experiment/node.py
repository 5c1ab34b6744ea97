"""The two kinds of work that a plan consists of: choosing views, and measuring what they give."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from svct.bench.experiment.key import RESULTS, key_of, task_inputs
from svct.bench.learn import Effort
from svct.recon.networks import backbone_path, file_sha256
from svct.sampling.samplers.base import Choice
from svct.tasks.difficulty import Difficulty
from svct.tasks.task import Task

UNIVERSAL, LEARNED, LEARNED_MAS = "universal", "learned", "learned-mas"
SEARCHES = (UNIVERSAL, LEARNED, LEARNED_MAS)
"""Ways to choose views that search for them, with an effort."""

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Node(ABC):
    """One piece of work with a key of its own."""

    @cached_property
    def key(self) -> str:
        """SHA-256 of all that the result depends on."""
        return key_of(self.inputs)

    @cached_property
    @abstractmethod
    def inputs(self) -> dict[str, Any]:
        """All that the result depends on, plain data."""

    @property
    @abstractmethod
    def needs(self) -> "tuple[ViewNode, ...]":
        """Whose choices have to be known first."""

    @property
    @abstractmethod
    def label(self) -> str:
        """What it is, in a few words."""


@dataclass(frozen=True)
class ViewNode(Node):
    """A choice of views.

    Args:
        sampler: Its name in the plan.
        kind: What chooses: a registered sampler, or one of `svct.bench.experiment.choose.OWN`.
        settings: Of the sampler.
        task: The task whose candidates are chosen from, at its flux, budget and patients.
        together: For ``"universal"``: all tasks that the views are searched for, or none where `first` has them.
        effort: How much work a search does.
        seed: Seed of the search and of the noise in it.
        first: Choices that this one begins with.
    """

    sampler: str
    kind: str
    settings: Settings
    task: Task
    together: tuple[Task, ...]
    effort: Effort
    seed: int
    first: "tuple[ViewNode, ...]" = ()

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """All that the choice depends on."""
        return {
            "schema": "svct.choice/1",
            "results": RESULTS,
            "kind": self.kind,
            "settings": dict(self.settings),
            "task": task_inputs(self.task),
            "together": [task_inputs(task) for task in self.together],
            "budget": self.task.budget,
            "effort": self._effort(),
            "backbone": file_sha256(backbone_path()),
            "seed": self.seed,
            "first": [node.key for node in self.first],
        }

    def _effort(self) -> dict[str, Any]:
        """Return what of the effort matters: a sampler without a search sees its patients alone."""
        effort = asdict(self.effort)
        if self.kind in SEARCHES:
            return effort
        return {name: effort[name] for name in ("train", "validation", "half")}

    @property
    def needs(self) -> "tuple[ViewNode, ...]":
        """The choices that this one begins with."""
        return self.first

    @property
    def label(self) -> str:
        """Task, sampler, views, flux and seed."""
        return f"{self.task.name} {self.sampler} {self.task.budget}, seed {self.seed}"


@dataclass(frozen=True)
class CellNode(Node):
    """What a reconstruction from chosen views is worth.

    Args:
        views: The choice.
        protocol: Name of the protocol.
        reconstructor: Its name in the plan.
        method: A registered method.
        settings: Of the method; empty: FBP with its better filter, TV at the strength that is best on other patients.
        weights: SHA-256 of the method's weights, if it has any.
        finding: What observers look for; None where the task has no finding.
        difficulty: Of the finding.
        readers: Names of observers and heads.
        metrics: Names of figures of the image.
        patients: How many are scanned for the figures.
        training: How many others the readers are fitted on.
        pictures: Of how many patients images are kept.
        iterations: Of TV where its strength is sought.
    """

    views: ViewNode
    protocol: str
    reconstructor: str
    method: str
    settings: Settings
    weights: str | None
    finding: str | None
    difficulty: Difficulty
    readers: tuple[str, ...]
    metrics: tuple[str, ...]
    patients: int
    training: int
    pictures: int
    iterations: int

    @property
    def task(self) -> Task:
        """The task at its flux and budget."""
        return self.views.task

    @property
    def photons(self) -> float:
        """Photons per ray, at the mean load."""
        flux = self.task.acquisition.photons
        assert isinstance(flux, float | int)
        return float(flux)

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """All that the figures depend on; names among it, since results are found by them."""
        return {
            "schema": "svct.cell/1",
            "results": RESULTS,
            "views": self.views.key,
            "sampler": self.views.sampler,
            "task": task_inputs(self.task),
            "budget": self.task.budget,
            "seed": self.views.seed,
            "protocol": self.protocol,
            "reconstructor": {
                "name": self.reconstructor,
                "method": self.method,
                "settings": dict(self.settings),
                "weights": self.weights,
                "iterations": self.iterations,
            },
            "finding": self.finding,
            "difficulty": asdict(self.difficulty),
            "readers": list(self.readers),
            "metrics": list(self.metrics),
            "patients": self.patients,
            "training": self.training,
            "pictures": self.pictures,
        }

    @property
    def needs(self) -> tuple[ViewNode, ...]:
        """The views."""
        return (self.views,)

    @property
    def label(self) -> str:
        """Task, sampler, views, method and seed."""
        return f"{self.views.label}, {self.reconstructor}"


Choices = Mapping[str, Choice]
"""By the key of a `ViewNode`."""
