"""Formats of reconstruction packages, simulators and archives."""

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svct.errors import DataFileError, InputError
from svct.geometry import scan_from_dict
from svct.geometry.convert.rtk import from_rtk
from svct.sampling import Dose, Schedule
from svct.sampling.checks import angular_distance_deg
from svct.sampling.export import export, exporter, read_back

GEOMETRIES: dict[str, dict[str, Any]] = {
    "parallel": {"kind": "parallel", "bins": 8, "bin_mm": 2.0},
    "fan": {"kind": "fan", "bins": 9, "bin_mm": 1.5, "source_mm": 500.0, "detector_mm": 250.0},
    "cone": {
        "kind": "cone", "rows": 4, "bins": 9, "row_mm": 1.0, "bin_mm": 1.5, "source_mm": 500.0, "detector_mm": 250.0
    },
}  # fmt: skip
FORMATS = [
    "astra", "cil", "ctsimu", "dicom-protocol", "dicom-raw", "dicom-rdsr", "rtk", "tigre", "tomosipo", "xcist"
]  # fmt: skip
SCRIPTS = ["cil", "tigre", "tomosipo", "xcist"]
DICOM = ["dicom-protocol", "dicom-raw", "dicom-rdsr"]


def schedule(angles: tuple[float, ...] = (0.1, 277.7, 33.3), kind: str = "cone", **changes: Any) -> Schedule:
    count = len(angles)
    values: dict[str, Any] = {
        "angles_deg": angles,
        "geometry": GEOMETRIES[kind],
        "task": "chest",
        "budget": count,
        "candidates": 100_000,
        "method": "learned",
        "exposure_mAs": tuple(1.0 + i / 7 for i in range(count)),
        "exposure_ms": (10.0,) * count,
        "kvp": (120.0,) * count,
    }
    values |= changes
    made = Schedule(**values)
    dose = Dose(total_mAs=made.total_mAs or 1.0, ctdi_vol_mGy=2.94, phantom="IEC_BODY_32", dlp_mGycm=88.2)
    return Schedule(**{**values, "dose": dose}) if "dose" not in changes else made


angles = st.lists(
    st.integers(-72_000, 72_000).map(lambda a: a / 100),
    min_size=1,
    max_size=12,
    unique_by=lambda a: round(a * 100) % 36_000,
)


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=200, deadline=None)
@given(angles=angles, kind=st.sampled_from(sorted(GEOMETRIES)))
def test_round_trip(name: str, tmp_path_factory: pytest.TempPathFactory, angles: list[float], kind: str) -> None:
    made = schedule(tuple(angles), kind)
    chosen = exporter(name)
    path = tmp_path_factory.getbasetemp() / f"trip{chosen.suffix}"
    _, error = export(made, path, fmt=name, overwrite=True)
    back = chosen.read(path)
    assert back.sha256 == made.sha256
    assert error <= chosen.precision_deg
    if name == "dicom-rdsr":
        assert back.angles_deg is None
        assert back.totals == pytest.approx(
            {"views": len(angles), "total_mAs": made.total_mAs, "ctdi_vol_mGy": 2.94, "dlp_mGycm": 88.2}
        )
    else:
        assert angular_distance_deg(np.array(back.angles_deg), np.array(angles)).max() <= 1e-9


@pytest.mark.parametrize("name", FORMATS)
def test_the_file_of_another_schedule_is_refused(name: str, tmp_path: Path) -> None:
    path, _ = export(schedule(), tmp_path / "s", fmt=name)
    assert read_back(schedule(), path, fmt=name) <= 1e-9
    other = schedule(method="equidistant")
    with pytest.raises(DataFileError, match="does not say what the schedule says: hash"):
        read_back(other, path, fmt=name)


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_cut_short_is_refused(name: str, tmp_path: Path) -> None:
    path, _ = export(schedule(tuple(7.5 * i for i in range(48))), tmp_path / "s", fmt=name)
    content = path.read_bytes()
    for part in (0, 0.2, 0.5, 0.8):
        path.write_bytes(content[: int(part * len(content))])
        with pytest.raises(DataFileError, match=f"expected a schedule as {name}, "):
            exporter(name).read(path)
    with pytest.raises(DataFileError, match=f"expected a schedule as {name}, could not be read"):
        exporter(name).read(tmp_path / "none")


@pytest.mark.parametrize("name", DICOM)
def test_clinical_formats_say_simulation_only(name: str, tmp_path: Path) -> None:
    path, _ = export(schedule(), tmp_path / "s.dcm", fmt=name)
    assert b"SIMULATION ONLY" in path.read_bytes()


def test_what_a_format_loses_is_named_in_the_file(tmp_path: Path) -> None:
    made = schedule(
        (0.0, 0.0, 90.0), frame=("dark", "projection", "projection"), budget=2, exposure_mAs=(0.0, 1.0, 1.0)
    )
    for name in (*SCRIPTS, "rtk", "ctsimu"):
        chosen = exporter(name)
        path, _ = export(made, tmp_path / f"{name}{chosen.suffix}", fmt=name)
        assert "dark frames" in chosen.lost_of(made)
        assert all(what in path.read_text() for what in chosen.lost_of(made))
        assert len(chosen.read(path).angles_deg or ()) == 2


@pytest.mark.parametrize("kind", sorted(GEOMETRIES))
def test_astra_vectors_are_those_of_the_scan(kind: str, tmp_path: Path) -> None:
    import astra

    made = schedule(kind=kind)
    path, _ = export(made, tmp_path / "s.npz", fmt="astra")
    scan = scan_from_dict({**made.geometry, "angles": np.deg2rad(made.angles_deg).tolist()})
    content = np.load(path)
    geometry = astra.create_proj_geom(str(content["type"]), *map(int, content["shape"]), content["vectors"])
    assert np.array_equal(geometry["Vectors"], scan.vectors)
    np.save(tmp_path / "bare.npy", content["vectors"])
    bare = exporter("astra").read(tmp_path / "bare.npy")
    assert bare.sha256 is None
    assert angular_distance_deg(np.array(bare.angles_deg), np.array(made.angles_deg)).max() < 1e-9


def test_rtk_file_gives_the_scan_back(tmp_path: Path) -> None:
    made = schedule()
    path, _ = export(made, tmp_path / "s.xml", fmt="rtk")
    scan = from_rtk(path.read_text(), rows=4, bins=9, row_mm=1.0, bin_mm=1.5)
    assert scan.kind == "cone"
    np.testing.assert_allclose(np.rad2deg(scan.angles), np.array(made.angles_deg), atol=1e-9)


def test_rtk_refuses_an_angle_whose_matrix_is_another(tmp_path: Path) -> None:
    path, _ = export(schedule((0.0, 90.0)), tmp_path / "s.xml", fmt="rtk")
    path.write_text(path.read_text().replace("<GantryAngle>90.0<", "<GantryAngle>91.0<"))
    with pytest.raises(DataFileError, match="the matrix of view 1 is not that of its angle"):
        exporter("rtk").read(path)


def test_ctsimu_refuses_a_drift_that_would_be_interpolated(tmp_path: Path) -> None:
    path, _ = export(schedule(), tmp_path / "s.json", fmt="ctsimu")
    scenario = json.loads(path.read_text())
    drift = scenario["geometry"]["stage"]["deviations"][0]["amount"]["drifts"][0]
    assert drift["value"] == [-0.1, -277.7, -33.3]
    drift["value"].pop()
    path.write_text(json.dumps(scenario))
    with pytest.raises(DataFileError, match="got a drift of 2 values for 3 views"):
        exporter("ctsimu").read(path)


def test_ctsimu_reads_the_regular_angles_of_others(tmp_path: Path) -> None:
    path, _ = export(schedule(), tmp_path / "s.json", fmt="ctsimu")
    scenario = json.loads(path.read_text())
    scenario["geometry"]["stage"]["deviations"] = []
    scenario["file"]["description"] = "from elsewhere"
    scenario["acquisition"] |= {"stop_angle": {"value": 90.0, "unit": "deg"}, "direction": "CW"}
    path.write_text(json.dumps(scenario))
    back = exporter("ctsimu").read(path)
    assert back.angles_deg == (0.0, 30.0, 60.0)
    assert back.sha256 is None


def test_the_xcist_module_sets_the_protocol(tmp_path: Path) -> None:
    from types import SimpleNamespace

    path, _ = export(schedule(), tmp_path / "my_scan.py", fmt="xcist")
    module = runpy.run_path(str(path), run_name="my_scan")
    protocol = SimpleNamespace(rotationTime=0.5, dutyRatio=1.0)
    module["set_protocol"](SimpleNamespace(protocol=protocol))
    assert (protocol.scanTrajectory, protocol.viewCount, protocol.stopViewId) == ("my_scan", 3, 2)
    assert protocol.mA == pytest.approx(2 * (schedule().total_mAs or 0))
    assert module["my_scan"] is module["gantry"]


def test_what_formats_cannot_hold() -> None:
    curved = {**GEOMETRIES["fan"], "curved": True}
    for name in ("cil", "ctsimu", "tigre", "tomosipo"):
        with pytest.raises(InputError, match=rf"{name}: expected a parallel, fan or cone beam with a flat, centred"):
            exporter(name).text(schedule(geometry=curved))
    with pytest.raises(InputError, match="astra: expected a flat detector"):
        exporter("astra").text(schedule(geometry=curved))
    with pytest.raises(InputError, match="dicom-rdsr: expected a schedule whose dose has ctdi_vol_mGy"):
        exporter("dicom-rdsr").text(schedule(dose=None))
    with pytest.raises(InputError, match="rtk: expected a schedule with a complete geometry"):
        exporter("rtk").text(schedule(geometry={"kind": "parallel", "bins": 8}))


def test_tube_angle_counts_clockwise_from_the_top(tmp_path: Path) -> None:
    from pydicom import dcmread

    for kind, expected in (("fan", 90.0), ("parallel", 270.0)):
        path, _ = export(schedule((90.0,), kind), tmp_path / f"{kind}.dcm", fmt="dicom-protocol")
        (element,) = dcmread(path).AcquisitionProtocolElementSpecificationSequence
        values = {
            part.SelectorAttribute: part.ConstraintValueSequence[0] for part in element.ParametersSpecificationSequence
        }
        assert values[0x00189303].SelectorFDValue == expected


def test_scripts_count_angles_as_their_packages_do(tmp_path: Path) -> None:
    path, _ = export(schedule((0.0, 30.0)), tmp_path / "s.py", fmt="cil")
    assert "set_angles([-angle for angle in ANGLES_DEG]" in path.read_text()
    # TIGRE's source stands at DSO (cos, sin) and its bins run along (-sin, cos).
    path, _ = export(schedule((0.0, 30.0)), tmp_path / "t.py", fmt="tigre")
    (line,) = [line for line in path.read_text().splitlines() if line.startswith("angles = ")]
    turned: np.ndarray[Any, np.dtype[np.float64]] = eval(
        line.removeprefix("angles = "), {"np": np, "ANGLES_DEG": (0.0, 30.0)}
    )
    scan = scan_from_dict({**GEOMETRIES["cone"], "angles": np.deg2rad([0.0, 30.0]).tolist()})
    np.testing.assert_allclose(500 * np.stack([np.cos(turned), np.sin(turned)], axis=1), scan.vectors[:, :2], atol=1e-9)
    bins = 1.5 * np.stack([-np.sin(turned), np.cos(turned)], axis=1)
    np.testing.assert_allclose(bins, scan.vectors[:, 6:8], atol=1e-9)
