"""Water in air at every voltage: with pre-correction 0 HU, without it the cupping that theory tells."""

import math

import numpy as np
import pytest
import torch

from svct.geometry import FanBeam, Grid, Projector
from svct.geometry.analytic import ellipsoid_projections
from svct.physics.beam import Beam
from svct.physics.chain import IdealIntegrator
from svct.physics.materials import material
from svct.physics.poly import attenuate, basis_attenuation
from svct.physics.spectrum import tube_spectrum
from svct.physics.water import water_correction
from svct.recon import fbp
from svct.units import mu_to_hu

RADIUS = 100.0
SCAN = FanBeam(np.arange(360) * math.pi / 180, bins=300, bin_mm=1.5, source_mm=540, detector_mm=410, curved=True)
GRID = Grid((64, 64), voxel_mm=3.6)


def radii() -> torch.Tensor:
    at = (torch.arange(64) - 31.5) * 3.6
    return torch.sqrt(at[:, None] ** 2 + at[None] ** 2)


def water_scan(kvp: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Log data of the cylinder, as measured and corrected."""
    beam = Beam(tube_spectrum(kvp, anode_deg=7, filters={"aluminium": 5.5}).rebinned(32))
    air = beam.photons(SCAN)
    chords = torch.from_numpy(ellipsoid_projections(SCAN, (0, 0), (RADIUS, RADIUS), 1.0))
    signal = IdealIntegrator().mean(
        attenuate(chords[None], basis_attenuation(["water"], beam.energies_kev), air), beam.energies_kev
    )
    logs = -torch.log(signal / IdealIntegrator().mean(air, beam.energies_kev))
    return logs.float(), water_correction(air, beam.energies_kev, IdealIntegrator())(logs).float()


@pytest.mark.parametrize("kvp", [80, 100, 120, 140])
def test_water_is_0_hu_at_every_voltage(kvp: float) -> None:
    image = mu_to_hu(fbp(water_scan(kvp)[1], Projector(SCAN, GRID)))
    inside = image[radii() < RADIUS - 12]
    assert float(inside.mean()) == pytest.approx(0.0, abs=2.0)
    for inner, outer in ((0, 25), (25, 50), (50, 75), (75, 88)):
        ring = image[(radii() >= inner) & (radii() < outer)]
        assert float(ring.mean()) == pytest.approx(0.0, abs=5.0), f"{kvp} kV, {inner} to {outer} mm"


def test_cupping_without_correction_is_that_of_theory() -> None:
    logs, _ = water_scan(80)
    image = fbp(logs, Projector(SCAN, GRID))
    middle = float(image[radii() < 15].mean())
    edge = float(image[(radii() > 80) & (radii() < 88)].mean())
    # Abel's inverse of p(l(s)) with the chord l = 2 sqrt(R^2 - s^2), exact for a round object.
    beam = tube_spectrum(80, anode_deg=7, filters={"aluminium": 5.5}).rebinned(32)
    energies, mu = np.array(beam.energies_kev), material("water").attenuation(np.array(beam.energies_kev))
    weight = energies * np.array(beam.photons)

    def slope(chord: np.ndarray) -> np.ndarray:
        """dp / dl: the attenuation of what is left of the spectrum."""
        left = weight * np.exp(-mu * chord[..., None])
        return np.asarray((left * mu).sum(-1) / left.sum(-1))

    def inverse(r: float) -> float:
        # -1/pi int p'(s) / sqrt(s^2 - r^2) ds with p'(s) = -slope 4 s / l; s^2 = r^2 + (R^2 - r^2) sin^2 t.
        t, w = np.polynomial.legendre.leggauss(200)
        t, w = (t + 1) * math.pi / 4, w * math.pi / 4
        chord = 2 * math.sqrt(RADIUS**2 - r**2) * np.cos(t)
        return float(2 / math.pi * (w * slope(chord)).sum())

    at_middle = float(np.mean([inverse(r) for r in (3.0, 8.0, 13.0)]))
    at_edge = float(np.mean([inverse(r) for r in (81.0, 84.0, 87.0)]))
    assert at_middle < at_edge
    cupping, theory = (edge - middle) / edge, (at_edge - at_middle) / at_edge
    assert theory > 0.02
    assert cupping == pytest.approx(theory, rel=0.1)
    assert middle == pytest.approx(at_middle, rel=0.01)
