"""What a view set is worth: patients measured once with every candidate, reconstructed from some."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from svct.geometry.projector import Projector
from svct.metrics import RANGE
from svct.physics.acquisition import Acquisition
from svct.recon.unrolled import UnrolledNet
from svct.sampling.fixed import ViewSet
from svct.sampling.samplers.base import Choice, Problem

BATCH = 8
"""Images reconstructed at once."""


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
    """

    truth: Float[Tensor, "patient y x"]
    y: Float[Tensor, "patient view col"]
    A: Projector
    net: UnrolledNet
    acquisition: Acquisition
    seed: int
    importance: Float[Tensor, "*patient y x"] | None = None

    def images(self, views: ViewSet) -> Float[Tensor, "patient y x"]:
        """Reconstruct all patients from some views, ``(n, ny, nx)``, 1/mm."""
        chosen = list(views)
        A = self.A[chosen]
        with torch.inference_mode():
            parts = [self.net(part[:, chosen], A) for part in torch.split(self.y, BATCH)]
        return torch.cat(parts)

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
        importance: How much the error of each pixel counts in the PSNR, ``([patient,] y, x)``.
    """
    return Trial(images, acquisition.measure(A(images), seed=seed), A, net, acquisition, seed, importance)


def training_trial(problem: Problem, name: str, *, patients: int, seed: int) -> Trial:
    """Measure a problem's first training patients.

    Args:
        problem: With the backbone.
        name: The sampler that asks, for the error where there is no backbone.
        patients: How many.
        seed: Seed of the noise.

    Raises:
        InputError: The problem has no backbone.
    """
    net, importance = problem.require_net(name), problem.importance
    if importance is not None and importance.ndim == 3:
        importance = importance[:patients]
    return measure_trial(
        problem.images[:patients], problem.A, problem.acquisition, net=net, seed=seed, importance=importance
    )
