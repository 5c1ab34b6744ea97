"""Detectability of a stated disc, from transfer and noise."""

from dataclasses import dataclass

import numpy as np
from scipy.special import j1

from svct.bench.image_quality.noise_power import NoisePower, Values
from svct.bench.image_quality.transfer import Transfer
from svct.errors import InputError


@dataclass(frozen=True)
class DiscTask:
    """To tell a uniform disc from none.

    Args:
        diameter_mm: mm.
        contrast_hu: Disc less surroundings, HU.
    """

    diameter_mm: float
    contrast_hu: float

    def spectrum(self, frequency: Values) -> Values:
        """Return the disc's Fourier transform, HU mm^2, at distances from frequency zero, 1/mm.

        ``W(f) = C R J1(2 pi R f) / f``, at zero the contrast times the area.
        """
        radius = self.diameter_mm / 2
        argument = 2 * np.pi * radius * np.asarray(frequency, dtype=np.float64)
        shape = np.divide(2 * j1(argument), argument, out=np.ones_like(argument), where=argument > 0)
        found: Values = self.contrast_hu * np.pi * radius**2 * shape
        return found


def npw_detectability(task: DiscTask, transfer: Transfer, noise: NoisePower) -> float:
    """Return d' of the non-prewhitening observer.

    Args:
        task: The disc.
        transfer: As measured at such a contrast.
        noise: Of the region where the disc would be.

    Raises:
        InputError: A region less than twice as wide as the disc, whose spectrum it does not resolve.

    Notes:
        With S = W TTF, ``d'^2 = (sum |S|^2)^2 / sum |S|^2 NPS`` over the frequencies of the region, each times its area
        (ICRU Report 54, 1996; as used for CT by Solomon et al. 2015, Med. Phys. 42:6610, there with an eye filter,
        which is left out here). It is `svct.tasks.observers.NonPrewhitening(eye=False)` without images, where blur and
        noise are the same all over the region.
    """
    if min(noise.spectrum.shape) * noise.voxel_mm < 2 * task.diameter_mm:
        raise InputError(
            f"npw_detectability: expected a region of at least twice {task.diameter_mm:g} mm, got "
            f"{min(noise.spectrum.shape) * noise.voxel_mm:g} mm; take a smaller disc"
        )
    f = noise.frequencies
    power = (task.spectrum(f) * transfer.at(f)) ** 2
    seen = float(power.sum() * noise.cell)
    return seen / float(np.sqrt((power * noise.spectrum).sum() * noise.cell))
