"""What a view set is worth: patients measured once with every candidate, reconstructed from some."""

from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from svct.geometry.projector import Projector
from svct.metrics import RANGE
from svct.physics.acquisition import Acquisition
from svct.recon.unrolled import UnrolledNet
from svct.sampling.fixed import ViewSet
from svct.sampling.samplers.base import Choice

BATCH = 8
"""Images reconstructed at once."""


@runtime_checkable
class Reading(Protocol):
    """What images are worth to whoever reads them: what a search of views goes by."""

    def worth(self, images: Float[Tensor, "patient y x"], truth: Float[Tensor, "patient y x"]) -> Tensor:
        """Return the worth of the image of every patient, the larger the better, ``(patient,)``."""

    def loss(
        self, images: Float[Tensor, "batch y x"], truth: Float[Tensor, "batch y x"], patients: Int[Tensor, " batch"]
    ) -> Float[Tensor, ""]:
        """Return how bad the images of some patients are, differentiable in the images."""


class ImageError:
    """Goes by the error of the image as a whole: PSNR with a range of 2000 HU, dB, and ln RMSE."""

    def worth(self, images: Float[Tensor, "patient y x"], truth: Float[Tensor, "patient y x"]) -> Tensor:
        """Return the PSNR of every image, dB; see `Reading.worth`."""
        error = (images - truth).double().square().mean(dim=(-2, -1))
        return 10 * torch.log10(RANGE**2 / error)

    def loss(
        self, images: Float[Tensor, "batch y x"], truth: Float[Tensor, "batch y x"], patients: Int[Tensor, " batch"]
    ) -> Float[Tensor, ""]:
        """Return the mean ln RMSE; see `Reading.loss`."""
        return 0.5 * (images - truth).square().mean(dim=(-2, -1)).log().mean()


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
        reading: What a search goes by. Default: the error of the image.
    """

    truth: Float[Tensor, "patient y x"]
    y: Float[Tensor, "patient view col"]
    A: Projector
    net: UnrolledNet
    acquisition: Acquisition
    seed: int
    reading: Reading = field(default_factory=ImageError)

    def images(self, views: ViewSet) -> Float[Tensor, "patient y x"]:
        """Reconstruct all patients from some views, ``(n, ny, nx)``, 1/mm."""
        chosen = list(views)
        A = self.A[chosen]
        with torch.inference_mode():
            parts = [self.net(part[:, chosen], A) for part in torch.split(self.y, BATCH)]
        return torch.cat(parts)

    def worth(self, views: ViewSet) -> Float[Tensor, " patient"]:
        """Return what some views are worth to the reading, one number per patient."""
        return self.reading.worth(self.images(views), self.truth)

    def psnr(self, views: ViewSet) -> Float[Tensor, " patient"]:
        """Return the PSNR of every patient from some views, ``(n,)``, dB, range 2000 HU."""
        return ImageError().worth(self.images(views), self.truth)

    def psnr_at(self, choice: Choice) -> Float[Tensor, " patient"]:
        """Return the PSNR of every patient from views that share the dose, measured anew, ``(n,)``, dB."""
        views, loads = list(choice.views), torch.tensor(choice.loads)
        flux = torch.as_tensor(self.acquisition.photons, dtype=torch.float64)
        flux = (flux[views] if flux.ndim else flux) * loads
        A = self.A[views]
        with torch.inference_mode():
            y = replace(self.acquisition, photons=tuple(flux.tolist())).measure(A(self.truth), seed=self.seed)
            parts = [self.net(part, A, view_loads=loads) for part in torch.split(y, BATCH)]
        return ImageError().worth(torch.cat(parts), self.truth)


def measure_trial(
    images: Float[Tensor, "patient y x"], A: Projector, acquisition: Acquisition, *, net: UnrolledNet, seed: int
) -> Trial:
    """Measure patients with every candidate view.

    Args:
        images: Truth ``(n, ny, nx)``, 1/mm.
        A: The projector of all candidates.
        acquisition: Flux and noise.
        net: The frozen backbone.
        seed: Seed of the noise.
    """
    return Trial(images, acquisition.measure(A(images), seed=seed), A, net, acquisition, seed)
