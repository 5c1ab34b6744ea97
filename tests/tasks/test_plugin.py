"""A package that adds an anatomy, a finding, a head, a sampler, a reconstructor and a task, without a touch of svct."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parents[1] / "fixtures" / "timber"

OLD = """
import hashlib, json, torch
from svct.geometry import Grid, Projector
from svct.recon import load_backbone
from svct.recon.networks import backbone_path
from svct.tasks import Cohort, load_task

torch.set_num_threads(1)
def sha(*tensors):
    return hashlib.sha256(b"".join(t.contiguous().numpy().tobytes() for t in tensors)).hexdigest()

net, found = load_backbone(), {"file": hashlib.sha256(backbone_path().read_bytes()).hexdigest()}
found["weights"] = sha(*net.state_dict().values())
for name in ("chest", "water"):
    task = load_task(name)
    A = Projector(task.scan[range(0, 360, 20)], Grid((128, 128), voxel_mm=task.grid.voxel_mm))
    truth = task.cohort.patient(8).image
    y = task.acquisition.measure(A(truth[None]), seed=1)
    with torch.inference_mode():
        found[name] = [task.cohort.sha256(), sha(truth), sha(y), sha(net(y, A))]
"""

NEW = """
from svct.cli.main import run
from svct.sampling.samplers import Problem, load_sampler
from svct.tasks import load_task
from svct.tasks.cases import CaseCohort
from svct.tasks.heads import make_head

said = []
for words in WORDS:
    code = run(words)
    assert code == 0, (words, code)
task = load_task("log")
found["task"] = [task.cohort.anatomy, list(task.findings), list(task.heads)]
A = Projector(task.scan, task.grid)
sampler = load_sampler("wedge", centre=0.25)
choice = sampler.choose(Problem(A, task.acquisition, task.budget, task.cohort.images([0])))
found["views"] = list(choice.views)
cases = CaseCohort("log", finding="rot", grid=task.grid, size=40)
drawn = [cases.case(i) for i in range(40)]
images = torch.stack([case.image for case in drawn])
head = make_head("rot-reader").fit(images[:20], drawn[:20])
found["auc"] = head.score(images[20:], drawn[20:], resamples=20).figures["auc"].value
found["generator"] = drawn[0].record.base["generator"]
"""


def install(folder: Path) -> None:
    """Put the package where an installer would, with what its pyproject says of it."""
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    shutil.copytree(SOURCE / "svct_timber", folder / "svct_timber")
    info = folder / f"svct_timber-{project['version']}.dist-info"
    info.mkdir()
    about = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(about, encoding="utf-8")
    groups = [
        "\n".join([f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())])
        for group, entries in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n\n".join(groups) + "\n", encoding="utf-8")


def python(code: str, folder: Path | None = None) -> tuple[dict[str, Any], str]:
    """Run code in a process of its own; return what it found and what it printed before."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(folder or "")}
    result = subprocess.run(
        [sys.executable, "-P", "-c", code + "\nprint(json.dumps(found))"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr + result.stdout
    *lines, last = result.stdout.splitlines()
    return json.loads(last), "\n".join(lines)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any], str]:
    folder = tmp_path_factory.mktemp("site")
    out = tmp_path_factory.mktemp("out")
    install(folder)
    scan, mine = str(out / "scan.h5"), str(out / "mine.toml")
    words = [
        ["tasks", "list"],
        ["tasks", "show", "log", "--png", str(out / "log.png")],
        ["tasks", "new", "mine", "--from", "log", "--out", mine],
        ["tasks", "check", mine],
        ["tasks", "cases", "--anatomy", "log", "--finding", "rot", "--count", "1", "--out", str(out / "cases")],
        ["simulate", "--task", mine, "--out", scan, "--truth", str(out / "truth.h5")],
        ["reconstruct", scan, "--method", "landweber", "--iterations", "40"],
        ["evaluate", str(out / "scan-landweber.h5"), "--truth", str(out / "truth.h5")],
        ["bench", "recon", "--case", mine, "--method", "landweber", "--method", "fbp", "--quick"],
    ]
    before, _ = python(OLD)
    after, printed = python(OLD + f"WORDS = {words!r}\n" + NEW, folder)
    assert (out / "log.png").stat().st_size > 10_000
    return before, after, printed


def test_what_was_there_stays_the_same_to_the_last_bit(
    runs: tuple[dict[str, Any], dict[str, Any], str],
) -> None:
    before, after, _ = runs
    assert set(before) == {"file", "weights", "chest", "water"}
    assert {name: after[name] for name in before} == before


def test_every_command_takes_what_the_package_adds(runs: tuple[dict[str, Any], dict[str, Any], str]) -> None:
    _, _, printed = runs
    assert "Spruce log before sawing  (svct-timber)" in printed
    assert "Axial chest, lungs to upper abdomen  (svct)" in printed
    assert "ok     finding rot: " in printed
    assert "ok     head rot-reader: its figure is auc" in printed
    assert "WRONG" not in printed
    assert "scan-landweber" in printed


def test_finding_head_and_sampler_work_together(runs: tuple[dict[str, Any], dict[str, Any], str]) -> None:
    _, found, _ = runs
    assert found["task"] == ["log", ["rot"], ["rot-reader"]]
    assert found["generator"] == "timber-1"
    assert len(found["views"]) == 16
    near = [view for view in found["views"] if abs(view / 90 - 0.25) < 0.125]
    assert len(near) >= 5
    assert found["auc"] > 0.6
