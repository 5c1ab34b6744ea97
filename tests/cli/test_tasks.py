import json
from pathlib import Path

import pytest

from svct.cli.main import run
from svct.tasks import load_task


def test_tasks_are_listed_with_where_they_are_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tasks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:5] for line in lines if line.startswith("hips")] == [["hips", "hips", "24", "of", "360"]]
    assert all(line.endswith("(svct)") for line in lines)
    assert run(["tasks", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["part"]["anatomy"] == "part"
    assert rows["part"]["from"] == "svct"


def test_a_broken_package_does_not_hide_the_other_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[svct.tasks]\nlost = no_such_module:X\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert run(["tasks"]) == 0
    told = capsys.readouterr()
    assert "chest" in told.out
    assert "note: task 'lost' of broken cannot be loaded" in told.err


def test_a_task_is_shown_with_all_its_settings_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "water.png"
    assert run(["tasks", "show", "water", "--png", str(picture)]) == 0
    shown = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert shown["anatomy"] == "water"
    assert shown["photons"] == "50000.0"
    assert shown["bin_mm"] == "3.0"
    assert shown["findings"] == "none"
    assert shown["cohort_sha256"] == load_task("water").cohort.sha256()
    assert picture.stat().st_size > 10_000
    assert run(["tasks", "show", "water", "--png", str(picture)]) == 7


@pytest.mark.parametrize("base", ["chest", "part"])
def test_a_new_task_works_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str], base: str) -> None:
    path = tmp_path / "my-task.toml"
    assert run(["tasks", "new", "my-task", "--from", base, "--out", str(path)]) == 0
    assert capsys.readouterr().out.strip() == str(path)
    assert path.read_text(encoding="utf-8").count("#") > 12
    assert load_task(path).cohort == load_task(base).cohort
    assert run(["tasks", "check", str(path), "--json"]) == 0
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert all(check["ok"] for check in checks)
    assert {check["name"] for check in checks} >= {"patient", "scan"}
    assert run(["simulate", "--task", str(path), "--views", "4", "--out", str(tmp_path / "scan.h5")]) == 0
    assert run(["tasks", "new", "my-task", "--from", base, "--out", str(path)]) == 7
    assert run(["tasks", "new", "my/task", "--out", str(path), "--overwrite"]) == 3
    assert "NAME: got 'my/task'; expected: Name of the task: letters" in capsys.readouterr().err
    assert run(["tasks", "new", "mine", "--out", str(tmp_path / "mine.txt")]) == 3


@pytest.mark.parametrize(
    ("old", "new", "code", "told"),
    [
        ("budget = 24", "budgt = 24", 5, "Did you mean 'budget'"),
        ("seed = 0", "seed = -1", 3, "cohort.seed: -1 is less than the minimum of 0"),
        ("seed = 0", "seed = = 0", 4, "cannot be read"),
        ("voxel_mm = 3.0", "voxel_mm = 1.5", 1, "of 192 mm, got"),
        ("bins = 128", "bins = 40", 1, "the detector of 40 bins does not see the whole object"),
    ],
)
def test_check_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, code: int, told: str
) -> None:
    path = tmp_path / "mine.toml"
    assert run(["tasks", "new", "mine", "--from", "water", "--out", str(path)]) == 0
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert run(["tasks", "check", str(path)]) == code
    said = capsys.readouterr()
    assert told in said.out + said.err
    assert "svct: error: " in said.err


def test_check_tries_findings_and_heads_and_notes_dark_rays(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tasks", "check", "chest"]) == 0
    said = capsys.readouterr().out
    assert "ok     finding solid nodule: " in said
    assert "ok     head lesion-classifier: its figure is auc" in said
    assert run(["tasks", "check", "hips"]) == 0
    assert "note: the darkest ray expects" in capsys.readouterr().out
