"""What the tools that exported schedules are for make of them; `make test-peers` sets them up, `-s` shows figures."""

import json
import math
import runpy
import subprocess
import sys
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np
import pytest

from svct.errors import DataFileError
from svct.geometry import scan_from_dict
from svct.sampling import Dose, Schedule
from svct.sampling.checks import angular_distance_deg
from svct.sampling.export import export, exporter

CONE: dict[str, Any] = {
    "kind": "cone", "rows": 4, "bins": 32, "row_mm": 1.0, "bin_mm": 2.0, "source_mm": 540.0, "detector_mm": 410.0
}  # fmt: skip


@pytest.fixture(scope="module")
def schedule() -> Schedule:
    """48 angles out of 1152 in no order, 43.2 mAs in unequal parts."""
    rng = np.random.default_rng(7)
    loads = rng.uniform(0.5, 1.5, 48)
    return Schedule(
        angles_deg=tuple((rng.choice(1152, 48, replace=False) * 360 / 1152).tolist()),
        geometry=CONE,
        task="chest",
        budget=48,
        candidates=1152,
        method="learned",
        exposure_mAs=tuple((loads * 43.2 / loads.sum()).tolist()),
        exposure_ms=(10.0,) * 48,
        kvp=(120.0,) * 48,
        dose=Dose(total_mAs=43.2, ctdi_vol_mGy=2.94, phantom="IEC_BODY_32", dlp_mGycm=88.2),
    )


def largest(a: Any, b: Any) -> float:
    return float(angular_distance_deg(np.asarray(a, dtype=float), np.asarray(b, dtype=float)).max())


def dciodvfy(path: Path) -> tuple[int, list[str]]:
    """What dciodvfy says: that of the environment that runs the tests and that of the system, which agree."""
    beside = Path(sys.executable).with_name("dciodvfy")
    tools = {str(beside) if beside.exists() else None, which("dciodvfy", path="/usr/local/bin:/usr/bin")} - {None}
    if not tools:
        pytest.skip("dciodvfy is not installed (Debian: apt-get install dicom3tools)")
    found = []
    for tool in sorted(map(str, tools)):
        done = subprocess.run([tool, str(path)], capture_output=True, text=True, timeout=60)
        lines = (done.stdout + done.stderr).splitlines()
        found.append((done.returncode, [line for line in lines if line.startswith("Error")]))
    assert all(code == found[0][0] for code, _ in found), found
    return found[0][0], sorted({line for _, lines in found for line in lines})


@pytest.mark.parametrize("name", ["dicom-raw", "dicom-rdsr"])
def test_dciodvfy_accepts_and_refuses(name: str, schedule: Schedule, tmp_path: Path) -> None:
    from pydicom import dcmread

    path, _ = export(schedule, tmp_path / "s.dcm", fmt=name)
    assert dciodvfy(path) == (0, [])
    file = dcmread(path)
    del file["StudyInstanceUID"]
    file.save_as(path)
    code, errors = dciodvfy(path)
    assert code == 1
    assert any("StudyInstanceUID" in line for line in errors)


def test_dciodvfy_misses_a_lost_view_and_svct_does_not(schedule: Schedule, tmp_path: Path) -> None:
    from pydicom import dcmread

    path, _ = export(schedule, tmp_path / "s.dcm", fmt="dicom-raw")
    file = dcmread(path)
    block = file.private_block(0x0071, "SVCT SCHEDULE 1")
    block[0x03].value = list(block[0x03].value)[:-1]
    file.save_as(path)
    assert dciodvfy(path) == (0, [])
    with pytest.raises(DataFileError, match="a hash or a count that is not the schedule's"):
        exporter("dicom-raw").read(path)


def test_dciodvfy_does_not_know_ct_protocols(schedule: Schedule, tmp_path: Path) -> None:
    path, _ = export(schedule, tmp_path / "s.dcm", fmt="dicom-protocol")
    assert dciodvfy(path) == (1, ["Error - Information Object Not found"])


def test_ctsimu_turns_the_stage_and_sets_the_current(schedule: Schedule, tmp_path: Path) -> None:
    scenarios = pytest.importorskip("ctsimu.scenario")
    path, _ = export(schedule, tmp_path / "s.json", fmt="ctsimu")
    scenario = scenarios.Scenario(str(path))
    turned, currents = [], []
    for frame in range(scenario.n_frames()):
        scenario.set_frame(frame)
        u = scenario.stage.coordinate_system.u
        turned.append(-math.degrees(math.atan2(u.y(), u.x())))
        currents.append(scenario.source.get("current"))
    error = largest(turned, schedule.angles_deg)
    print(f"ctsimu: {len(turned)} frames, largest angle error {error:.2g} deg")
    assert len(turned) == 48
    assert error < 1e-9
    assert currents == pytest.approx(schedule.tube_current_mA)


def test_ctsimu_fills_up_a_short_drift_and_svct_refuses_it(schedule: Schedule, tmp_path: Path) -> None:
    scenarios = pytest.importorskip("ctsimu.scenario")
    path, _ = export(schedule, tmp_path / "s.json", fmt="ctsimu")
    content = json.loads(path.read_text())
    del content["geometry"]["stage"]["deviations"][0]["amount"]["drifts"][0]["value"][45:]
    path.write_text(json.dumps(content))
    assert scenarios.Scenario(str(path)).n_frames() == 48
    with pytest.raises(DataFileError, match="got a drift of 45 values for 48 views"):
        exporter("ctsimu").read(path)


def test_gecatsim_takes_every_view_at_its_angle(schedule: Schedule, tmp_path: Path) -> None:
    """In a process of its own: gecatsim keeps its state in modules and writes into the folder that it runs in."""
    pytest.importorskip("gecatsim")
    export(schedule, tmp_path / "svct_scan.py", fmt="xcist")
    (tmp_path / "run.py").write_text(
        "import json, os, sys\n"
        "import gecatsim, numpy as np\n"
        "sys.path.insert(0, '.')\n"
        "import svct_scan\n"
        "cfg = os.path.join(os.path.dirname(gecatsim.__file__), 'cfg')\n"
        "names = ('Phantom', 'Physics', 'Protocol', 'Scanner')\n"
        "ct = gecatsim.CatSim(*(os.path.join(cfg, f'{name}_Default') for name in names))\n"
        "svct_scan.set_protocol(ct)\n"
        "ct.resultsName = 'out'\n"
        "ct.scanner.detectorColCount, ct.scanner.detectorRowCount = 32, 1\n"
        "ct.scanner.detectorColsPerMod = ct.scanner.detectorRowsPerMod = 1\n"
        "ct.protocol.scanTypes, ct.physics.monochromatic = [0, 0, 1, 0], 60\n"
        "taken, gantry = {}, svct_scan.svct_scan\n"
        "def spy(cfg):\n"
        "    cfg = gantry(cfg)\n"
        "    x, y, _ = cfg.srcNew.samples.mean(axis=0)\n"
        "    taken[cfg.viewId] = float(np.degrees(np.arctan2(x, -y)))\n"
        "    return cfg\n"
        "svct_scan.svct_scan = spy\n"
        "ct.run_all()\n"
        "print('TAKEN', json.dumps([taken[i] for i in sorted(taken)]))\n"
    )
    done = subprocess.run(
        [sys.executable, "run.py"], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=True
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("TAKEN")]
    taken = json.loads(line.removeprefix("TAKEN"))
    error = largest(taken, schedule.angles_deg)
    print(f"gecatsim: {len(taken)} views, largest angle error {error:.2g} deg")
    assert len(taken) == 48
    assert error < 1e-4  # it turns in single precision
    assert (tmp_path / "out.scan").stat().st_size == 48 * 32 * 4


# ITK loads its parts when they are used, and ends the process when SWIG's warning then becomes an error.
@pytest.mark.filterwarnings("ignore:builtin type:DeprecationWarning")
def test_rtk_reads_every_view(schedule: Schedule, tmp_path: Path) -> None:
    itk = pytest.importorskip("itk")
    if not hasattr(itk, "RTK"):
        pytest.skip("itk-rtk is not installed")
    path, _ = export(schedule, tmp_path / "s.xml", fmt="rtk")

    def read() -> list[float]:
        reader = itk.RTK.ThreeDCircularProjectionGeometryXMLFileReader.New(Filename=str(path))
        reader.GenerateOutputInformation()
        return [math.degrees(angle) for angle in reader.GetOutputObject().GetGantryAngles()]

    read_angles = read()
    print(f"itk-rtk: {len(read_angles)} views, largest angle error {largest(read_angles, schedule.angles_deg):.2g} deg")
    assert len(read_angles) == 48
    assert largest(read_angles, schedule.angles_deg) < 1e-9
    text = path.read_text()
    path.write_text("<Projection>".join(text.split("<Projection>")[:24]))
    assert len(read()) == 23  # RTK takes the rest of a truncated file
    with pytest.raises(DataFileError, match="expected a schedule as rtk"):
        exporter("rtk").read(path)


def run_script(schedule: Schedule, path: Path, fmt: str) -> dict[str, Any]:
    export(schedule, path, fmt=fmt)
    return runpy.run_path(str(path))


def test_tomosipo_builds_the_geometry(schedule: Schedule, tmp_path: Path) -> None:
    pytest.importorskip("tomosipo")
    from svct.geometry.convert.tomosipo import from_tomosipo

    made = run_script(schedule, tmp_path / "s.py", "tomosipo")["geometry"]
    scan, _ = from_tomosipo(made)
    wanted = scan_from_dict({**CONE, "angles": np.deg2rad(schedule.angles_deg).tolist()})
    assert np.allclose(scan.vectors, wanted.vectors)


def test_tigre_builds_the_geometry(schedule: Schedule, tmp_path: Path) -> None:
    pytest.importorskip("tigre.utilities.geometry", reason="TIGRE is in no package index: build it from its source")
    made = run_script(schedule, tmp_path / "s.py", "tigre")
    assert largest(np.rad2deg(made["angles"]) + 90, schedule.angles_deg) < 1e-9
    assert (made["geo"].DSO, made["geo"].DSD) == (540.0, 950.0)


def test_cil_builds_the_geometry(schedule: Schedule, tmp_path: Path) -> None:
    pytest.importorskip("cil.framework", reason="CIL is in no package index: install it by conda")
    geometry = run_script(schedule, tmp_path / "s.py", "cil")["geometry"]
    assert largest(-np.asarray(geometry.angles), schedule.angles_deg) < 1e-4  # kept in single precision
    assert geometry.pixel_num_h == 32


def test_astra_projects_along_the_vectors(schedule: Schedule, tmp_path: Path) -> None:
    astra = pytest.importorskip("astra")
    made = Schedule(
        angles_deg=schedule.angles_deg,
        geometry={"kind": "fan", "bins": 64, "bin_mm": 2.0, "source_mm": 540.0, "detector_mm": 410.0},
        task="chest",
        budget=48,
        candidates=1152,
        method="learned",
    )
    path, _ = export(made, tmp_path / "s.npz", fmt="astra")
    content = np.load(path)
    geometry = astra.create_proj_geom(str(content["type"]), *map(int, content["shape"]), content["vectors"])
    volume = astra.create_vol_geom(32, 32)
    image = np.zeros((32, 32), dtype=np.float32)
    image[4:9, 20:29] = 1
    scan = scan_from_dict({**made.geometry, "angles": np.deg2rad(made.angles_deg).tolist()})
    plain = astra.create_proj_geom("fanflat", 2.0, 64, np.array(scan.angles), 540.0, 410.0)
    sinograms = []
    for projected in (geometry, plain):
        projector = astra.create_projector("line_fanflat", projected, volume)
        number, sinogram = astra.create_sino(image, projector)
        sinograms.append(sinogram)
        astra.data2d.delete(number)
        astra.projector.delete(projector)
    assert np.abs(sinograms[0] - sinograms[1]).max() < 1e-3 * sinograms[1].max()
