"""What a sampler is asked, and what it answers."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError
from svct.geometry.projector import Projector
from svct.physics.acquisition import Acquisition
from svct.recon.unrolled import UnrolledNet
from svct.registry import entry_points_of, load
from svct.sampling.constraints import Constraints
from svct.sampling.fixed import ViewSet

GROUP = "svct.samplers"
"""Entry-point group: each entry is a class that takes its settings as keywords."""


@dataclass(frozen=True, eq=False)
class Problem:
    """Which views of a scan are to be chosen, and for whom.

    Args:
        A: The projector of all candidates.
        acquisition: Flux and noise of one view at mean load.
        budget: How many views.
        images: Training patients ``(n, ny, nx)``, 1/mm; samplers that learn nothing do not look at them.
        importance: How much the error of each pixel counts, ``(ny, nx)``, 0 or more, or ``(n, ny, nx)`` for each
            patient. Default: all alike, but for metal, which does not count.
        net: The frozen backbone, for samplers that learn through it.
        rules: What a device can take. Default: every set of views.
        others: The same for further tasks that take the same views, each as important as this one.

    Raises:
        InputError: The budget or a shape does not fit the scan, the budget not the constraints, or another task
            has other candidates or budget.
    """

    A: Projector
    acquisition: Acquisition
    budget: int
    images: Float[Tensor, "patient y x"]
    importance: Float[Tensor, "*patient y x"] | None = None
    net: UnrolledNet | None = None
    rules: Constraints | None = None
    others: "tuple[Problem, ...]" = ()

    def __post_init__(self) -> None:
        if not 1 <= self.budget <= self.candidates:
            raise InputError(f"views: expected 1 to {self.candidates}, the number of candidates, got {self.budget}")
        for name, value in (("images", self.images), ("importance", self.importance)):
            if value is not None and tuple(value.shape[-2:]) != self.A.domain_shape:
                raise InputError(f"{name}: expected the grid's {self.A.domain_shape}, got {tuple(value.shape)}")
        if self.rules is not None:
            if len(self.rules.angles_deg) != self.candidates:
                raise InputError(
                    f"rules: expected constraints over {self.candidates} candidates, got {len(self.rules.angles_deg)}"
                )
            self.rules.require_budget(self.budget)
        if self.importance is not None and self.importance.ndim == 3 and len(self.importance) != len(self.images):
            raise InputError(
                f"importance: expected one map, or one for each of {len(self.images)} patients, "
                f"got {len(self.importance)}"
            )
        for other in self.others:
            if (other.candidates, other.budget) != (self.candidates, self.budget):
                raise InputError(
                    f"others: expected tasks of {self.budget} out of {self.candidates} candidates too, got one of "
                    f"{other.budget} out of {other.candidates}"
                )

    @property
    def parts(self) -> "tuple[Problem, ...]":
        """The problem of each task."""
        return (replace(self, others=()), *self.others)

    @property
    def candidates(self) -> int:
        """Number of candidate views."""
        return len(self.A.scan)

    def among(self, views: list[int]) -> "Problem":
        """Return the problem with some of the candidates alone."""
        flux = self.acquisition.photons
        some = (
            self.acquisition
            if isinstance(flux, float | int)
            else replace(self.acquisition, photons=tuple(flux[v] for v in views))
        )
        return replace(
            self,
            A=self.A[views],
            acquisition=some,
            rules=None if self.rules is None else self.rules.among(views),
            others=tuple(other.among(views) for other in self.others),
        )

    def require_net(self, name: str) -> UnrolledNet:
        """Return the backbone, which the sampler of this name cannot do without."""
        if self.net is None:
            raise InputError(f"sampler {name!r}: expected the backbone to learn through, got none; give net")
        return self.net


@dataclass(frozen=True)
class Choice:
    """Chosen views and how the dose is shared among them.

    Args:
        views: Indices of candidates, ascending.
        loads: Tube load of each view over the mean load, in the order of `views`. Default: 1 for every view.

    Raises:
        InputError: A view occurs twice or out of order, or loads are not positive with mean 1.
    """

    views: ViewSet
    loads: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if list(self.views) != sorted(set(self.views)):
            raise InputError(f"views: expected different indices in ascending order, got {self.views}")
        loads = torch.tensor(self.loads or (1.0,) * len(self.views), dtype=torch.float64)
        if len(loads) != len(self.views) or not bool((loads > 0).all()) or abs(float(loads.mean()) - 1) > 1e-6:
            raise InputError(
                f"loads: expected {len(self.views)} positive numbers of mean 1, got {len(loads)} of mean "
                f"{float(loads.mean()):.6g}"
            )
        object.__setattr__(self, "loads", tuple(loads.tolist()))


@runtime_checkable
class Sampler(Protocol):
    """Chooses views; an object of a class in `GROUP`, whose settings are its fields."""

    @property
    def name(self) -> str:
        """The name it is registered under."""
        ...

    def choose(self, problem: Problem, *, seed: int = 0, each: Callable[[], object] | None = None) -> Choice:
        """Choose views.

        Args:
            problem: What is asked.
            seed: Seed of all chance; the same seed and problem give the same choice.
            each: Called now and then, for a progress bar.
        """
        ...


def sampler_names() -> list[str]:
    """Return the names of all registered samplers."""
    return sorted(entry_points_of(GROUP))


def load_sampler(name: str, **settings: Any) -> Sampler:
    """Build a sampler.

    Args:
        name: A registered name.
        **settings: Fields of its class.

    Raises:
        UnknownNameError: No sampler of this name; the message lists those that exist.
        InputError: It has no such setting.

    Example:
        >>> load_sampler("equidistant", offset=2).offset
        2
    """
    kind = load(GROUP, "sampler", name)
    try:
        sampler: Sampler = kind(**settings)
    except TypeError as error:
        raise InputError(f"sampler {name!r}: {error}") from error
    return sampler
