"""The detector that adds up energy: a scintillator on photodiodes."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError
from svct.physics.blur import spread, spread_kernel
from svct.physics.converter import Converter
from svct.physics.lag import Lag
from svct.physics.quanta import Efficiency, draw_compound, draw_matched, efficiency_at, weigh


@dataclass(frozen=True, eq=False)
class EnergyIntegrating:
    """An energy-integrating detector; everything beyond quantum noise is off until it is given.

    Args:
        efficiency: Part of the photons absorbed, one number or an `Efficiency`.
        electrons_per_kev: Electrons for each absorbed keV, the unit of the readings.
        quantum_noise: Whether photons are counted at random; False shows the rest alone.
        swank: Swank factor of the pulse heights, above 0 to 1.
        electronic_noise: Standard deviation, electrons per reading.
        blur_bins: Standard deviation of the optical blur, in bins.
        crosstalk: Part of the light that each of the two next bins gets.
        rows: Whether the third axis from the end holds detector rows: blur and crosstalk then reach along it too.
        lag: What earlier views leave behind.
        gain: Gain of each pixel relative to calibration, ``(bin,)`` or ``(row, 1, bin)``; see `gain_drift`. 0 is a
            dead pixel.
        dead: Bins that always read 0.
        converter: Saturation and quantisation.
        exact: Whether to draw every energy and every pulse height, at a cost of energies; otherwise one draw per ray
            has the right mean and variance.

    Raises:
        InputError: A value outside what it can be.

    Example:
        >>> detector = EnergyIntegrating(efficiency=0.9, electrons_per_kev=17.0, electronic_noise=3500.0)
        >>> photons, energies = torch.full((2, 4, 8), 1e4), torch.tensor([50.0, 70.0])
        >>> detector.signal(photons, energies, torch.Generator().manual_seed(0)).shape
        torch.Size([4, 8])

    Notes:
        Quantum noise is compound Poisson: of absorbed photons n(E) and electrons g per keV, the reading has the mean
        sum(g E n) and the variance sum((g E)^2 n) / swank (Swank 1973, J. Appl. Phys. 44:4199; Whiting et al. 2006,
        Med. Phys. 33:3290), before blur and lag, which correlate it; electronic noise comes after both. Readings may
        be negative: whoever takes the logarithm raises them first.
    """

    efficiency: float | Efficiency = 1.0
    electrons_per_kev: float = 1.0
    quantum_noise: bool = True
    swank: float = 1.0
    electronic_noise: float = 0.0
    blur_bins: float = 0.0
    crosstalk: float = 0.0
    rows: bool = False
    lag: Lag | None = None
    gain: Float[Tensor, "*pixel"] | None = None
    dead: tuple[int, ...] = ()
    converter: Converter | None = None
    exact: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.efficiency, Efficiency) and not 0 <= self.efficiency <= 1:
            raise InputError(f"efficiency: expected a part between 0 and 1, got {self.efficiency!r}")
        if not (0 < self.electrons_per_kev < math.inf):
            raise InputError(f"electrons_per_kev: expected a positive number, got {self.electrons_per_kev!r}")
        if not 0 < self.swank <= 1:
            raise InputError(f"swank: expected a factor above 0 and at most 1, got {self.swank!r}")
        if not (0 <= self.electronic_noise < math.inf):
            raise InputError(f"electronic_noise: expected electrons, 0 or more, got {self.electronic_noise!r}")
        if not (0 <= self.blur_bins < math.inf) or not 0 <= self.crosstalk <= 0.5:
            raise InputError(
                f"expected blur_bins of 0 or more and crosstalk of 0 to 0.5, got {self.blur_bins!r}, {self.crosstalk!r}"
            )

    def mean(
        self, expected: Float[Tensor, " energy *ray"], energies_kev: Float[Tensor, " energy"]
    ) -> Float[Tensor, "*ray"]:
        """Return the expected reading of a calibrated detector without limits; differentiable in `expected`.

        Drifted gains, dead bins and the converter are in `signal` alone: they are what calibration by this mean does
        not know.

        Args:
            expected: Expected photons per energy bin and ray, ``(energy, ..., [row,] view, bin)``.
            energies_kev: Middle of each energy bin, keV.
        """
        return self._carry(weigh(expected, self._weights(energies_kev)[:1])[0])

    def signal(
        self,
        expected: Float[Tensor, " energy *ray"],
        energies_kev: Float[Tensor, " energy"],
        generator: torch.Generator,
    ) -> Float[Tensor, "*ray"]:
        """Return one noisy reading, electrons; no gradient passes.

        Args:
            expected: Expected photons per energy bin and ray.
            energies_kev: Middle of each energy bin, keV.
            generator: Of all randomness, on the device of `expected`.
        """
        expected, weights = expected.detach(), self._weights(energies_kev)
        if not self.quantum_noise:
            reading = weigh(expected, weights[:1])[0]
        elif self.exact:
            absorbed = expected * efficiency_at(self.efficiency, energies_kev).to(expected).reshape(
                -1, *[1] * (expected.ndim - 1)
            )
            reading = draw_compound(absorbed, self.electrons_per_kev * energies_kev, self.swank, generator)
        else:
            mean, second = weigh(expected, weights)
            reading = draw_matched(mean, second / self.swank, generator)
        reading = self._carry(reading)
        if self.gain is not None:
            reading = reading * self.gain.to(reading)
        if self.electronic_noise:
            noise = torch.randn(reading.shape, generator=generator, dtype=reading.dtype, device=reading.device)
            reading = reading + self.electronic_noise * noise
        if self.dead:
            reading = reading.index_fill(-1, torch.tensor(self.dead, device=reading.device), 0.0)
        return self.converter.convert(reading) if self.converter else reading

    def _weights(self, energies_kev: Tensor) -> Tensor:
        """Mean pulse, and mean square of the pulse, of a photon that arrives: ``(2, energy)``."""
        pulses = self.electrons_per_kev * energies_kev
        return torch.stack([pulses, pulses**2]) * efficiency_at(self.efficiency, energies_kev)

    def _carry(self, reading: Tensor) -> Tensor:
        if self.blur_bins or self.crosstalk:
            kernel = spread_kernel(blur_bins=self.blur_bins, crosstalk=self.crosstalk)
            reading = spread(reading, kernel)
            if self.rows:
                reading = spread(reading, kernel, axis=-3)
        return self.lag.apply(reading) if self.lag else reading
