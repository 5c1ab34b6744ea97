"""From line integrals to what a detector reports."""

import math
from dataclasses import dataclass
from typing import Any

import torch

from svct.errors import InputError
from svct.geometry.arrays import as_tensor


@dataclass(frozen=True)
class Acquisition:
    """Photon counting with Poisson noise, electronic noise and the logarithm.

    Args:
        photons: Photons per ray without an object; one number, or one per view.
        electronic_noise: Standard deviation of the electronic noise, in photons.
        least_count: Counts below this are raised to it before the logarithm, in photons. It bounds the log data
            at ``log(photons / least_count)``.

    Raises:
        InputError: A flux or count is not positive, or the noise is negative.

    Example:
        >>> y = Acquisition(photons=1e5).measure(torch.full((1, 2, 3), 4.0), seed=0)
        >>> y.shape
        torch.Size([1, 2, 3])

    Notes:
        I ~ Poisson(I0 exp(-l)) + N(0, s^2), y = log(I0 / max(I, least_count)), the model of Whiting et al. 2006, Med.
        Phys. 33:3290 without beam hardening. The logarithm biases y by about (1 + s^2 / E I) / (2 E I) upwards,
        which is
        0.005 at 100 photons and without electronic noise; the guard biases rays that expect fewer than a few photons
        downwards. No ray gives NaN or infinity.
    """

    photons: float | tuple[float, ...] = 5e4
    electronic_noise: float = 5.0
    least_count: float = 1.0

    def __post_init__(self) -> None:
        flux = self.photons if isinstance(self.photons, (int, float)) else tuple(float(p) for p in self.photons)
        object.__setattr__(self, "photons", flux)
        values = flux if isinstance(flux, tuple) else (flux,)
        if not values or not all(math.isfinite(p) and p > 0 for p in values):
            raise InputError(f"photons: expected positive numbers of photons per ray, got {self.photons!r}")
        if not (math.isfinite(self.electronic_noise) and self.electronic_noise >= 0):
            raise InputError(f"electronic_noise: expected photons, 0 or more, got {self.electronic_noise!r}")
        if not 0 < self.least_count <= min(values):
            raise InputError(f"least_count: expected more than 0 and at most the flux, got {self.least_count!r}")

    def measure(self, line_integrals: Any, *, seed: int) -> Any:
        """Simulate the scan.

        Args:
            line_integrals: Noise-free projections, float32 ``(..., views, bins)``; torch, NumPy or CuPy.
            seed: Seed of the noise; the same seed and input give the same data.

        Returns:
            Log data of the same shape and kind, always finite.

        Raises:
            InputError: NaN or infinity in the projections, or a number of views unlike that of `photons`.
        """
        ideal, back = as_tensor(line_integrals, "line_integrals")
        if ideal.ndim < 2 or not bool(ideal.isfinite().all()):
            raise InputError(
                f"line_integrals: expected finite projections (..., views, bins), got shape {tuple(ideal.shape)}"
                f"{'' if bool(ideal.isfinite().all()) else ' with NaN or infinity'}"
            )
        flux = torch.as_tensor(self.photons, dtype=torch.float64, device=ideal.device)
        if flux.ndim and len(flux) != ideal.shape[-2]:
            raise InputError(f"photons: expected one number per view, {ideal.shape[-2]}, got {len(flux)}")
        flux = flux[:, None] if flux.ndim else flux
        generator = torch.Generator(device=ideal.device).manual_seed(seed)
        counts = torch.poisson(flux * torch.exp(-ideal.double()), generator=generator)
        if self.electronic_noise:
            noise = torch.randn(counts.shape, generator=generator, dtype=counts.dtype, device=counts.device)
            counts += self.electronic_noise * noise
        return back(torch.log(flux / counts.clamp(min=self.least_count)).float())
