import json
import re
from pathlib import Path

import pytest

from svct.cli.main import run
from svct.recon.task_module import TaskModule
from svct.sampling import Schedule


def small_task(path: Path, name: str, *, voxel_mm: float) -> Path:
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
photons = 1e5
""",
        encoding="utf-8",
    )
    return path


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
