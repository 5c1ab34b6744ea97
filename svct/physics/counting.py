"""The detector that counts photons above thresholds."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError
from svct.physics.quanta import Efficiency, draw_matched, efficiency_at, weigh


@dataclass(frozen=True)
class PhotonCounting:
    """A photon-counting detector with energy windows; pile-up, charge sharing and blur of energy are off by default.

    Args:
        thresholds_kev: Ascending thresholds; window i counts from threshold i to the next, the last one upwards.
        efficiency: Part of the photons absorbed, one number or an `Efficiency`.
        dead_time_ns: Time for which a count blocks its pixel, ns.
        exposure_ms: Exposure time of a view, ms; needed with a dead time.
        pile_up: ``"paralysable"`` where every photon prolongs the dead time, or ``"non-paralysable"``.
        cloud_mm: Standard deviation of the charge cloud at the electrodes, mm.
        pixel_mm: Width of a square pixel, mm, on which charge sharing depends.
        resolution_kev: Standard deviation of the measured energy, keV.
        pixels_per_bin: Counting pixels whose counts one reading adds; photons spread evenly over them.

    Raises:
        InputError: A value outside what it can be.

    Example:
        >>> detector = PhotonCounting(thresholds_kev=(25.0, 60.0))
        >>> photons = torch.full((2, 4, 8), 100.0)
        >>> detector.mean(photons, torch.tensor([40.0, 80.0]))[:, 0, 0].tolist()
        [100.0, 100.0]

    Notes:
        Charge sharing: a Gaussian cloud near the border of two pixels exceeds the threshold T of each where it leaves
        it more than T of the photon's E, so a pixel counts as if it were wider by 2 sqrt(2) s erfinv(1 - 2 T / E)
        (the border model of Marchal 2010, J. Instrum. 5:P01004), squared for two directions: below E / 2 photons
        count twice, above it they are lost at the border. Corners, and the correlation of the two counts of one
        photon, are left out.

        Pile-up: of n photons above the lowest threshold in the time t, a paralysable counter records
        m = n exp(-n d / t) with variance m (1 - 2 m d / t), another m = n / (1 + n d / t) with variance
        m / (1 + n d / t)^2 (Yu and Fessler 2000, Phys. Med. Biol. 45:2043, for t much longer than d). All windows lose
        the same part: that piled-up pulses look more energetic is left out.
    """

    thresholds_kev: tuple[float, ...]
    efficiency: float | Efficiency = 1.0
    dead_time_ns: float = 0.0
    exposure_ms: float = 0.0
    pile_up: Literal["paralysable", "non-paralysable"] = "paralysable"
    cloud_mm: float = 0.0
    pixel_mm: float = 0.0
    resolution_kev: float = 0.0
    pixels_per_bin: int = 1

    def __post_init__(self) -> None:
        thresholds = self.thresholds_kev
        if not thresholds or min(thresholds) < 0 or any(b <= a for a, b in pairwise(thresholds)):
            raise InputError(f"thresholds_kev: expected ascending energies, got {thresholds!r}")
        if not isinstance(self.efficiency, Efficiency) and not 0 <= self.efficiency <= 1:
            raise InputError(f"efficiency: expected a part between 0 and 1, got {self.efficiency!r}")
        for name in ("dead_time_ns", "exposure_ms", "cloud_mm", "pixel_mm", "resolution_kev"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InputError(f"{name}: expected 0 or more, got {getattr(self, name)!r}")
        if self.dead_time_ns and not self.exposure_ms:
            raise InputError("exposure_ms: expected the time of a view with a dead time, got none")
        if self.cloud_mm and not self.pixel_mm:
            raise InputError("pixel_mm: expected the width of a pixel with charge sharing, got none")
        if self.pile_up not in ("paralysable", "non-paralysable"):
            raise InputError(f"pile_up: expected 'paralysable' or 'non-paralysable', got {self.pile_up!r}")
        if self.pixels_per_bin < 1:
            raise InputError(f"pixels_per_bin: expected 1 or more, got {self.pixels_per_bin!r}")

    def mean(
        self, expected: Float[Tensor, " energy *ray"], energies_kev: Float[Tensor, " energy"]
    ) -> Float[Tensor, " window *ray"]:
        """Return the expected counts of each window; differentiable in `expected`.

        Args:
            expected: Expected photons per energy bin and ray, ``(energy, ..., [row,] view, bin)``.
            energies_kev: Middle of each energy bin, keV.
        """
        return self._moments(expected, energies_kev)[0]

    def signal(
        self,
        expected: Float[Tensor, " energy *ray"],
        energies_kev: Float[Tensor, " energy"],
        generator: torch.Generator,
    ) -> Float[Tensor, " window *ray"]:
        """Return one noisy count of each window, whole numbers; no gradient passes.

        Args:
            expected: Expected photons per energy bin and ray.
            energies_kev: Middle of each energy bin, keV.
            generator: Of all randomness, on the device of `expected`.
        """
        mean, narrowing = self._moments(expected.detach(), energies_kev)
        return draw_matched(mean, mean * narrowing, generator).round()

    def response(self, energies_kev: Float[Tensor, " energy"]) -> Float[Tensor, "window energy"]:
        """Return the counts in each window for one absorbed photon of each energy."""
        energies = energies_kev.detach().double().cpu()
        nodes, weights = np.polynomial.hermite.hermgauss(15 if self.resolution_kev else 1)
        thresholds = torch.tensor([*self.thresholds_kev, math.inf], dtype=torch.float64)
        above = torch.zeros(len(thresholds), len(energies), dtype=torch.float64)
        for node, weight in zip(nodes, weights / weights.sum(), strict=True):
            measured = (energies + math.sqrt(2) * self.resolution_kev * node).clamp(min=1e-6)
            part = thresholds[:, None] / measured
            width = torch.ones_like(part)
            if self.cloud_mm:
                border = 2 * math.sqrt(2) * self.cloud_mm / self.pixel_mm
                width = 1 + border * torch.erfinv((1 - 2 * part).clamp(-1 + 1e-12, 1 - 1e-12))
            above += weight * torch.where(part <= 1, width.clamp(min=0) ** 2, 0.0)
        return (above[:-1] - above[1:]).to(energies_kev)

    def _moments(self, expected: Tensor, energies_kev: Tensor) -> tuple[Tensor, Tensor]:
        counts = weigh(expected, self.response(energies_kev) * efficiency_at(self.efficiency, energies_kev))
        if not self.dead_time_ns:
            return counts, torch.ones_like(counts[0])
        occupied = counts.sum(dim=0) / self.pixels_per_bin * (self.dead_time_ns * 1e-6 / self.exposure_ms)
        if self.pile_up == "paralysable":
            live = torch.exp(-occupied)
            return counts * live, (1 - 2 * occupied * live)
        live = 1 / (1 + occupied)
        return counts * live, live**2
