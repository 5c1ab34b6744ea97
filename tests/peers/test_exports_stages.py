"""What NeXus, EPICS, bluesky and PandABox tools make of exported schedules; `make test-peers` sets them up."""

import json
import os
import re
import runpy
import subprocess
import sys
from io import StringIO
from pathlib import Path
from shutil import which
from typing import Any

import h5py
import numpy as np
import pytest

from svct.errors import InputError, SvctError
from svct.sampling import Schedule
from svct.sampling.device import load_device
from svct.sampling.export import export
from svct.sampling.live import run_schedule

STAGE_WARNINGS = pytest.mark.filterwarnings("ignore")  # of bluesky, ophyd and caproto themselves


@pytest.fixture(scope="module")
def schedule() -> Schedule:
    """48 growing angles out of 1152, their smallest gap three of them."""
    slots = 3 * np.sort(np.random.default_rng(7).choice(384, 48, replace=False))
    return Schedule(
        angles_deg=tuple((slots * 360 / 1152).tolist()),
        geometry={"kind": "parallel", "bins": 16, "bin_mm": 1.0},
        task="chest",
        budget=48,
        candidates=1152,
        method="learned",
        exposure_ms=(10.0,) * 48,
    )


def nxvalidate(path: Path) -> tuple[int, int]:
    """Total numbers of warnings and errors; the command itself always ends with 0."""
    tool = Path(sys.executable).with_name("nxvalidate")
    if not tool.exists():
        pytest.skip("nxvalidate is not installed")
    done = subprocess.run([str(tool), str(path)], capture_output=True, text=True, timeout=120)
    text = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
    totals = [re.search(rf"Total number of {what}: (\d+)", text) for what in ("warnings", "errors")]
    assert all(totals), text
    warnings, errors = (int(found[1]) for found in totals if found)
    return warnings, errors


def test_nexus_validates_nxtomo(schedule: Schedule, tmp_path: Path) -> None:
    path, _ = export(schedule, tmp_path / "s.nx", fmt="nxtomo")
    assert nxvalidate(path) == (0, 0)
    with h5py.File(path, "r+") as file:
        del file["entry/sample/rotation_angle"]
    assert nxvalidate(path)[1] > 0


@STAGE_WARNINGS
def test_tomoscan_reads_nxtomo(schedule: Schedule, tmp_path: Path) -> None:
    scans = pytest.importorskip("tomoscan.esrf.scan.nxtomoscan")
    path, _ = export(schedule, tmp_path / "s.nx", fmt="nxtomo")
    scan = scans.NXtomoScan(str(path), "/entry")
    assert len(scan.projections) == 48
    assert np.allclose(np.asarray(scan.rotation_angle), -np.array(schedule.angles_deg), rtol=0, atol=1e-9)


@STAGE_WARNINGS
def test_ophyd_async_takes_the_sequencer_table(schedule: Schedule, tmp_path: Path) -> None:
    panda = pytest.importorskip("ophyd_async.fastcs.panda")
    device = load_device("fly-scan-beamline")
    path, error = export(schedule, tmp_path / "s.json", fmt="panda-seq", device=device)
    columns = json.loads(path.read_text())["table"]
    table = panda.SeqTable(**{name: np.array(values) if name != "trigger" else [panda.SeqTrigger(v) for v in values]
                              for name, values in columns.items()})  # fmt: skip
    assert len(table) == 48
    counts = np.asarray(table.position, dtype=float)
    back = -counts * 360 / (device.axis.counts_per_turn or 1)
    assert np.abs((back - np.array(schedule.angles_deg) + 180) % 360 - 180).max() <= error + 1e-9 < 2e-5


@STAGE_WARNINGS
def test_linuxcnc_interprets_the_moves(schedule: Schedule, tmp_path: Path) -> None:
    if which("rs274") is None:
        pytest.skip("rs274 is not installed (Debian: apt-get install linuxcnc-uspace)")
    path, _ = export(schedule, tmp_path / "s.ngc", fmt="linuxcnc")
    for name in ("var.txt", "empty.tbl"):
        (tmp_path / name).touch()
    command = ["rs274", "-v", str(tmp_path / "var.txt"), "-t", str(tmp_path / "empty.tbl"), "-g", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    moves = [
        line.split("STRAIGHT_FEED(")[1].split(")")[0].split(",")
        for line in done.stdout.splitlines()
        if "STRAIGHT_FEED" in line
    ]
    assert np.allclose([float(move[3]) for move in moves], -np.array(schedule.angles_deg), atol=1e-4)


@pytest.fixture
def stage() -> Any:
    """A simulated motor and detector of ophyd, with limits."""
    pytest.importorskip("bluesky")
    sim: Any = pytest.importorskip("ophyd.sim")

    def check_value(self: Any, value: float) -> None:
        if not self.limits[0] <= value <= self.limits[1]:
            raise ValueError(f"{value} is out of limits")

    limited = type("Limited", (sim.SynAxis,), {"limits": (-360.0, 0.0), "check_value": check_value})
    return limited(name="theta"), sim.SynSignal(name="camera", func=lambda: 1)


@STAGE_WARNINGS
def test_a_run_takes_all_views_in_order(schedule: Schedule, stage: Any) -> None:
    list_scan: Any = pytest.importorskip("bluesky.plans").list_scan

    motor, camera = stage
    log = StringIO()
    taken = run_schedule(
        schedule, lambda positions, **given: list_scan([camera], motor, positions, md=given["md"]), log
    )
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["start", *["view"] * 48, "stop"]
    assert [line["i"] for line in lines[1:-1]] == list(range(48))
    assert taken is not None
    assert taken.angles_deg == schedule.angles_deg
    assert taken.parent_sha256 == schedule.sha256


@STAGE_WARNINGS
def test_a_position_out_of_limits_is_refused_before_anything_moves(schedule: Schedule, stage: Any) -> None:
    list_scan: Any = pytest.importorskip("bluesky.plans").list_scan

    motor, camera = stage
    motor.limits = (-200.0, 0.0)
    log = StringIO()
    with pytest.raises(InputError, match="nothing moved"):
        run_schedule(schedule, lambda positions, **given: list_scan([camera], motor, positions, md=given["md"]), log)
    assert [json.loads(line)["event"] for line in log.getvalue().splitlines()] == ["stop"]
    assert motor.position == 0


@STAGE_WARNINGS
@pytest.mark.parametrize("go_on", [True, False])
def test_a_run_pauses_and_goes_on_or_ends(schedule: Schedule, stage: Any, go_on: bool) -> None:
    plan_stubs: Any = pytest.importorskip("bluesky.plan_stubs")
    list_scan: Any = pytest.importorskip("bluesky.plans").list_scan

    motor, camera = stage
    views = iter(range(48))

    def one_view(detectors: Any, step: Any, pos_cache: Any) -> Any:
        if next(views) == 5:
            yield from plan_stubs.pause()
        yield from plan_stubs.one_nd_step(detectors, step, pos_cache)

    def plan(positions: Any, **given: Any) -> Any:
        nonlocal views
        views = iter(range(48))
        return list_scan([camera], motor, positions, md=given["md"], per_step=one_view)

    log = StringIO()
    if go_on:
        taken = run_schedule(schedule, plan, log, on_pause=lambda: True)
        assert taken is not None
        assert taken.angles_deg == schedule.angles_deg
        again = [line["i"] for line in map(json.loads, log.getvalue().splitlines()) if line.get("again")]
        assert again == [4]
        return
    with pytest.raises(SvctError, match="expected 48 views, got 5") as caught:
        run_schedule(schedule, plan, log)
    events = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [e["event"] for e in events[-2:]] == ["pause", "stop"]
    assert events[-1]["status"] == "abort"
    assert caught.value.__dict__["taken"].angles_deg == schedule.angles_deg[:5]


@STAGE_WARNINGS
def test_the_exported_plan_runs_and_checks_limits(schedule: Schedule, stage: Any, tmp_path: Path) -> None:
    bluesky: Any = pytest.importorskip("bluesky")

    motor, camera = stage
    path, _ = export(schedule, tmp_path / "plan.py", fmt="bluesky")
    module = runpy.run_path(str(path))
    exposure = type(motor)(name="exposure")
    exposure.limits = (0.0, 1.0)
    engine, found = bluesky.RunEngine({}), []
    module["check"]([camera], motor)
    engine(
        module["plan"]([camera], motor, exposure),
        lambda n, d: found.append(d["data"]["theta"]) if n == "event" else None,
    )
    assert np.allclose(found, -np.array(schedule.angles_deg), rtol=0, atol=1e-9)
    assert exposure.position == 0.01
    motor.limits = (-200.0, 0.0)
    with pytest.raises(ValueError, match="out of limits"):
        module["check"]([camera], motor)


@STAGE_WARNINGS
def test_a_motor_record_on_the_loopback_address_takes_the_views(schedule: Schedule, tmp_path: Path) -> None:
    """A caproto motor record driven by ophyd's EpicsMotor, each in a process of its own."""
    pytest.importorskip("caproto")
    pytest.importorskip("ophyd")
    schedule.save(tmp_path / "s.json")
    own = {"EPICS_CA_ADDR_LIST": "127.0.0.1", "EPICS_CA_AUTO_ADDR_LIST": "NO", "EPICS_CAS_INTF_ADDR_LIST": "127.0.0.1",
           "EPICS_CA_SERVER_PORT": "15064", "EPICS_CA_REPEATER_PORT": "15065",
           "OPHYD_CONTROL_LAYER": "caproto"}  # fmt: skip
    environment = {**os.environ, **own}
    (tmp_path / "ioc.py").write_text(
        "from caproto.ioc_examples.fake_motor_record import FakeMotor\n"
        "from caproto.server import PVGroup, SubGroup, run\n"
        "class Lab(PVGroup):\n    motor = SubGroup(FakeMotor, velocity=5000.0, precision=6, acceleration=0.01,\n"
        "                     user_limits=(-400, 400), prefix='m1')\n"
        "run(Lab(prefix='svct:').pvdb, interfaces=['127.0.0.1'])\n"
    )
    server = subprocess.Popen(
        [sys.executable, "-W", "ignore", "ioc.py"],
        cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    (tmp_path / "lab.py").write_text(
        "from bluesky.plans import list_scan\nfrom ophyd import EpicsMotor\n"
        "motor = EpicsMotor('svct:m1', name='theta')\nmotor.wait_for_connection(timeout=30)\n"
        "def plan(positions_deg, *, exposure_s, md):\n    return list_scan([], motor, positions_deg, md=md)\n"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", "from svct.cli.main import main; main()",
             "device", "run", "s.json", "--bluesky", "lab:plan", "--json"],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
    finally:
        server.terminate()
        server.wait(timeout=20)
    assert done.returncode == 0, done.stderr
    taken = Schedule.load(tmp_path / json.loads(done.stdout)["taken"])
    assert np.allclose(taken.angles_deg, schedule.angles_deg, rtol=0, atol=1e-3)
