"""What a view set is worth: patients measured once with every candidate, reconstructed from some."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from svct.geometry.projector import Projector
from svct.metrics import RANGE
from svct.physics.acquisition import Acquisition
from svct.recon.unrolled import UnrolledNet
from svct.sampling.fixed import ViewSet

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
    """

    truth: Float[Tensor, "patient y x"]
    y: Float[Tensor, "patient view col"]
    A: Projector
    net: UnrolledNet

    def images(self, views: ViewSet) -> Float[Tensor, "patient y x"]:
        """Reconstruct all patients from some views, ``(n, ny, nx)``, 1/mm."""
        chosen = list(views)
        A = self.A[chosen]
        with torch.inference_mode():
            parts = [self.net(part[:, chosen], A) for part in torch.split(self.y, BATCH)]
        return torch.cat(parts)

    def psnr(self, views: ViewSet) -> Float[Tensor, " patient"]:
        """Return the PSNR of every patient from some views, ``(n,)``, dB, range 2000 HU."""
        error = (self.images(views) - self.truth).double().square().mean(dim=(-2, -1))
        return 10 * torch.log10(RANGE**2 / error)


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
    return Trial(images, acquisition.measure(A(images), seed=seed), A, net)
