import math
import sys
from pathlib import Path

import pytest
import torch
from jsonschema import Draft202012Validator

from svct.errors import BackendUnavailable, DataFileError, InputError, UnknownNameError
from svct.geometry import Grid, ParallelBeam
from svct.physics import Protocol, load_protocol
from svct.physics.converter import Converter
from svct.physics.dose import scan_dose
from svct.physics.integrating import EnergyIntegrating
from svct.physics.lag import Lag
from svct.physics.protocol import json_schema, protocol_names
from svct.physics.quanta import Efficiency
from svct.physics.scatter import ForwardScatter
from svct.physics.simulate import Simulator, build_detector

TINY = """
schema = "svct.protocol/1"
name = "tiny"
title = "A small fan"
sources = ["made up for a test"]

[scan]
kind = "fan"
bins = 48
bin_mm = 8.0
row_mm = 4.0
source_mm = 540.0
detector_mm = 410.0
curved = true
views_per_rotation = 60

[source]
kev = 70.0
photons_per_mm2 = 1e4

[exposure]
mas_per_rotation = 600.0
"""


def tiny(tmp_path: Path, **changes: str) -> Protocol:
    text = TINY
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    path = tmp_path / "tiny.toml"
    path.write_text(text)
    return load_protocol(path)


def test_the_schema_is_one_and_every_preset_follows_it() -> None:
    Draft202012Validator.check_schema(json_schema())
    names = protocol_names()
    assert {"clinical-chest", "clinical-helical", "c-arm", "micro-ct", "synchrotron"} == set(names)
    for name in names:
        protocol = load_protocol(name)
        assert protocol.name == name
        assert protocol.values["sources"]
        scan = protocol.scan(length_mm=40.0)
        assert len(scan) >= protocol.views_per_rotation / 2
        assert protocol == load_protocol(f"{name}.toml")


def test_clinical_presets_have_a_published_ctdi() -> None:
    for name in ("clinical-chest", "clinical-helical"):
        coefficient = load_protocol(name).dose_coefficient
        assert coefficient is not None
        assert (coefficient.ctdi_w_mgy_per_100mas, coefficient.phantom_mm) == (7.8, 320)
        assert "Elojeimy" in coefficient.source
        dose = scan_dose([0.2] * 1000, views_per_rotation=1000, coefficient=coefficient)
        assert dose.ctdi_vol_mgy == pytest.approx(15.6)


def test_helix_covers_the_length_and_a_half_turn_more() -> None:
    protocol = load_protocol("clinical-helical")
    scan = protocol.scan(length_mm=90.0)
    feed = 16 * 1.0 * 540 / 950
    assert scan.to_dict()["pitch_mm"] == pytest.approx(feed)
    assert len(scan) == math.ceil((90 / feed + 1) * 1000)
    heights = scan.vectors[:, 2]
    assert heights.max() - heights.min() > 90


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown protocol 'clinical-chst': expected one of .* Did you mean"):
        load_protocol("clinical-chst.toml")
    with pytest.raises(DataFileError, match="expected a protocol in TOML, found no file"):
        load_protocol(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("= 1")
    with pytest.raises(DataFileError, match="cannot be read"):
        load_protocol(broken)
    with pytest.raises(InputError, match=r"does not follow the schema svct.protocol/1 at scan: .*'tube'"):
        tiny(tmp_path, **{"curved = true": "tube = 1"})
    with pytest.raises(InputError, match="at exposure/mas_per_rotation"):
        tiny(tmp_path, **{"mas_per_rotation = 600.0": "mas_per_rotation = -1"})
    protocol = tiny(tmp_path, **{"source_mm = 540.0\n": ""})
    with pytest.raises(InputError, match="tiny: expected scan/source_mm for a fan scan, got none"):
        protocol.scan()
    high = tiny(tmp_path, **{"kev = 70.0\nphotons_per_mm2 = 1e4": "kvp = 400"})
    with pytest.raises(InputError, match="kvp: expected 20 to 300 kV, which the tube model covers, got 400"):
        high.beam(high.scan())
    narrow = {"photons_per_mm2 = 1e4": "photons_per_mm2 = 1e4\nbowtie = { fan_deg = [-5, 5], thickness_mm = [1, 1] }"}
    bowtie = tiny(tmp_path, **narrow)
    with pytest.raises(InputError, match="bowtie: expected one that covers the fan"):
        bowtie.beam(bowtie.scan()).photons(bowtie.scan())
    with pytest.raises(UnknownNameError, match="unknown detector 'film'"):
        build_detector({"kind": "film"})
    with pytest.raises(InputError, match="expected what a detector of kind 'ideal-counting' takes"):
        build_detector({"kind": "ideal-counting", "gain": 3})


def test_loads_of_a_protocol(tmp_path: Path) -> None:
    grid = Grid((24, 24), voxel_mm=8.0)
    x = torch.zeros(1, 24, 24)
    x[0, 10:14, 2:22] = 1.0  # wide, flat
    constant = tiny(tmp_path)
    plain = Simulator(constant, constant.scan(), grid, ["water"])
    assert torch.allclose(plain.loads(), torch.full((60,), 10.0).double())
    protocol = tiny(tmp_path, **{"mas_per_rotation = 600.0": "mas_per_rotation = 600.0\nangular = 0.5"})
    modulated = Simulator(protocol, protocol.scan(), grid, ["water"])
    loads = modulated.loads(x)
    assert float(loads.sum()) == pytest.approx(600)
    assert float(loads[15] / loads[0]) > 1.3  # from the side more than from the front
    with pytest.raises(InputError, match="expected the object, which the protocol's modulation follows"):
        modulated.loads()
    given = ", ".join(["0.0"] * 30 + ["2.0"] * 30)
    own = tiny(tmp_path, **{"mas_per_rotation = 600.0": f"mas_per_rotation = 600.0\nrelative_load = [{given}]"})
    half = Simulator(own, own.scan(), grid, ["water"]).loads()
    assert half.tolist() == [0.0] * 30 + [20.0] * 30
    with pytest.raises(InputError, match="relative_load: expected one load per view, 30, not all 0, got 60"):
        Simulator(own, own.scan()[:30], grid, ["water"]).loads()


def test_noise_follows_the_load_in_absolute_numbers(tmp_path: Path) -> None:
    protocol = tiny(tmp_path)
    scan, grid = protocol.scan(), Grid((24, 24), voxel_mm=8.0)
    simulator = Simulator(protocol, scan, grid, ["water"])
    x = torch.zeros(1, 24, 24)
    mas = simulator.loads()
    (part,) = simulator.parts(x, mas, seed=[1])
    (again,) = simulator.parts(x, mas, seed=[1])
    assert torch.equal(part.signal, again.signal)
    photons = simulator.air[0, 0].double() * 10.0
    middle = 1e4 * 10 * 8 * 4 * (1000 / 950) ** 2  # photons per mm^2 at 1 m, mAs, mm^2, distance
    assert float(photons[23]) == pytest.approx(middle, rel=1e-3)
    readings = part.signal.double() / 70.0  # the ideal detector reports keV
    chi = (readings - photons) ** 2 / photons
    assert float(chi.mean()) == pytest.approx(1.0, abs=4 * math.sqrt(2 / chi.numel()))
    assert part.absorbed_mj == 0


def test_a_volume_in_parts_is_the_volume_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    protocol = tiny(tmp_path)
    scan, grid = protocol.scan(), Grid((24, 24), voxel_mm=8.0)
    x = torch.rand(2, 24, 24) / 2
    simulator = Simulator(protocol, scan, grid, ["water", "bone"])
    (whole,) = simulator.parts(x, simulator.loads(), seed=[0])
    monkeypatch.setattr("svct.physics.simulate.TOGETHER", 48 * 7)
    parts = list(simulator.parts(x, simulator.loads(), seed=[0]))
    assert [len(part.views) for part in parts] == [7] * 8 + [4]
    lines = torch.cat([part.lines for part in parts], dim=-2)
    assert torch.allclose(lines, whole.lines, atol=1e-6)
    y = torch.cat([part.y for part in parts], dim=-2)
    assert float((y - whole.y).mean()) == pytest.approx(0.0, abs=0.01)
    assert sum(part.absorbed_mj for part in parts) == pytest.approx(whole.absorbed_mj, rel=1e-5)


def test_scatter_of_a_protocol_adds_photons(tmp_path: Path) -> None:
    grid, x = Grid((24, 24), voxel_mm=8.0), torch.zeros(1, 24, 24)
    x[0, 4:20, 4:20] = 1.0
    plain, scattered = tiny(tmp_path), tiny(tmp_path, **{"[exposure]": "[scatter]\namplitude = 0.05\n[exposure]"})
    parts = []
    for protocol in (plain, scattered):
        simulator = Simulator(protocol, protocol.scan(), grid, ["water"])
        parts += list(simulator.parts(x, simulator.loads(), seed=[2]))
    thick = parts[0].lines > 2
    more = parts[1].signal[thick].mean() / parts[0].signal[thick].mean() - 1
    assert 0.02 < float(more) < 0.5
    assert float(parts[1].y[thick].mean()) < float(parts[0].y[thick].mean())


def test_heel_effect_is_calibrated_row_by_row(tmp_path: Path) -> None:
    changes = {'kind = "fan"': 'kind = "cone"\nrows = 12', "row_mm = 4.0": "row_mm = 25.0"}
    source = "kvp = 80\nanode_deg = 20\nheel = true\nbins = 12\nfilters_mm = { aluminium = 3.0 }"
    tube = {"kev = 70.0\nphotons_per_mm2 = 1e4": source}
    protocol = tiny(tmp_path, **changes, **tube)
    scan, grid = protocol.scan()[:4], Grid((12, 12, 12), voxel_mm=8.0)
    simulator = Simulator(protocol, scan, grid, ["water"])
    x = torch.ones(1, 12, 12, 12)
    (part,) = simulator.parts(x, torch.full((4,), 1e5).double(), seed=[0])
    assert simulator.correction.coefficients.shape[1:] == (12, 1, 48)
    thick = part.lines > 0.5
    assert float((part.y - part.lines)[thick].abs().max()) < 0.02
    edge = part.signal[:, 0, 0]
    assert float(edge[0]) > 1.01 * float(edge[-1])  # the anode is towards larger z


def test_without_the_extra_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from svct.physics.materials import load_xraydb
    from svct.physics.spectrum import load_spekpy

    for name, load in (("xraydb", load_xraydb), ("spekpy", load_spekpy)):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(BackendUnavailable, match=rf"needs? the package {name}, .*pip install 'svct\[physics\]'"):
            load()


def test_synchrotron_is_parallel_and_monochromatic() -> None:
    protocol = load_protocol("synchrotron")
    scan = protocol.scan()
    assert isinstance(scan, ParallelBeam)
    assert protocol.beam(scan).spectrum.energies_kev == (25.0,)


def test_tables_of_a_protocol_switch_on_parts_of_its_detector() -> None:
    detector = build_detector(
        {
            "kind": "integrating",
            "lag": {},
            "converter": {"full": 1e6, "bits": 16},
            "efficiency": {"energies_kev": [20.0, 120.0], "values": [1.0, 0.8]},
            "dead": [3, 5],
        }
    )
    assert isinstance(detector, EnergyIntegrating)
    assert (detector.lag, detector.converter, detector.dead) == (Lag(), Converter(full=1e6, bits=16), (3, 5))
    assert detector.efficiency == Efficiency((20.0, 120.0), (1.0, 0.8))
    with pytest.raises(InputError, match="expected what a detector of kind 'integrating' takes"):
        build_detector({"kind": "integrating", "lag": {"speed": 3}})


def test_lag_ties_all_views_together_and_leaves_the_calibration_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lagging = {"[exposure]": '[detector]\nkind = "integrating"\nlag = { rates = [0.5], amounts = [0.2] }\n\n[exposure]'}
    plain, lag = tiny(tmp_path), tiny(tmp_path, **lagging)
    grid = Grid((24, 24), voxel_mm=8.0)
    x = torch.zeros(1, 24, 24)
    x[0, 10:14, 2:22] = 1.0
    monkeypatch.setattr("svct.physics.simulate.TOGETHER", 48 * 7)
    calm, slow = (Simulator(p, p.scan(), grid, ["water"]) for p in (plain, lag))
    assert torch.allclose(calm.correction.coefficients, slow.correction.coefficients, rtol=1e-6)
    (part,) = slow.parts(x, slow.loads(), seed=[0])
    still = torch.cat([part.y for part in calm.parts(x, calm.loads(), seed=[0])], dim=-2)
    assert 0.02 < float((part.y - still).abs().max()) < 1.0


def test_a_simulated_scan_has_the_scatter_that_it_is_given(tmp_path: Path) -> None:
    protocol, grid = tiny(tmp_path), Grid((24, 24), voxel_mm=8.0)
    x = torch.zeros(1, 24, 24)
    x[0, 4:20, 4:20] = 1.0
    bare, scattering = (
        Simulator(protocol, protocol.scan(), grid, ["water"], scatter=scatter)
        for scatter in (None, ForwardScatter(bin_mm=8.0, amplitude=0.1))
    )
    (part,) = bare.parts(x, bare.loads(), seed=[0])
    (less,) = scattering.parts(x, scattering.loads(), seed=[0])
    middle = part.y[:, 20:28].mean()
    assert 0.75 < float(less.y[:, 20:28].mean() / middle) < 0.97
