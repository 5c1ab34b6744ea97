"""What a scan costs the patient: CTDIvol, DLP, SSDE, and the energy that the object itself absorbs."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError
from svct.physics.materials import Material, material
from svct.physics.poly import PolychromaticModel

SIZE_FACTORS = {320: (3.704369, 0.03671937), 160: (1.874799, 0.03871313)}
"""a and b of the conversion factor a exp(-b d), d in cm, by the diameter of the CTDI phantom in mm: AAPM Report 204."""

KEV_TO_MJ = 1.602176634e-13
"""1 keV in mJ."""


@dataclass(frozen=True)
class DoseCoefficient:
    """Published dose of a scanner at one voltage and collimation.

    Args:
        ctdi_w_mgy_per_100mas: Weighted CTDI, mGy per 100 mAs of one rotation.
        phantom_mm: Diameter of the phantom it holds for, 320 (body) or 160 (head).
        source: Where it was published.

    Raises:
        InputError: A coefficient that is not positive, another phantom, or no source.
    """

    ctdi_w_mgy_per_100mas: float
    phantom_mm: int
    source: str

    def __post_init__(self) -> None:
        if not (math.isfinite(self.ctdi_w_mgy_per_100mas) and self.ctdi_w_mgy_per_100mas > 0):
            raise InputError(f"ctdi_w_mgy_per_100mas: expected mGy, more than 0, got {self.ctdi_w_mgy_per_100mas!r}")
        if self.phantom_mm not in SIZE_FACTORS:
            raise InputError(f"phantom_mm: expected 320 (body) or 160 (head), got {self.phantom_mm!r}")
        if not self.source.strip():
            raise InputError("source: expected where the dose coefficient was published, got nothing")


@dataclass(frozen=True)
class Dose:
    """The dose of one scan; what cannot be told is None.

    Args:
        mas: Load of all views together, mAs.
        ctdi_vol_mgy: Volume CTDI, mGy.
        dlp_mgy_cm: Dose-length product, mGy cm.
        ssde_mgy: Size-specific dose estimate, mGy.
        water_equivalent_mm: Water-equivalent diameter of the patient, mm.
        absorbed_mgy: Energy that primary photons leave in the object per mass, mGy, see `absorbed_energy_mj`.
        source: Of the coefficient.
    """

    mas: float
    ctdi_vol_mgy: float | None = None
    dlp_mgy_cm: float | None = None
    ssde_mgy: float | None = None
    water_equivalent_mm: float | None = None
    absorbed_mgy: float | None = None
    source: str = ""

    def to_dict(self) -> dict[str, float | str | None]:
        """Return the dose as plain data."""
        return asdict(self)


def scan_dose(
    mas: Sequence[float],
    *,
    views_per_rotation: int,
    coefficient: DoseCoefficient | None = None,
    pitch: float = 1.0,
    length_mm: float | None = None,
    water_equivalent_mm: float | None = None,
    absorbed_mgy: float | None = None,
) -> Dose:
    """Return the dose of a scan from its loads.

    Args:
        mas: Load of each view, mAs.
        views_per_rotation: Views of a whole rotation; fewer views in `mas` are part of one, with their load.
        coefficient: Published dose per load. Default: none, so that neither CTDI, DLP nor SSDE is told.
        pitch: Table feed per rotation over the collimated width; 1 for axial scans side by side.
        length_mm: Scanned length, mm. Default: unknown, so is the DLP.
        water_equivalent_mm: Of the patient. Default: unknown, so is the SSDE.
        absorbed_mgy: To be carried along.

    Notes:
        CTDIvol = nCTDIw mAs per rotation / pitch / 100, DLP = CTDIvol L (IEC 60601-2-44), with the mean load of a
        rotation; SSDE = CTDIvol a exp(-b Dw) (AAPM Reports 204 and 220).
    """
    total = float(np.sum(mas))
    if coefficient is None:
        return Dose(total, water_equivalent_mm=water_equivalent_mm, absorbed_mgy=absorbed_mgy)
    rotations = max(1.0, len(mas) / views_per_rotation)
    ctdi = coefficient.ctdi_w_mgy_per_100mas * total / rotations / pitch / 100
    a, b = SIZE_FACTORS[coefficient.phantom_mm]
    size = None if water_equivalent_mm is None else ctdi * a * math.exp(-b * water_equivalent_mm / 10)
    dlp = None if length_mm is None else ctdi * length_mm / 10
    return Dose(total, ctdi, dlp, size, water_equivalent_mm, absorbed_mgy, coefficient.source)


def water_equivalent_mm(hu: Float[Tensor, "*slices y x"], *, voxel_mm: float) -> float:
    """Return the water-equivalent diameter of a patient, the mean over slices, mm.

    Args:
        hu: CT numbers of axial slices, HU, air around the patient included or not.
        voxel_mm: Edge of a pixel, mm.

    Example:
        >>> round(water_equivalent_mm(torch.zeros(100, 100), voxel_mm=2.0))
        226

    Notes:
        Dw = 2 sqrt(sum over pixels of (HU / 1000 + 1) pixel area / pi), AAPM Report 220, equation 4.
    """
    area = (hu.double() / 1000 + 1).clamp(min=0).sum(dim=(-2, -1)) * voxel_mm**2
    return float((2 * torch.sqrt(area / math.pi)).mean())


def absorbed_energy_mj(
    model: PolychromaticModel, x: Float[Tensor, " material *image"], mas: Float[Tensor, " view"]
) -> float:
    """Estimate the energy that primary photons leave in the object, mJ.

    Args:
        model: The forward model.
        x: Volume fraction of each material.
        mas: Load of each view, mAs.

    Notes:
        Per ray and energy E (n0 - n) (mu_tr / mu), the part of the photons lost that is taken up where they interact,
        with the ratio of the materials weighted by their share in the ray. Scattered photons are taken to leave: for a
        body that is a lower bound, by the projector alone; Monte Carlo tells the rest.
    """
    total = 0.0
    energies = model.energies_kev.double()
    share = torch.stack([torch.from_numpy(_transfer_ratio(m, energies)) for m in model.basis], dim=1)
    for weight, project in model.projectors:
        lines = project(x)
        exponent = torch.tensordot(model.mu.to(lines), lines, dims=1).clamp_(min=1e-6)
        taken = torch.tensordot((model.mu * share).to(lines), lines, dims=1)
        taken *= torch.expm1(-exponent).neg_().div_(exponent)
        taken *= model.air.to(lines) * mas.to(lines)[:, None]
        spectrum = taken.reshape(len(energies), -1).sum(dim=1, dtype=torch.float64)
        total += weight * float((energies * spectrum).sum()) * KEV_TO_MJ
    return total


def mass_kg(x: Float[Tensor, " material *image"], basis: Sequence[str | Material], *, voxel_mm3: float) -> float:
    """Return the mass of an object of materials, kg."""
    density = torch.tensor([material(m).density for m in basis], dtype=torch.float64)
    volume_cm3 = x.double().flatten(1).sum(dim=1) * voxel_mm3 / 1000
    return float((density * volume_cm3).sum() / 1000)


def _transfer_ratio(of: Material, energies: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    kev = energies.numpy()
    return np.asarray(of.mass_energy_transfer(kev) / of.mass_attenuation(kev))
