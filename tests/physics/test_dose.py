import math

import numpy as np
import pytest
import torch

from svct.errors import InputError
from svct.geometry import FanBeam, Grid, Projector
from svct.physics.beam import Beam
from svct.physics.dose import DoseCoefficient, absorbed_energy_mj, mass_kg, scan_dose, water_equivalent_mm
from svct.physics.materials import material
from svct.physics.modulation import modulated_loads
from svct.physics.poly import PolychromaticModel
from svct.physics.spectrum import monochromatic

BODY = DoseCoefficient(8.0, 320, "a made-up coefficient of this test")


def test_ctdi_dlp_and_ssde() -> None:
    dose = scan_dose(
        [0.2] * 2000, views_per_rotation=1000, coefficient=BODY, pitch=1.25, length_mm=300, water_equivalent_mm=250
    )
    assert dose.mas == pytest.approx(400)
    assert dose.ctdi_vol_mgy is not None
    assert dose.ssde_mgy is not None
    assert dose.ctdi_vol_mgy == pytest.approx(8.0 * 200 / 100 / 1.25)
    assert dose.dlp_mgy_cm == pytest.approx(dose.ctdi_vol_mgy * 30)
    # AAPM Report 204, table 1D: 1.48 for 25 cm of water and the 32 cm phantom.
    assert dose.ssde_mgy / dose.ctdi_vol_mgy == pytest.approx(1.48, abs=0.01)
    part = scan_dose([0.2] * 100, views_per_rotation=1000, coefficient=BODY)
    assert part.ctdi_vol_mgy == pytest.approx(1.6)
    assert (part.dlp_mgy_cm, part.ssde_mgy) == (None, None)
    assert scan_dose([1.0], views_per_rotation=1).ctdi_vol_mgy is None
    with pytest.raises(InputError, match="expected where the dose coefficient was published"):
        DoseCoefficient(8.0, 320, " ")
    with pytest.raises(InputError, match=r"expected 320 \(body\) or 160 \(head\), got 200"):
        DoseCoefficient(8.0, 200, "x")


def test_water_equivalent_diameter_of_a_water_disc() -> None:
    at = torch.arange(200) - 99.5
    disc = torch.where(at[:, None] ** 2 + at[None] ** 2 < 80**2, 0.0, -1000.0)
    assert water_equivalent_mm(disc, voxel_mm=2.0) == pytest.approx(320, rel=0.005)


def test_absorbed_energy_of_a_thin_sheet_is_fluence_times_transfer() -> None:
    scan = FanBeam([0.0], bins=21, bin_mm=4.0, source_mm=500, detector_mm=500)
    grid = Grid((40, 40), voxel_mm=1.0)
    x = torch.zeros(1, 40, 40)
    x[0, 20] = 1.0  # 1 mm of water across the beam
    beam = Beam(monochromatic(60.0, 1e9), row_mm=2.0)
    model = PolychromaticModel(Projector(scan, grid), ["water"], beam.photons(scan), beam.energies_kev)
    energy = absorbed_energy_mj(model, x, torch.tensor([2.0]))
    assert energy == pytest.approx(2 * absorbed_energy_mj(model, x, torch.tensor([1.0])))
    mass = mass_kg(x, ["water"], voxel_mm3=1.0)  # rows of 2 mm on the detector are 1 mm on the axis
    fluence = 2 * 1e9 * (1000 / 500) ** 2  # per mm^2 on the axis
    kerma = fluence * 100 * 60.0 * float(material("water").mass_energy_transfer(60.0)) * 1.602176634e-10
    assert energy / mass == pytest.approx(kerma, rel=0.05)


def test_modulation_follows_the_attenuation() -> None:
    lines = torch.tensor([1.0, 2.0, 4.0, 2.0] * 3)[:, None].repeat(1, 5)
    root = modulated_loads(lines, views_per_rotation=4)
    assert float(root.mean()) == pytest.approx(1.0)
    assert float(root[2] / root[0]) == pytest.approx(math.exp(1.5), rel=1e-6)
    limited = modulated_loads(lines, views_per_rotation=4, angular=1.0, limits=(0.5, 1.5))
    assert float(limited.max()) <= 1.55
    assert float(limited.min()) >= 0.45
    slow = torch.linspace(0, 4, 400)[:, None].repeat(1, 3)
    along = modulated_loads(slow, views_per_rotation=20, angular=0.0, z=0.5)
    assert float(along[300] / along[100]) == pytest.approx(math.exp(0.5 * float(slow[300, 0] - slow[100, 0])), rel=0.02)
    assert torch.allclose(modulated_loads(slow, views_per_rotation=20, angular=0.0), torch.ones(400).double())
    with pytest.raises(InputError, match="expected exponents of 0 to 1"):
        modulated_loads(slow, views_per_rotation=20, angular=2.0)


def test_square_root_has_the_least_noise_for_the_load() -> None:
    # Gies et al. 1999: the variance in the middle is the sum of exp(l) / load.
    lines = torch.from_numpy(np.random.default_rng(0).uniform(2, 6, 50))[:, None]

    def variance(exponent: float) -> float:
        loads = modulated_loads(lines, views_per_rotation=50, angular=exponent)
        return float((torch.exp(lines[:, 0]) / loads).sum())

    assert variance(0.5) < min(variance(0.4), variance(0.6), variance(0.0), variance(1.0))
