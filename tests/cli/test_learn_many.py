import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from svct.bench.learn import QUICK
from svct.cli.main import run
from svct.recon.task_module import TaskModule
from svct.sampling import Schedule
from svct.sampling.modulation import LoadLaw
from svct.sampling.samplers.designed import Designed


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have --quick do still less."""
    effort = replace(QUICK, train=16, swaps=2, designed=Designed(coarse=8, rounds=1))
    monkeypatch.setattr("svct.bench.learn.QUICK", effort)
    monkeypatch.setattr("svct.bench.share.LAW", LoadLaw(exponents=(0.5, 1.0)))


def small_task(path: Path, name: str, *, voxel_mm: float, photons: float = 1e5) -> Path:
    path.write_text(
        f"""
name = "{name}"
title = "{name}, small"
budget = 4
[cohort]
anatomy = "{name}"
size = 120
[grid]
shape = [32, 32]
voxel_mm = {voxel_mm}
[scan]
kind = "parallel"
candidates = 24
bins = 32
bin_mm = {voxel_mm}
[acquisition]
photons = {photons}
""",
        encoding="utf-8",
    )
    return path


@pytest.mark.usefixtures("light")
def test_many_tasks_and_a_universal_schedule(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    part = small_task(tmp_path / "part.toml", "part", voxel_mm=4.0)
    water = small_task(tmp_path / "water.toml", "water", voxel_mm=12.0)
    out = tmp_path / "run"
    command = ["learn-sampling", "--task", str(part), "--task", str(water), "--sampler", "golden", "--quick"]
    command += ["--out", str(out)]
    assert run(command) == 0
    said = capsys.readouterr().out
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["claim"] in said
    assert "backbone's weights are the same" in said
    for name in ("part", "water"):
        schedule = Schedule.load(out / f"{name}.json")
        assert (schedule.task, schedule.budget) == (name, 4)
        module = TaskModule.load(out / f"{name}.safetensors")
        assert (out / f"{name}.safetensors").stat().st_size < 5_000
        assert module.logits is not None
        taken = sorted(module.logits.topk(4).indices.tolist())
        assert [round(v * 7.5, 6) for v in taken] == [round(a, 6) for a in schedule.angles_deg]
    universal = Schedule.load(out / "universal.json")
    assert universal.task == "part+water"
    assert universal.method == metrics["universal_returned"]
    stages = json.loads((out / "stages.json").read_text(encoding="utf-8"))
    assert {"part/swap", "water/swap", "universal/golden", "universal/swap"} <= set(stages)

    assert run([*command, "--resume"]) == 7
    assert "the run is finished" in capsys.readouterr().err
    (out / "universal.json").unlink()
    assert run([*command, "--resume", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == metrics
    (out / "universal.json").unlink()
    assert run([*command, "--resume", "--views", "5"]) == 3
    assert "got another views" in capsys.readouterr().err


@pytest.mark.usefixtures("light")
def test_loads_that_a_sampler_chose_reach_the_schedule(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hips = small_task(tmp_path / "hips.toml", "hips", voxel_mm=12.0, photons=5e3)
    out = tmp_path / "run"
    command = ["learn-sampling", "--task", str(hips), "--sampler", "modulated", "--quick", "--out", str(out)]
    assert run([*command, "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out)
    kept = json.loads((out / "stages.json").read_text(encoding="utf-8"))["modulated"]
    shared = metrics["rivals"]["dose shared"]
    assert shared["views"] == kept[:4]
    assert shared["loads"] == pytest.approx([load / 1e9 for load in kept[4:]])
    assert max(shared["loads"]) > 2 * min(shared["loads"])
    assert sum(shared["loads"]) == pytest.approx(4)
    assert shared["gain"]["low_db"] > 0, "starved hips need the dose where the metal is"
    assert metrics["returned"] == "dose shared"
    schedule = Schedule.load(out / "schedule.json")
    assert schedule.method == "dose shared"
    assert schedule.relative_load == pytest.approx(shared["loads"])
    assert [a / 7.5 for a in schedule.angles_deg] == pytest.approx(shared["views"])
    assert schedule.gain is not None
    assert schedule.gain.low_db == shared["gain"]["low_db"]

    (out / "schedule.json").unlink()
    assert run([*command, "--resume"]) == 0
    assert "the schedule holds its views and loads" in capsys.readouterr().out
    assert json.loads((out / "metrics.json").read_text(encoding="utf-8")) == metrics


@pytest.mark.slow
@pytest.mark.usefixtures("light")
def test_many_tasks_share_the_dose_of_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hips = small_task(tmp_path / "hips.toml", "hips", voxel_mm=12.0, photons=5e3)
    water = small_task(tmp_path / "water.toml", "water", voxel_mm=12.0)
    out = tmp_path / "run"
    command = ["learn-sampling", "--task", str(hips), "--task", str(water), "--sampler", "golden", "--quick"]
    assert run([*command, "--share-dose", "--out", str(out)]) == 0
    assert capsys.readouterr().out.count("dose shared") >= 2
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    schedules = {name: Schedule.load(out / f"{name}.json") for name in ("hips", "water", "universal")}
    assert schedules["hips"].method == "dose shared"
    assert schedules["water"].method != "dose shared", "a round object has nothing to share"
    for name in ("hips", "water"):
        rival, its = metrics["tasks"][name]["rivals"]["dose shared"], schedules[name]
        assert its.method == metrics["tasks"][name]["returned"]
        if its.method == "dose shared":
            assert rival["gain"]["low_db"] > 0
            assert its.relative_load == pytest.approx(rival["loads"])
            module = TaskModule.load(out / f"{name}.safetensors")
            assert module.logits is not None
            assert sorted(module.logits.topk(4).indices.tolist()) == rival["views"]
    assert set(schedules["universal"].relative_load) == {1.0}


@pytest.mark.slow
@pytest.mark.usefixtures("light")
def test_many_tasks_obey_a_device(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tasks = [
        small_task(tmp_path / "part.toml", "part", voxel_mm=4.0),
        small_task(tmp_path / "water.toml", "water", voxel_mm=12.0),
    ]
    out = tmp_path / "run"
    command = ["learn-sampling", *(word for task in tasks for word in ("--task", str(task)))]
    command += ["--device", "c-arm", "--forbid-deg", "40..80", "--min-spacing-deg", "20", "--sampler", "golden"]
    assert run([*command, "--share-dose", "--out", str(out)]) == 3
    assert "--share-dose: expected without limits of a device" in capsys.readouterr().err
    assert run([*command, "--views", "9", "--out", str(out)]) == 3
    assert "9 do not fit" in capsys.readouterr().err
    assert run([*command, "--quick", "--out", str(out)]) == 0
    assert "planned for" in capsys.readouterr().err
    for name in ("part", "water", "universal"):
        angles = Schedule.load(out / f"{name}.json").angles_deg
        assert not any(40 < a < 80 for a in angles)
        assert all(b - a >= 20 - 1e-6 for a, b in pairwise(sorted(angles)))
        (planned,) = out.glob(f"{name}-*arm*.json")
        assert Schedule.load(planned).budget == 4


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--task", "chest", "--task", "chest"], 3, "two or more of different names"),
        (["--task", "chest", "--task", "head", "--data", "x.nii"], 3, "--data: expected with one --task"),
        (["--task", "chest", "--sampler", "lupe"], 5, "unknown sampler 'lupe': .* Did you mean 'loupe'"),
    ],
)
def test_what_does_not_go_together(
    options: list[str], code: int, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["learn-sampling", *options, "--out", str(tmp_path / "run")]) == code
    assert re.search(told, capsys.readouterr().err)
    assert not (tmp_path / "run").exists()
