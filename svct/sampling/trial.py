"""What a view set is worth: patients measured once with every candidate, reconstructed from some."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from svct.errors import InputError
from svct.geometry.projector import Projector
from svct.metrics import RANGE
from svct.physics.acquisition import Acquisition
from svct.recon.unrolled import UnrolledNet
from svct.sampling.fixed import ViewSet
from svct.sampling.importance import without_metal
from svct.sampling.samplers.base import Choice, Problem

BATCH = 8
"""Images reconstructed at once."""


@runtime_checkable
class Reading(Protocol):
    """What images are worth to whoever reads them: what a search of views may go by instead of PSNR."""

    def worth(self, images: Float[Tensor, "patient y x"], truth: Float[Tensor, "patient y x"]) -> Tensor:
        """Return the worth of the image of every patient, the larger the better, ``(patient,)``."""

    def loss(
        self, images: Float[Tensor, "batch y x"], truth: Float[Tensor, "batch y x"], patients: Int[Tensor, " batch"]
    ) -> Float[Tensor, ""]:
        """Return how bad the images of some patients are, differentiable in the images."""


@runtime_checkable
class Panel(Protocol):
    """Says what a view set is worth: one trial, or several of which each counts the same."""

    @property
    def parts(self) -> "tuple[Trial, ...]":
        """The trials, one per task."""

    @property
    def candidates(self) -> int:
        """Number of candidate views."""

    def worth(self, views: ViewSet) -> Float[Tensor, " patient"]:
        """Return what some views are worth to whom the search is for, one number per patient."""

    def psnr(self, views: ViewSet) -> Float[Tensor, " patient"]:
        """Return what some views are worth, one number per patient, dB."""

    def psnr_at(self, choice: Choice) -> Float[Tensor, " patient"]:
        """Return what views that share the dose are worth, measured anew, one number per patient, dB."""

    def psnr_of(self, choice: Choice) -> Float[Tensor, " patient"]:
        """Return `psnr` where the loads are even, `psnr_at` where they are not."""


@dataclass(frozen=True, eq=False)
class Trial:
    """Patients, their data of every candidate view and the backbone that reads them.

    The noise of a view is drawn once, so that all view sets are compared on the same measurements.

    Args:
        truth: Images ``(n, ny, nx)``, 1/mm.
        y: Log data ``(n, candidates, bins)``.
        A: The projector of all candidates.
        net: The frozen backbone.
        acquisition: Flux and noise of a view at mean load.
        seed: Seed of the noise.
        importance: How much the error of each pixel counts in the PSNR, for all patients or for each. Default: alike.
        reading: What a search goes by. Default: the PSNR.
    """

    truth: Float[Tensor, "patient y x"]
    y: Float[Tensor, "patient view col"]
    A: Projector
    net: UnrolledNet
    acquisition: Acquisition
    seed: int
    importance: Float[Tensor, "*patient y x"] | None = None
    reading: Reading | None = None

    @property
    def parts(self) -> "tuple[Trial, ...]":
        """The trial itself, as the only one."""
        return (self,)

    @property
    def candidates(self) -> int:
        """Number of candidate views."""
        return len(self.A.scan)

    def images(self, views: ViewSet) -> Float[Tensor, "patient y x"]:
        """Reconstruct all patients from some views, ``(n, ny, nx)``, 1/mm."""
        chosen = list(views)
        A = self.A[chosen]
        with torch.inference_mode():
            parts = [self.net(part[:, chosen], A) for part in torch.split(self.y, BATCH)]
        return torch.cat(parts)

    def worth(self, views: ViewSet) -> Float[Tensor, " patient"]:
        """Return what some views are worth to the reading, one number per patient."""
        return self.psnr(views) if self.reading is None else self.reading.worth(self.images(views), self.truth)

    def psnr(self, views: ViewSet) -> Float[Tensor, " patient"]:
        """Return the PSNR of every patient from some views, ``(n,)``, dB, range 2000 HU."""
        return self._psnr(self.images(views))

    def psnr_at(self, choice: Choice) -> Float[Tensor, " patient"]:
        """Return the PSNR of every patient from views that share the dose, measured anew, ``(n,)``, dB."""
        return self._psnr(self.images_at(choice))

    def psnr_of(self, choice: Choice) -> Float[Tensor, " patient"]:
        """Return the PSNR of every patient, dB: `psnr` where the loads are even, `psnr_at` where they are not."""
        return self.psnr(choice.views) if len(set(choice.loads)) == 1 else self.psnr_at(choice)

    def images_at(self, choice: Choice) -> Float[Tensor, "patient y x"]:
        """Reconstruct all patients from views that share the dose, measured anew, ``(n, ny, nx)``, 1/mm."""
        return scanned_at(choice, self.truth, self.A, self.acquisition, net=self.net, seed=self.seed)

    def _psnr(self, images: Float[Tensor, "patient y x"]) -> Float[Tensor, " patient"]:
        error = (images - self.truth).double().square()
        weights = torch.ones_like(error) if self.importance is None else self.importance.double().expand_as(error)
        return 10 * torch.log10(RANGE**2 * weights.sum(dim=(-2, -1)) / (weights * error).sum(dim=(-2, -1)))


def mean_psnr(trials: Sequence[Trial], choice: Choice) -> Float[Tensor, " patient"]:
    """Return the PSNR of every patient, the mean over trials of the same patients with noise of their own, dB."""
    return torch.stack([trial.psnr_of(choice) for trial in trials]).mean(dim=0)


def scanned_at(
    choice: Choice,
    images: Float[Tensor, "patient y x"],
    A: Projector,
    acquisition: Acquisition,
    *,
    net: UnrolledNet,
    seed: int,
) -> Float[Tensor, "patient y x"]:
    """Measure patients at some views and loads and reconstruct them, ``(n, ny, nx)``, 1/mm.

    Args:
        choice: Views and loads.
        images: Truth ``(n, ny, nx)``, 1/mm.
        A: The projector of all candidates.
        acquisition: Flux and noise of a view at mean load.
        net: The frozen backbone.
        seed: Seed of the noise.
    """
    views, loads = list(choice.views), torch.tensor(choice.loads)
    flux = torch.as_tensor(acquisition.photons, dtype=torch.float64)
    flux = (flux[views] if flux.ndim else flux) * loads
    some = A[views]
    with torch.inference_mode():
        y = replace(acquisition, photons=tuple(flux.tolist())).measure(some(images), seed=seed)
        parts = [net(part, some, view_loads=loads) for part in torch.split(y, BATCH)]
    return torch.cat(parts)


def measure_trial(
    images: Float[Tensor, "patient y x"],
    A: Projector,
    acquisition: Acquisition,
    *,
    net: UnrolledNet,
    seed: int,
    importance: Float[Tensor, "*patient y x"] | None = None,
) -> Trial:
    """Measure patients with every candidate view.

    Args:
        images: Truth ``(n, ny, nx)``, 1/mm.
        A: The projector of all candidates.
        acquisition: Flux and noise.
        net: The frozen backbone.
        seed: Seed of the noise.
        importance: How much the error of each pixel counts in the PSNR, ``([patient,] y, x)``. Default: 1, and 0
            inside metal.
    """
    importance = without_metal(images) if importance is None else importance
    return Trial(images, acquisition.measure(A(images), seed=seed), A, net, acquisition, seed, importance)


@dataclass(frozen=True, eq=False)
class Trials:
    """Trials of several tasks that take the same views.

    Args:
        parts: One trial per task, of as many patients and candidates each.

    Raises:
        InputError: The numbers of patients or candidates differ.

    Notes:
        `psnr` of patient i is the mean over the tasks' patients i. The mean over i is then the mean over tasks, and
        its standard error that of patients drawn task by task, whatever lies between the tasks.
    """

    parts: tuple[Trial, ...]

    def __post_init__(self) -> None:
        sizes = {(len(part.truth), part.candidates) for part in self.parts}
        if len(sizes) != 1:
            raise InputError(f"trials: expected as many patients and candidates for every task, got {sorted(sizes)}")

    @property
    def candidates(self) -> int:
        """Number of candidate views."""
        return self.parts[0].candidates

    def worth(self, views: ViewSet) -> Float[Tensor, " patient"]:
        """Return the mean worth over the tasks of their patients i, ``(n,)``."""
        return torch.stack([part.worth(views) for part in self.parts]).mean(dim=0)

    def psnr(self, views: ViewSet) -> Float[Tensor, " patient"]:
        """Return the mean PSNR over the tasks of their patients i, ``(n,)``, dB."""
        return torch.stack([part.psnr(views) for part in self.parts]).mean(dim=0)

    def psnr_at(self, choice: Choice) -> Float[Tensor, " patient"]:
        """Return the same for views that share the dose, measured anew."""
        return torch.stack([part.psnr_at(choice) for part in self.parts]).mean(dim=0)

    def psnr_of(self, choice: Choice) -> Float[Tensor, " patient"]:
        """Return `psnr` where the loads are even, `psnr_at` where they are not."""
        return torch.stack([part.psnr_of(choice) for part in self.parts]).mean(dim=0)


def panel_of(trials: Sequence[Trial]) -> Panel:
    """Return one trial as it is, several as `Trials`."""
    return trials[0] if len(trials) == 1 else Trials(tuple(trials))


def measure_problem(problem: Problem, name: str, *, seed: int, patients: int | None = None) -> Panel:
    """Measure the training patients of a problem, of every task in it, for a sampler that learns through the backbone.

    Args:
        problem: What is asked, with the backbone.
        name: The sampler's, for the error where there is none.
        seed: Seed of the noise.
        patients: At most so many of each task. Default: as many as every task has.

    Raises:
        InputError: The problem has no backbone.
    """
    count = min([len(part.images) for part in problem.parts] + ([] if patients is None else [patients]))
    return panel_of([_measure_part(part, count, part.require_net(name), seed) for part in problem.parts])


def _measure_part(problem: Problem, count: int, net: UnrolledNet, seed: int) -> Trial:
    importance = problem.importance
    if importance is not None and importance.ndim == 3:
        importance = importance[:count]
    return measure_trial(
        problem.images[:count], problem.A, problem.acquisition, net=net, seed=seed, importance=importance
    )
