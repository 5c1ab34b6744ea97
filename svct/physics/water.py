"""Water pre-correction: from what a spectrum measures to the line integrals of the stated water value."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError
from svct.physics.chain import Detector
from svct.physics.materials import material
from svct.units import MU_WATER


@dataclass(frozen=True, eq=False)
class WaterCorrection:
    """A polynomial per ray from log data to line integrals, which are right for water.

    Args:
        coefficients: Of the powers 1, 2, ... of the log data, mm of water, ``(power, [row,] 1, bin)``, float64.
        highest: Log data of the thickest water in the table; beyond it the correction goes on along its slope there.
        mu_water: Attenuation of water that comes out, 1/mm: 0 HU.
    """

    coefficients: Float[Tensor, " power *ray"]
    highest: Float[Tensor, "*ray"]
    mu_water: float = MU_WATER

    def __call__(self, y: Float[Tensor, "*data"]) -> Float[Tensor, "*data"]:
        """Correct log data, ``(..., [row,] view, bin)``; differentiable, in the dtype of `y`."""
        # In double precision: the terms of a high degree nearly cancel.
        coefficients, highest = self.coefficients.to(y.device), self.highest.to(y.device)
        given, y = y, y.double()
        inside = torch.minimum(y, highest)
        powers = range(len(coefficients), 0, -1)
        mm, slope = torch.zeros_like(inside), torch.zeros_like(highest)
        for power, factor in zip(powers, reversed(list(coefficients)), strict=True):
            mm = (mm + factor) * inside
            slope = slope * highest + power * factor
        # Below zero, where noise takes the data, the polynomial's own slope at zero.
        mm = torch.where(y < 0, coefficients[0] * y, mm) + slope * (y - inside)
        return (self.mu_water * mm).to(given.dtype)


def water_correction(
    air: Float[Tensor, " energy *ray"],
    energies_kev: Float[Tensor, " energy"],
    detector: Detector,
    *,
    longest_mm: float = 500.0,
    degree: int = 10,
    steps: int = 64,
    mu_water: float = MU_WATER,
) -> WaterCorrection:
    """Fit the correction to a table of water thicknesses, as a scanner's water calibration does.

    Args:
        air: Expected photons without an object, ``(energy, [row,] 1, bin)``.
        energies_kev: Energy of each bin, keV.
        detector: What measures them.
        longest_mm: Thickest water in the table, mm.
        degree: Of the polynomial.
        steps: Thicknesses in the table.
        mu_water: Attenuation of water that comes out, 1/mm.

    Raises:
        InputError: A bin sees no photons, or the detector's mean does not keep the shape of a ray.

    Notes:
        -log(S(t) / S(0)) for water of thickness t, inverted by a polynomial without constant (Herman 1979, Phys. Med.
        Biol. 24:81), fitted by least squares with weights 1 / (t + 1 mm). Detectors that mix views (lag) are taken as
        if each thickness had been there for long: calibrate them without lag.
    """
    thickness = longest_mm * torch.linspace(0, 1, steps, dtype=torch.float64) ** 2
    mu = torch.from_numpy(material("water").attenuation(energies_kev.double().numpy()))
    shape = (len(mu), *(1,) * (air.ndim - 1))
    expected = air.double() * torch.exp(-mu.reshape(shape) * thickness[:, None])
    signal = detector.mean(expected, energies_kev)
    if signal.shape[-2:] != expected.shape[-2:]:
        raise InputError(f"detector: expected a mean of shape (..., {steps}, bin), got {tuple(signal.shape)}")
    empty = signal.select(-2, 0).unsqueeze(-2)
    if not bool((empty > 0).all()):
        raise InputError("air: expected photons in every bin, got none in some; take a thinner filter or bowtie")
    logs = -torch.log(signal / empty).movedim(-2, -1)  # (..., bin, thickness)
    highest = logs[..., -1]
    scaled = logs / highest[..., None]
    weights = 1 / (thickness + 1)
    matrix = torch.stack([scaled**power for power in range(1, degree + 1)], dim=-1) * weights[:, None]
    target = (thickness * weights)[:, None].expand(*matrix.shape[:-1], 1)
    fitted = torch.linalg.lstsq(matrix, target).solution[..., 0]  # (..., bin, power)
    powers = torch.arange(1, degree + 1, dtype=torch.float64)
    fitted = fitted / highest[..., None] ** powers
    return WaterCorrection(fitted.movedim(-1, 0).unsqueeze(-2), highest.unsqueeze(-2), mu_water)
