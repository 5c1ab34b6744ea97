"""How many quanta a detector absorbs, and the noise of what they leave behind."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import ArrayLike
from torch import Tensor

from svct.errors import InputError


@dataclass(frozen=True)
class Efficiency:
    """Quantum efficiency over energy, linear between its points and constant beyond them.

    Args:
        energies_kev: Ascending energies, keV.
        values: The part of the photons absorbed at each, 0 to 1.

    Raises:
        InputError: Lengths differ, energies do not ascend, or a value is no part of one.

    Example:
        >>> Efficiency((20.0, 120.0), (1.0, 0.5)).at(torch.tensor([70.0])).item()
        0.75
    """

    energies_kev: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        energies, values = np.asarray(self.energies_kev, dtype=float), np.asarray(self.values, dtype=float)
        if energies.ndim != 1 or energies.shape != values.shape or not energies.size or (np.diff(energies) <= 0).any():
            raise InputError(
                f"efficiency: expected ascending energies and one value for each, got {self.energies_kev!r} and "
                f"{self.values!r}"
            )
        if not ((values >= 0) & (values <= 1)).all():
            raise InputError(f"efficiency: expected parts between 0 and 1, got {self.values!r}")

    @classmethod
    def of_layer(cls, energies_kev: ArrayLike, attenuation: ArrayLike, *, thickness_mm: float) -> "Efficiency":
        """Return the efficiency of a layer that photons cross straight, 1 - exp(-mu d).

        Args:
            energies_kev: Ascending energies, keV.
            attenuation: Of the layer's material at each, 1/mm.
            thickness_mm: Thickness of the layer.
        """
        values = 1 - np.exp(-np.asarray(attenuation, dtype=float) * thickness_mm)
        return cls(tuple(np.asarray(energies_kev, dtype=float).tolist()), tuple(values.tolist()))

    def at(self, energies_kev: Float[Tensor, " energy"]) -> Float[Tensor, " energy"]:
        """Return the efficiency at each energy, on the device and of the type of `energies_kev`."""
        found = np.interp(energies_kev.detach().cpu().double().numpy(), self.energies_kev, self.values)
        return torch.as_tensor(found).to(energies_kev)


def efficiency_at(efficiency: "float | Efficiency", energies_kev: Float[Tensor, " energy"]) -> Float[Tensor, " energy"]:
    """Return the part of the photons of each energy that a detector absorbs."""
    if isinstance(efficiency, Efficiency):
        return efficiency.at(energies_kev)
    return torch.full_like(energies_kev, efficiency)


def weigh(expected: Float[Tensor, " energy *ray"], weights: Float[Tensor, "row energy"]) -> Float[Tensor, " row *ray"]:
    """Return sums over the energies, one for each row of weights; differentiable.

    Raises:
        InputError: Energies and photons do not match.
    """
    if expected.ndim < 2 or len(expected) != weights.shape[-1]:
        raise InputError(
            f"expected photons: expected (energy, ..., view, bin) with {weights.shape[-1]} energies, "
            f"got shape {tuple(expected.shape)}"
        )
    sums: Tensor = torch.tensordot(weights.to(expected), expected, dims=1)
    return sums


def draw_matched(
    mean: Float[Tensor, "*ray"], variance: Float[Tensor, "*ray"], generator: torch.Generator
) -> Float[Tensor, "*ray"]:
    """Draw numbers of a given mean and variance: a Poisson number, scaled.

    Args:
        mean: 0 or more; where it is 0, so is the draw.
        variance: 0 or more.
        generator: Of the randomness, on the same device.

    Notes:
        r Poisson(mean / r), r = variance / mean, has both moments exactly and is never negative. Its third moment is
        smaller than that of the compound sum which it stands for: at 120 kVp by 9 % in air and 5 % behind 35 cm of
        water.
    """
    mean, variance = mean.detach(), variance.detach()
    ratio = torch.where(mean > 0, variance / mean.clamp(min=torch.finfo(mean.dtype).tiny), torch.ones_like(mean))
    ratio = ratio.clamp(min=torch.finfo(mean.dtype).tiny)
    return ratio * torch.poisson(mean / ratio, generator=generator)


def draw_compound(
    photons: Float[Tensor, " energy *ray"],
    pulses: Float[Tensor, " energy"],
    swank: float,
    generator: torch.Generator,
) -> Float[Tensor, "*ray"]:
    """Draw the sum of the pulses of a Poisson number of photons of each energy.

    Args:
        photons: Expected absorbed photons.
        pulses: Mean pulse of one photon of each energy.
        swank: Swank factor of the pulse heights, above 0 to 1; 1 for pulses that are all alike.
        generator: Of the randomness, on the same device.

    Notes:
        Pulse heights are gamma distributed with the relative variance 1 / swank - 1, so that N of them sum to a gamma
        number of shape N swank / (1 - swank): mean sum(p n), variance sum(p^2 n) / swank (Swank 1973, J. Appl. Phys.
        44:4199; Whiting et al. 2006).
    """
    total = torch.zeros_like(photons[0])
    for expected, pulse in zip(photons.detach(), pulses.tolist(), strict=True):
        count = torch.poisson(expected, generator=generator)
        if swank < 1:
            shape = swank / (1 - swank)
            drawn = torch._standard_gamma((count * shape).clamp(min=1e-3), generator=generator) / shape
            count = torch.where(count > 0, drawn, count)
        total += pulse * count
    return total
