import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from svct.errors import DataFileError, InputError, SvctError, UnknownNameError
from svct.registry import load
from svct.tasks import load_task, task_names
from svct.tasks.definitions import CHEST
from svct.tasks.task_file import json_schema
from svct.tasks.task_template import task_toml


def test_every_task_loads() -> None:
    assert task_names() == ["abdomen", "chest", "head", "hips", "part", "shoulder", "water"]
    for name in task_names():
        task = load_task(name)
        assert task.name == name
        assert len(task.scan) == 360
        assert task.scan.detector_shape == (128,)


def write(tmp_path: Path, old: str = "", new: str = "") -> Path:
    lines = CHEST.read_text(encoding="utf-8").splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith(("findings", "heads")))
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
        ("budget = 24", "budget = 0", "budget: 0 is less than the minimum of 2; expected: How many of the candidates"),
        ('anatomy = "chest"', "", r"cohort: 'anatomy' is a required property; expected: The patients"),
        ("seed = 0", "seed = -1", "cohort.seed: -1 is less than the minimum of 0; expected: Seed of the whole cohort"),
        ("photons = 5e4", "photons = -1.0", "acquisition.photons: -1.0 is less than .* expected: Photons per ray"),
        ("bins = 128", "", "parallel geometry: expected the fields"),
        ("candidates = 360", "candidates = 'many'", "scan.candidates: 'many' is not of type 'integer'"),
        ("voxel_mm = 3.2", "voxel_mm = 'wide'", "grid.voxel_mm: 'wide' is not of type 'number'; expected: Edge of a"),
        ("shape = [128, 128]", "shape = [128, 128, 8]", r"grid.shape: .* expected: Rows and columns"),
        ('name = "chest"', 'name = "a/b"', "name: 'a/b' does not match .* expected: Name of the task: letters, digits"),
        ("budget = 24", 'budget = 24\nobjective = "heads"', "objective 'heads': expected heads to read images"),
        ("budget = 24", 'budget = 24\nobjective = "dose"', r"objective: 'dose' is not one of \['image', 'heads'\]"),
    ],
)
def test_impossible_tasks(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_task(write(tmp_path, old, new))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("budget = 24", "budgt = 24", "unknown key in the task 'budgt': expected one of .* Did you mean 'budget'"),
        (
            "anatomy =",
            "anatmy =",
            r"unknown key in \[cohort\] 'anatmy': expected one of anatomy, seed, size. Did you mean",
        ),
        ("bin_mm = 3.2", "bin_m = 3.2", r"unknown key in \[scan\] 'bin_m': expected one of .* Did you mean 'bin_mm'"),
        ("bin_mm = 3.2", "bin_mm = 3.2\nangles = [0.0]", r"unknown key in \[scan\] 'angles'"),
        ('"parallel"', '"paralel"', "unknown geometry 'paralel': .* Did you mean 'parallel'"),
        ('anatomy = "chest"', 'anatomy = "chst"', "unknown anatomy 'chst': .* Did you mean 'chest'"),
        ("budget = 24", 'budget = 24\nfindings = ["kidney stone"]', "unknown finding in the chest 'kidney stone'"),
        ("budget = 24", 'budget = 24\nheads = ["segmentor"]', "unknown head 'segmentor': .* mean 'segmenter'"),
    ],
)
def test_unknown_names(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=f"mine.toml: {message}"):
        load_task(write(tmp_path, old, new))


def test_a_task_with_findings_and_heads(tmp_path: Path) -> None:
    more = 'findings = ["solid nodule"]\nheads = ["segmenter"]\nobjective = "heads"\nprotocol = "low dose"'
    task = load_task(write(tmp_path, "budget = 24", f"budget = 24\n{more}"))
    assert (task.findings, task.heads) == (("solid nodule",), ("segmenter",))
    assert (task.objective, task.protocol) == ("heads", "low dose")


@pytest.mark.parametrize("name", task_names())
def test_a_written_task_reads_back_the_same(tmp_path: Path, name: str) -> None:
    task = replace(load_task(name), title='A "title" with \\ and ü', protocol="line\nbreak")
    path = tmp_path / "again.toml"
    path.write_text(task_toml(task), encoding="utf-8")
    assert load_task(path) == task


def test_every_shipped_task_follows_the_published_schema() -> None:
    Draft202012Validator.check_schema(json_schema())
    for name in task_names():
        values = tomllib.loads(load("svct.tasks", "task", name).read_text(encoding="utf-8"))
        Draft202012Validator(json_schema()).validate(values)


def test_unreadable_tasks(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown task 'chets': expected one of .* Did you mean 'chest'"):
        load_task("chets")
    with pytest.raises(DataFileError, match="found no file"):
        load_task(tmp_path / "missing.toml")
    with pytest.raises(DataFileError, match="cannot be read"):
        load_task(write(tmp_path, "budget = 24", "budget = = 24"))
