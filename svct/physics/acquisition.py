"""From line integrals to what a detector reports."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from svct.errors import InputError
from svct.geometry.arrays import as_tensor
from svct.physics.chain import IdealIntegrator
from svct.physics.materials import material
from svct.physics.spectrum import Spectrum
from svct.physics.water import WaterCorrection, water_correction
from svct.units import MU_WATER


@dataclass(frozen=True)
class Acquisition:
    """Photon counting with Poisson noise, electronic noise and the logarithm, at one energy or with a spectrum.

    Args:
        photons: Photons per ray without an object, or per ray and mAs where `mas` is given; one number, or one per
            view.
        electronic_noise: Standard deviation of the electronic noise, in photons.
        least_count: Counts below this are raised to it before the logarithm, in photons. It bounds the log data
            at ``log(photons / least_count)``.
        mas: Load of each view, mAs; one number, or one per view. A view of 0 mAs measures nothing: its log data are
            0 and have to be left out, by `exposed`. Default: `photons` are those of the view.
        spectrum: Of the tube. The object is then taken for water of the line integrals' length at `MU_WATER`: its
            beam hardens, the detector adds up energy, and the log data are corrected for water, so that they keep
            their scale but not their noise. `photons` counts all energies; `electronic_noise` and `least_count` are
            in photons of mean energy. Default: one energy.

    Raises:
        InputError: A flux, load or count is not what it can be, the noise is negative, or no view is exposed.

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
    mas: float | tuple[float, ...] | None = None
    spectrum: Spectrum | None = None

    def __post_init__(self) -> None:
        flux = self.photons if isinstance(self.photons, (int, float)) else tuple(float(p) for p in self.photons)
        object.__setattr__(self, "photons", flux)
        values = flux if isinstance(flux, tuple) else (flux,)
        if not values or not all(math.isfinite(p) and p > 0 for p in values):
            raise InputError(f"photons: expected positive numbers of photons per ray, got {self.photons!r}")
        if not (math.isfinite(self.electronic_noise) and self.electronic_noise >= 0):
            raise InputError(f"electronic_noise: expected photons, 0 or more, got {self.electronic_noise!r}")
        if self.mas is not None:
            loads = (self.mas,) if isinstance(self.mas, (int, float)) else tuple(float(load) for load in self.mas)
            object.__setattr__(self, "mas", float(self.mas) if isinstance(self.mas, (int, float)) else loads)
            if not all(math.isfinite(load) and load >= 0 for load in loads) or not any(loads):
                raise InputError(f"mas: expected 0 mAs or more for every view, and not 0 for all, got {self.mas!r}")
            values = tuple(photons * load for photons in (min(values), max(values)) for load in loads if load)
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
        views = ideal.shape[-2]
        flux = self._per_view(self.photons, "photons", views)
        flux = flux if self.mas is None else flux * self._per_view(self.mas, "mas", views)
        generator = torch.Generator(device=ideal.device).manual_seed(seed)
        empty = flux.to(ideal.device)[..., None]
        if self.spectrum is None:
            counts = torch.poisson(empty * torch.exp(-ideal.double()), generator=generator)
        else:
            counts = self._hardened(ideal.double(), empty, self.spectrum, generator)
        if self.electronic_noise:
            noise = torch.randn(counts.shape, generator=generator, dtype=counts.dtype, device=counts.device)
            counts += self.electronic_noise * noise
        exposed = empty > 0
        logs = torch.log(torch.where(exposed, empty, 1.0) / counts.clamp(min=self.least_count))
        logs = torch.where(exposed, logs, 0.0)
        if self.spectrum is not None:
            logs = self._correction(self.spectrum)(logs)
        return back(logs.float())

    @property
    def exposed(self) -> tuple[bool, ...] | None:
        """Which views have load; None where all have."""
        if self.mas is None or isinstance(self.mas, float):
            return None
        return tuple(load > 0 for load in self.mas)

    def _per_view(self, given: float | tuple[float, ...], name: str, views: int) -> Tensor:
        values = torch.as_tensor(given, dtype=torch.float64)
        if values.ndim and len(values) != views:
            raise InputError(f"{name}: expected one number per view, {views}, got {len(values)}")
        return values

    def _hardened(self, lines: Tensor, empty: Tensor, spectrum: Spectrum, generator: torch.Generator) -> Tensor:
        """Energy behind the object in photons of mean energy, with its noise."""
        energies = torch.tensor(spectrum.energies_kev, dtype=torch.float64)
        share = torch.tensor(spectrum.photons, dtype=torch.float64) / spectrum.total
        mu = torch.from_numpy(material("water").attenuation(energies.numpy()))
        counts = torch.zeros_like(lines)
        for energy, part, attenuation in zip(energies.tolist(), share.tolist(), mu.tolist(), strict=True):
            expected = part * empty * torch.exp(-attenuation / MU_WATER * lines)
            counts += energy / spectrum.mean_kev * torch.poisson(expected, generator=generator)
        return counts

    def _correction(self, spectrum: Spectrum) -> WaterCorrection:
        air = torch.tensor(spectrum.photons, dtype=torch.float64)[:, None, None]
        return water_correction(air, torch.tensor(spectrum.energies_kev, dtype=torch.float64), IdealIntegrator())
