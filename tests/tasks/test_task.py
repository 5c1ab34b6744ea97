import sys
from pathlib import Path

import pytest

from svct.errors import DataFileError, InputError, SvctError, UnknownNameError
from svct.tasks import load_task, task_names
from svct.tasks.definitions import CHEST


def test_every_task_loads() -> None:
    assert task_names() == ["abdomen", "chest", "head", "shoulder", "water"]
    for name in task_names():
        task = load_task(name)
        assert task.name == name
        assert len(task.scan) == 360
        assert task.scan.detector_shape == (128,)


def write(tmp_path: Path, old: str = "", new: str = "") -> Path:
    text = CHEST.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new, 1))
    return path


def test_a_task_of_ones_own(tmp_path: Path) -> None:
    path = write(tmp_path, 'name = "chest"', 'name = "mine"')
    assert load_task(path).name == "mine"
    assert load_task(str(path)).with_budget(12).budget == 12


def test_a_task_from_a_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, 'name = "chest"', 'name = "knee"').rename(tmp_path / "knee.toml")
    (tmp_path / "knee_plugin.py").write_text("from pathlib import Path\nKNEE = Path(__file__).with_name('knee.toml')\n")
    info = tmp_path / "knee_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: knee-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[svct.tasks]\nknee = knee_plugin:KNEE\nlost = no_such_module:X\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "knee" in task_names()
    assert load_task("knee").name == "knee"
    with pytest.raises(SvctError, match="task 'lost' is registered as no_such_module:X but cannot be imported"):
        load_task("lost")
    sys.modules.pop("knee_plugin", None)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("budget = 24", "budget = 361", "expected 2 to 360, the number of candidate views of task 'chest', got 361"),
        ("budget = 24", "budget = 0", "expected 2 to 360"),
        ("seed = 0", "", r"section \[cohort\]: expected anatomy, seed, size, got anatomy, size"),
        ("photons = 5e4", "photons = -1.0", "photons: expected positive numbers"),
        ("bin_mm = 3.2", "bin_mm = 3.2\ncolour = 3", "parallel geometry: expected the fields"),
        ("candidates = 360", "candidates = 'many'", r"section \[scan\]: expected the number of candidates"),
        ("voxel_mm = 3.2", "voxel_mm = 'wide'", "wrong type"),
    ],
)
def test_impossible_tasks(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_task(write(tmp_path, old, new))


def test_unreadable_tasks(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown task 'chets': expected one of .* Did you mean 'chest'"):
        load_task("chets")
    with pytest.raises(DataFileError, match="found no file"):
        load_task(tmp_path / "missing.toml")
    with pytest.raises(DataFileError, match="cannot be read"):
        load_task(write(tmp_path, "budget = 24", "budget = = 24"))
