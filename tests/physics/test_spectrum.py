import numpy as np
import pytest

from svct.errors import InputError, UnknownNameError
from svct.physics.materials import Material, calcium_in_water, iodine_in_water, material
from svct.physics.spectrum import Spectrum, monochromatic, tube_spectrum

KAPTON = Material("kapton", 1.42, {"H": 0.026362, "C": 0.691133, "N": 0.073270, "O": 0.209235})

# Ankerhold 2000, PTB-Dos-34: RQR and RQA qualities of a tube with an anode of 20 degrees, measured spectra;
# Kessler and Burns 2018, Rapport BIPM-2018/06: 100 and 135 kV.
PTB = [
    (80, 1.0, 2.5, 2.59),
    (100, 1.0, 2.5, 3.23),
    (120, 1.0, 2.5, 3.88),
    (80, 1.0, 28.5, 7.96),
    (100, 1.0, 36.5, 9.93),
    (120, 1.0, 42.5, 11.37),
    (150, 7.0, 2.5, 5.01),
]
BIPM = [(100, 3.431, 0.0, 0.149), (135, 2.228, 0.232, 0.489)]


@pytest.mark.parametrize(("kvp", "beryllium", "aluminium", "published"), PTB)
def test_half_value_layers_are_those_of_ptb(kvp: float, beryllium: float, aluminium: float, published: float) -> None:
    filters: list[tuple[str | Material, float]] = [
        (KAPTON, 0.25),
        ("beryllium", beryllium),
        ("aluminium", aluminium),
        ("air", 950.0),
    ]
    beam = tube_spectrum(kvp, anode_deg=20, filters=filters)
    assert beam.half_value_layer() == pytest.approx(published, rel=0.03)


@pytest.mark.parametrize(("kvp", "aluminium", "copper", "published"), BIPM)
def test_half_value_layers_are_those_of_bipm(kvp: float, aluminium: float, copper: float, published: float) -> None:
    filters = {"beryllium": 3.0, "aluminium": aluminium, "copper": copper, "air": 1150.0}
    beam = tube_spectrum(kvp, anode_deg=20, filters=filters)
    assert beam.half_value_layer("copper") == pytest.approx(published, rel=0.03)


# Spectra of a CT tube with an anode of 7 degrees, fitted to measured attenuation (xcist_kVp*_tar7_bin1.dat of XCIST
# 1.6.9), with the half-value layers that svct computes of them. Their filtration is not stated: 5.5 mm Al fits 120 kV.
# At 80 kV, where that fit is said to be worst, theirs is harder (5.05 mm) than ours (4.37 mm).
@pytest.mark.parametrize(("kvp", "published"), [(100, 5.46), (120, 6.45), (140, 7.23)])
def test_half_value_layers_are_those_of_a_ct_tube(kvp: float, published: float) -> None:
    beam = tube_spectrum(kvp, anode_deg=7, filters={"aluminium": 5.5})
    assert beam.half_value_layer() == pytest.approx(published, rel=0.03)


def test_half_value_layer_halves_the_kerma() -> None:
    beam = tube_spectrum(120, anode_deg=20, filters={"aluminium": 2.5})
    first, second = beam.half_value_layer(), beam.half_value_layer(order=2)
    assert beam.filtered("aluminium", first).air_kerma_mgy == pytest.approx(beam.air_kerma_mgy / 2, rel=1e-6)
    assert beam.filtered("aluminium", first + second).air_kerma_mgy == pytest.approx(beam.air_kerma_mgy / 4, rel=1e-6)
    assert second > first


def test_heel_effect_is_weaker_and_harder_towards_the_anode() -> None:
    cathode, centre, anode = (tube_spectrum(80, anode_deg=20, off_axis_deg=angle) for angle in (-10.0, 0.0, 10.0))
    assert cathode.total > centre.total > anode.total
    assert cathode.mean_kev < centre.mean_kev < anode.mean_kev


def test_fewer_bins_keep_photons_energy_and_half_value_layer() -> None:
    beam = tube_spectrum(120, anode_deg=20, filters={"aluminium": 2.5})
    coarse = beam.rebinned(24)
    assert len(coarse.energies_kev) <= 24
    assert coarse.total == pytest.approx(beam.total, rel=1e-9)
    assert coarse.mean_kev == pytest.approx(beam.mean_kev, rel=1e-9)
    assert coarse.half_value_layer() == pytest.approx(beam.half_value_layer(), rel=0.02)


# Hubbell and Seltzer, NIST X-Ray Mass Attenuation Coefficients, tables 3 and 4, cm^2/g: mu / rho and mu_en / rho.
@pytest.mark.parametrize(
    ("name", "kev", "total", "energy"),
    [
        ("water", 30.0, 0.3756, 0.1557),
        ("water", 60.0, 0.2059, 0.03190),
        ("water", 100.0, 0.1707, 0.02546),
        ("air", 60.0, 0.1875, 0.03041),
        ("bone", 60.0, 0.3148, 0.1400),
        ("aluminium", 60.0, 0.2778, 0.1099),
    ],
)
def test_attenuation_is_that_of_nist(name: str, kev: float, total: float, energy: float) -> None:
    assert float(material(name).mass_attenuation(kev)) == pytest.approx(total, rel=0.02)
    assert float(material(name).mass_energy_transfer(kev)) == pytest.approx(energy, rel=0.04)


def test_parts_add_up_and_the_iodine_edge_shows() -> None:
    energies = np.array([33.0, 33.3, 60.0])
    parts = [material("iodine").mass_attenuation(energies, part=p) for p in ("photoelectric", "coherent", "incoherent")]
    assert np.allclose(sum(parts), material("iodine").mass_attenuation(energies), rtol=0.01)
    assert parts[0][1] > 4 * parts[0][0]


def test_solutions_add_volumes() -> None:
    assert iodine_in_water(0.0).attenuation(60.0) == pytest.approx(material("water").attenuation(60.0))
    added = iodine_in_water(10.0).attenuation(60.0) - material("water").attenuation(60.0)
    expected = 0.01 * (material("iodine").mass_attenuation(60.0) - material("water").mass_attenuation(60.0) / 4.93) / 10
    assert float(added) == pytest.approx(float(expected), rel=1e-6)
    assert calcium_in_water(400.0).density == pytest.approx(1 + 0.4 * (1 - 1 / 3.16), rel=1e-6)


def test_what_is_outside_the_tables_is_named() -> None:
    with pytest.raises(InputError, match="kvp: expected 20 to 300 kV, which the tube model covers, got 15"):
        tube_spectrum(15)
    with pytest.raises(InputError, match="expected 1 to 800 keV"):
        material("water").attenuation(2000.0)
    with pytest.raises(InputError, match=r"at least 0.5 degrees above its"):
        tube_spectrum(80, anode_deg=7, off_axis_deg=7)
    with pytest.raises(UnknownNameError, match=r"unknown material 'watr': expected one of .* Did you mean 'water'"):
        material("watr")
    with pytest.raises(InputError, match=r"mass fractions that add up to 1, got 0.9"):
        Material("half", 1.0, {"H": 0.9})
    with pytest.raises(InputError, match="iodine: expected 0 to 4930 mg/ml"):
        iodine_in_water(-1)
    with pytest.raises(InputError, match="as many energies as photon numbers"):
        Spectrum((1.0, 2.0), (1.0,))
    with pytest.raises(InputError, match="expected 0 mm or more, got -1"):
        monochromatic(60).filtered("aluminium", -1)
