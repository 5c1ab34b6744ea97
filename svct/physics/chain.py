"""Where the parts of the physics meet: expected photons go in, what a detector reports comes out."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor


@runtime_checkable
class Detector(Protocol):
    """What turns photons at the detector into a signal.

    Photons arrive as their expected number per energy bin and ray, ``(energy, ..., [row,] view, bin)``, float32 or
    float64, for the exposure of each view; rays of views without load expect 0 of them. A detector of several energy
    channels puts these first in its result, which otherwise has the shape of a ray's photons, ``(..., [row,] view,
    bin)``.
    """

    def mean(
        self, expected: Float[Tensor, " energy *ray"], energies_kev: Float[Tensor, " energy"]
    ) -> Float[Tensor, "*signal"]:
        """Return the expected signal, differentiable in `expected`: the air scan and the water table take it.

        Args:
            expected: Expected photons per energy bin and ray.
            energies_kev: Middle of each energy bin, keV.
        """
        ...

    def signal(
        self,
        expected: Float[Tensor, " energy *ray"],
        energies_kev: Float[Tensor, " energy"],
        generator: torch.Generator,
    ) -> Float[Tensor, "*signal"]:
        """Return one noisy reading, in the unit of `mean`.

        Args:
            expected: Expected photons per energy bin and ray.
            energies_kev: Middle of each energy bin, keV.
            generator: Of all randomness, on the device of `expected`.
        """
        ...


@runtime_checkable
class Scatter(Protocol):
    """What adds photons that come from elsewhere than along the ray."""

    def scattered(
        self,
        expected: Float[Tensor, " energy *ray"],
        air: Float[Tensor, " energy *air"],
        energies_kev: Float[Tensor, " energy"],
    ) -> Float[Tensor, " energy *ray"]:
        """Return the expected scattered photons that reach the detector, of the shape of `expected`, 0 or more.

        Args:
            expected: Expected primary photons per energy bin and ray.
            air: Those without an object, of a shape that broadcasts to `expected`.
            energies_kev: Middle of each energy bin, keV.
        """
        ...


class IdealCounter:
    """A detector that counts every photon, whatever its energy: Poisson noise alone.

    Example:
        >>> photons = torch.full((2, 1, 3), 50.0)
        >>> IdealCounter().mean(photons, torch.tensor([40.0, 60.0])).tolist()
        [[100.0, 100.0, 100.0]]
    """

    def __repr__(self) -> str:
        return "IdealCounter()"

    def mean(
        self, expected: Float[Tensor, " energy *ray"], energies_kev: Float[Tensor, " energy"]
    ) -> Float[Tensor, "*ray"]:
        """Return the sum over energies; see `Detector`."""
        return expected.sum(dim=0)

    def signal(
        self,
        expected: Float[Tensor, " energy *ray"],
        energies_kev: Float[Tensor, " energy"],
        generator: torch.Generator,
    ) -> Float[Tensor, "*ray"]:
        """Draw counts; see `Detector`."""
        return torch.poisson(expected.sum(dim=0), generator=generator)


class IdealIntegrator:
    """A detector that absorbs every photon and reports the energy: compound Poisson noise alone, in keV.

    Notes:
        A sum of independent Poisson numbers of each energy, weighted by the energy: mean sum(E n), variance
        sum(E^2 n) (Whiting et al. 2006, Med. Phys. 33:3290).
    """

    def __repr__(self) -> str:
        return "IdealIntegrator()"

    def mean(
        self, expected: Float[Tensor, " energy *ray"], energies_kev: Float[Tensor, " energy"]
    ) -> Float[Tensor, "*ray"]:
        """Return the energy, keV; see `Detector`."""
        energy: Tensor = torch.tensordot(energies_kev.to(expected), expected, dims=1)
        return energy

    def signal(
        self,
        expected: Float[Tensor, " energy *ray"],
        energies_kev: Float[Tensor, " energy"],
        generator: torch.Generator,
    ) -> Float[Tensor, "*ray"]:
        """Draw the energy, keV; see `Detector`."""
        total = torch.zeros_like(expected[0])
        for photons, energy in zip(expected, energies_kev.to(expected), strict=True):
            total += energy * torch.poisson(photons, generator=generator)
        return total
