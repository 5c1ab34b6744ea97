import math

import numpy as np
import pytest
import torch

from svct.errors import InputError
from svct.geometry import ConeBeam, FanBeam, Grid, ParallelBeam, Projector
from svct.geometry.analytic import ellipsoid_projections
from svct.physics.beam import Beam, Bowtie, heel_beam, water_bowtie
from svct.physics.chain import IdealCounter, IdealIntegrator
from svct.physics.exposure import spread, spread_projectors
from svct.physics.materials import material
from svct.physics.poly import PolychromaticModel, attenuate, basis_attenuation
from svct.physics.spectrum import Spectrum, monochromatic
from svct.physics.tissue import TISSUES, hu_to_materials
from svct.physics.water import water_correction

SCAN = FanBeam(np.arange(6) * math.pi / 3, bins=24, bin_mm=4.0, source_mm=500, detector_mm=300, curved=True)
GRID = Grid((16, 16), voxel_mm=4.0)
BROAD = Spectrum((30.0, 50.0, 70.0, 90.0), (2.0, 5.0, 4.0, 1.0))


def test_one_energy_is_beer_lambert() -> None:
    lines = torch.rand(2, 3, 5, dtype=torch.float64) * 200
    energies = torch.tensor([70.0], dtype=torch.float64)
    mu = basis_attenuation(["water", "bone"], energies)
    expected = attenuate(lines, mu, torch.tensor([[[1e5]]], dtype=torch.float64))[0]
    water, bone = (float(material(m).attenuation(70.0)) for m in ("water", "bone"))
    exact = 1e5 * torch.exp(-(water * lines[0] + bone * lines[1]))
    assert float((expected / exact - 1).abs().max()) < 1e-6


def test_several_energies_are_the_sum_of_each_alone() -> None:
    x = torch.rand(2, 16, 16)
    A = Projector(SCAN, GRID)
    beam = Beam(BROAD)
    together = PolychromaticModel(A, ["water", "bone"], beam.photons(SCAN), beam.energies_kev)(x, torch.ones(6))
    for i, (energy, photons) in enumerate(zip(BROAD.energies_kev, BROAD.photons, strict=True)):
        alone = Beam(monochromatic(energy, photons))
        model = PolychromaticModel(A, ["water", "bone"], alone.photons(SCAN), alone.energies_kev)
        assert torch.allclose(model(x, torch.ones(6))[0], together[i], rtol=1e-5)


def test_cost_is_one_projection_per_material_whatever_the_energies() -> None:
    projected = []

    def project(x: torch.Tensor) -> torch.Tensor:
        projected.append(len(x))
        lines: torch.Tensor = Projector(SCAN, GRID)(x)
        return lines

    fine = Spectrum(tuple(np.linspace(20, 120, 90)), (1.0,) * 90)
    beam = Beam(fine)
    PolychromaticModel(project, ["water", "bone"], beam.photons(SCAN), beam.energies_kev)(
        torch.rand(2, 16, 16), torch.ones(6)
    )
    assert projected == [2]


def test_gradients_by_materials_and_loads() -> None:
    scan, grid = SCAN[:3], Grid((4, 4), voxel_mm=8.0)
    A = Projector(scan, grid)
    identity = torch.eye(16).reshape(16, 4, 4)
    matrix = A(identity).reshape(16, -1).T.double()
    beam = Beam(BROAD)

    def project(x: torch.Tensor) -> torch.Tensor:
        lines: torch.Tensor = (x.reshape(-1, 16) @ matrix.T).reshape(-1, 3, 24)
        return lines

    model = PolychromaticModel(project, ["water", "bone"], beam.photons(scan), beam.energies_kev)
    x = torch.rand(2, 4, 4, dtype=torch.float64, requires_grad=True)
    mas = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a, b: IdealIntegrator().mean(model(a, b), beam.energies_kev), (x, mas))
    # The projector's own gradient, in float32, is the matrix's.
    own = PolychromaticModel(A, ["water", "bone"], beam.photons(scan), beam.energies_kev)
    single = x.detach().float().requires_grad_()
    (gradient,) = torch.autograd.grad(own(single, mas.detach().float()).sum(), single)
    (exact,) = torch.autograd.grad(model(x, mas.detach()).sum(), x)
    assert torch.allclose(gradient, exact.float(), rtol=1e-4, atol=1e-6 * float(exact.abs().max()))


def test_views_without_load_expect_nothing() -> None:
    beam = Beam(BROAD)
    model = PolychromaticModel(Projector(SCAN, GRID), ["water"], beam.photons(SCAN), beam.energies_kev)
    expected = model(torch.ones(1, 16, 16), torch.tensor([1.0, 0, 1, 1, 1, 1]))
    assert float(expected[:, 1].abs().max()) == 0
    assert float(expected[:, 0].min()) > 0
    with pytest.raises(InputError, match="expected 0 mAs or more for every view, got -1 in view 2"):
        model(torch.ones(1, 16, 16), torch.tensor([1.0, 0, -1, 1, 1, 1]))
    with pytest.raises(InputError, match="one image per material, 1, got 2"):
        model(torch.ones(2, 16, 16), torch.ones(6))


def test_photons_fall_with_distance_and_obliquity() -> None:
    near = FanBeam([0.0], bins=3, bin_mm=100.0, source_mm=500, detector_mm=500)
    far = FanBeam([0.0], bins=3, bin_mm=100.0, source_mm=500, detector_mm=1500)
    beam = Beam(monochromatic(60.0, 1e3), row_mm=2.0)
    middle, side = beam.photons(near)[0, 0, 1:].tolist()
    assert middle == pytest.approx(1e3 * 200)  # 200 mm^2 at 1 m
    assert side == pytest.approx(middle * math.cos(math.atan(0.1)) ** 3, rel=1e-9)
    assert float(beam.photons(far)[0, 0, 1]) == pytest.approx(middle / 4)
    curved = FanBeam([0.0], bins=3, bin_mm=100.0, source_mm=500, detector_mm=500, curved=True)
    assert torch.allclose(beam.photons(curved)[0, 0], torch.full((3,), middle, dtype=torch.float64))
    parallel = ParallelBeam([0.0], bins=3, bin_mm=0.5)
    assert float(Beam(monochromatic(25.0, 1e4), row_mm=0.5).photons(parallel)[0, 0, 0]) == pytest.approx(2500)
    cone = ConeBeam([0.0], rows=3, bins=3, row_mm=2.0, bin_mm=100.0, source_mm=500, detector_mm=500)
    assert Beam(BROAD).photons(cone).shape == (4, 3, 1, 3)
    assert float(Beam(monochromatic(60.0, 1e3)).photons(cone)[0, 1, 0, 1]) == pytest.approx(middle)


def test_bowtie_evens_out_water_and_may_be_wider_than_the_fan() -> None:
    scan = FanBeam([0.0], bins=61, bin_mm=10.0, source_mm=500, detector_mm=500, curved=True)
    bowtie = water_bowtie(200.0, source_mm=500, half_fan_deg=40.0)
    beam = Beam(monochromatic(70.0, 1e6), bowtie=bowtie)
    water = torch.from_numpy(
        ellipsoid_projections(scan, (0, 0), (100, 100), float(material("water").attenuation(70.0)))
    )
    behind = (beam.photons(scan)[0] * torch.exp(-water))[0]
    fan = np.rad2deg((np.arange(61) - 30) * 0.01)
    behind = behind[torch.from_numpy(np.abs(np.abs(fan) - math.degrees(math.asin(0.2))) > 1)]  # the rim is too steep
    assert float(behind.max() / behind.min()) == pytest.approx(1.0, abs=0.02)
    narrow = Beam(monochromatic(70.0), bowtie=Bowtie((-10.0, 0.0, 10.0), (5.0, 1.0, 5.0)))
    with pytest.raises(InputError, match=r"expected one that covers the fan of -17.19 to 17.19 degrees, got -10 to 10"):
        narrow.photons(scan)


def test_offset_detector_keeps_the_bowtie_on_the_axis() -> None:
    bowtie = Bowtie((-40.0, 0.0, 40.0), (40.0, 0.0, 40.0))
    for curved in (False, True):
        shifted = FanBeam([0.0], bins=41, bin_mm=10.0, source_mm=500, detector_mm=500, offset_mm=50.0, curved=curved)
        photons = Beam(monochromatic(70.0), bowtie=bowtie).colour(shifted)[0, 0]
        assert int(photons.argmax()) == 15  # five bins back


def test_heel_effect_is_along_the_rows() -> None:
    scan = ConeBeam([0.0], rows=9, bins=3, row_mm=20.0, bin_mm=1.0, source_mm=500, detector_mm=500)
    beam = heel_beam(80, half_cone_deg=10.0, anode_deg=20, bins=20)
    photons = beam.colour(scan)[:, :, 0, 1]
    per_row = photons.sum(dim=0)
    assert bool((per_row.diff() < 0).all())  # the anode is towards larger z
    hardness = (beam.energies_kev[:, None] * photons).sum(dim=0) / per_row
    assert bool((hardness.diff() > 0).all())
    assert float(per_row[4]) == pytest.approx(beam.spectrum.total)


def test_blur_averages_intensities() -> None:
    parts = spread(SCAN, focal_mm=2.0, window_rad=0.02, samples=3)
    assert len(parts) == 9
    assert sum(weight for weight, _ in parts) == pytest.approx(1.0)
    beam = Beam(BROAD)
    args = (["water"], beam.photons(SCAN), beam.energies_kev)
    x = torch.zeros(1, 16, 16)
    x[0, 6:10, 6:10] = 1.0
    sharp = PolychromaticModel(Projector(SCAN, GRID), *args)(x, torch.ones(6)).sum(dim=0)
    smeared = PolychromaticModel(spread_projectors(parts, GRID), *args)(x, torch.ones(6)).sum(dim=0)
    assert float((smeared / sharp - 1).abs().max()) > 1e-3
    assert float(smeared.sum() / sharp.sum()) == pytest.approx(1.0, abs=1e-3)
    still = spread(SCAN)
    assert still == [(1.0, SCAN)]
    with pytest.raises(InputError, match="expected 0 for a parallel beam"):
        spread(ParallelBeam([0.0], bins=3), focal_mm=1.0)


@pytest.mark.parametrize("detector", [IdealIntegrator(), IdealCounter()])
def test_water_correction_gives_back_any_thickness(detector: IdealIntegrator | IdealCounter) -> None:
    beam = Beam(BROAD, bowtie=Bowtie((-30.0, 0.0, 30.0), (15.0, 1.0, 15.0)))
    air = beam.photons(SCAN)
    correct = water_correction(air, beam.energies_kev, detector)
    thickness = torch.linspace(0, 480, 97, dtype=torch.float64)[:, None].expand(97, 24)
    mu = basis_attenuation(["water"], beam.energies_kev)
    expected = attenuate(thickness[None], mu, air)
    logs = -torch.log(detector.mean(expected, beam.energies_kev) / detector.mean(air, beam.energies_kev))
    assert float((correct(logs) / 0.0193 - thickness).abs().max()) < 0.1
    assert float(correct(logs[-1:] + 3).min()) > float(correct(logs[-1:]).max())  # goes on rising beyond the table
    below = correct(torch.full((1, 24), -0.01, dtype=torch.float64))
    assert bool((below < 0).all())


def test_ct_numbers_become_materials_with_the_same_attenuation() -> None:
    hu = torch.tensor([-1200.0, -1000.0, -700.0, -90.0, 0.0, 30.0, 300.0, 1200.0, 3000.0], dtype=torch.float64)
    for basis in (TISSUES, ("water", "bone"), ("adipose", "water", "muscle", "bone", "titanium")):
        fractions = hu_to_materials(hu, basis)
        assert bool((fractions >= 0).all())
        mu = torch.tensor([float(material(m).attenuation(70.0)) for m in basis], dtype=torch.float64)
        water = float(material("water").attenuation(70.0))
        expected = (1 + hu / 1000).clamp(min=0) * water
        assert torch.allclose(mu @ fractions, expected)
        assert int((fractions > 0).sum(dim=0).max()) <= 2
    assert hu_to_materials(torch.tensor([0.0]), TISSUES)[1].item() == pytest.approx(1.0)
    with pytest.raises(InputError, match="in the order of their attenuation at 70 keV, got bone, water"):
        hu_to_materials(hu, ("bone", "water"))
