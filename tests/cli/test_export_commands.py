"""The commands export, schedule import and device run."""

import json
from pathlib import Path

import pytest

from svct.cli.main import run
from svct.sampling import Schedule


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    made = Schedule(
        angles_deg=(0.0, 90.0, 45.5, 300.25),
        geometry={"kind": "parallel", "bins": 4},
        task="chest",
        budget=4,
        candidates=360,
        method="learned",
        exposure_ms=(10.0, 20.0, 30.0, 40.0),
    )
    return made.save(tmp_path / "s.json")


def test_what_is_lost_is_named(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", str(saved), "--format", "spec", "--device", "lab-step-stage", "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["device"] == "lab-step-stage"
    assert found["views"] == 4
    assert "geometry" in found["lost"]
    assert "note: spec does not carry" in err
    assert "read back: 4 views, largest angle error 0 deg" in err
    text = Path(found["path"]).read_text()
    assert "umv rot -90.0000000000" in text  # the sample turns against the source
    assert run(["export", str(saved), "--list", "--json"]) == 0
    lost = json.loads(capsys.readouterr().out)
    assert lost["nxtomo"] == []
    assert len(lost) >= 23


def test_a_changed_file_is_refused(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved.with_suffix(".ngc")
    assert run(["export", str(saved), "--format", "linuxcnc"]) == 0
    assert run(["export", str(saved), "--format", "linuxcnc", "--compare", str(path)]) == 0
    path.write_text(path.read_text().replace("A-45.5", "A-45.6"))
    capsys.readouterr()
    assert run(["export", str(saved), "--format", "linuxcnc", "--compare", str(path)]) == 4
    assert "largest angle error 0.1 deg, at view 2" in capsys.readouterr().err


def test_formats_that_need_a_device_say_so(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", str(saved), "--format", "panda-seq"]) == 3
    assert "name its profile with --device" in capsys.readouterr().err
    assert run(["export", str(saved)]) == 2
    assert "expected --format, one of aerotech-pso" in capsys.readouterr().err


def test_import_gives_the_schedule_back(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for fmt in ("nxtomo", "data-exchange"):
        assert run(["export", str(saved), "--format", fmt, "--json"]) == 0
        path = json.loads(capsys.readouterr().out)["path"]
        assert run(["schedule", "import", path, "--overwrite"]) == 0
        assert Schedule.load(capsys.readouterr().out.strip()) == Schedule.load(saved)
    other = saved.with_name("angles.csv")
    other.write_text("angle_deg\n0\n10\n35\n")
    assert run(["schedule", "import", str(other), "--task", "head", "--json"]) == 0
    found = Schedule.load(json.loads(capsys.readouterr().out)["path"])
    assert found.angles_deg == (0.0, 10.0, 35.0)
    assert (found.task, found.method, found.provenance["format"]) == ("head", "imported", "csv")
    other.write_text("angle_deg\n0\n360\n")
    assert run(["schedule", "import", str(other), "--overwrite"]) == 3
    assert run(["schedule", "import", str(other), "--format", "spec"]) == 5
    assert run(["schedule", "import", str(saved.with_name("none.xml"))]) == 4


def test_a_run_needs_a_plan_and_a_schedule_that_fits(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["device", "run", str(saved), "--bluesky", "json:nothing"]) == 3
    assert "expected module:function, cannot import it" in capsys.readouterr().err
    assert run(["device", "run", str(saved), "--bluesky", "json:dumps", "--device", "research-gantry"]) == 3
    assert "got failed checks" in capsys.readouterr().err
