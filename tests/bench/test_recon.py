import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn

from svct.bench.false_structures import (
    Lung,
    false_structures,
    insert_nodule,
    kept_contrast,
    lung_of,
)
from svct.bench.recon import Protocol, bench_reconstructions, change_from_equidistant, gain_over
from svct.bench.recon_methods import STRENGTHS, mean_psnr, reconstruct, tune_tv
from svct.bench.recon_patterns import pattern_named
from svct.bench.recon_subjects import Scanned, drawn_patients, turned_slices
from svct.cli.main import run
from svct.data.volume import Volume
from svct.errors import InputError, UnknownNameError
from svct.geometry import Grid, ParallelBeam, Projector
from svct.metrics import psnr
from svct.recon import fbp, tv
from svct.recon.networks import save_network
from svct.recon.rivals import PostUNet
from svct.recon.unrolled import UnrolledNet
from svct.tasks.task import Task, load_task

TASK = """
name = "{name}"
title = "A coarse one"
budget = 12
[cohort]
anatomy = "{anatomy}"
seed = 0
size = 40
[grid]
shape = [48, 48]
voxel_mm = 8.6
[scan]
kind = "parallel"
candidates = 36
bins = 48
bin_mm = 8.6
[acquisition]
photons = 5e4
electronic_noise = 5.0
"""


def coarse(folder: Path, name: str = "coarse", anatomy: str = "head") -> str:
    path = folder / f"{name}.toml"
    path.write_text(TASK.format(name=name, anatomy=anatomy))
    return str(path)


def healthy(count: int) -> list[tuple[np.ndarray[Any, Any], Lung]]:
    task = load_task("chest")
    patients = (task.cohort.patient(i) for i in task.cohort.split("test"))
    found = ((p.image.numpy(), lung_of(p.truth, task.grid)) for p in patients)
    lungs = ((image, lung) for image, lung in found if lung is not None)
    return [next(lungs) for _ in range(count)]


def test_the_detector_finds_what_was_added_and_nothing_else() -> None:
    for seed, (truth, lung) in enumerate(healthy(3)):
        assert lung.free.sum() > 200
        assert false_structures(truth, truth, lung) == 0
        one = insert_nodule(truth, lung, seed=seed)
        assert false_structures(one.image, truth, lung) == 1
        assert false_structures(one.image, one.image, lung) == 0
        faint = insert_nodule(truth, lung, seed=seed, contrast_hu=60)
        assert false_structures(faint.image, truth, lung) == 0
        missing = truth - (one.image - truth)
        assert false_structures(missing, truth, lung) == 0
        blurred = ndimage.gaussian_filter(truth, 0.6)
        assert false_structures(blurred, truth, lung) == 0
        rng = np.random.default_rng(seed)
        rough = truth + rng.normal(0, 0.2 * 0.0193, truth.shape).astype(np.float32)
        assert false_structures(rough, truth, lung) > 3


def test_two_nodules_count_twice() -> None:
    truth, lung = healthy(1)[0]
    middle = lung.free.shape[1] // 2
    left, right = lung.free.copy(), lung.free.copy()
    left[:, middle:], right[:, :middle] = False, False
    one = insert_nodule(truth, replace(lung, free=left), seed=0)
    two = insert_nodule(one.image, replace(lung, free=right), seed=0)
    assert false_structures(two.image, truth, lung) == 2


def test_kept_contrast_is_the_part_that_is_left() -> None:
    for seed, (truth, lung) in enumerate(healthy(3)):
        nodule = insert_nodule(truth, lung, seed=seed)
        area = nodule.cover.sum() * lung.grid.voxel_mm**2
        assert area == pytest.approx(np.pi * 4**2, rel=0.05)
        for part in (0.0, 0.5, 1.0):
            # A level that is off everywhere is no contrast.
            image = truth + 0.001 + part * (nodule.image - truth)
            assert kept_contrast(image, truth, nodule, lung) == pytest.approx(part, abs=1e-3)


def test_only_a_lung_without_a_lesion_is_looked_at() -> None:
    task = load_task("chest")
    for index in task.cohort.split("test")[:4]:
        truth = task.cohort.patient(index).truth
        assert (lung_of(truth, task.grid) is None) == (truth.nodule is not None)
    with pytest.raises(InputError, match=r"expected labels of the grid's shape \(64, 64\)"):
        lung_of(truth, Grid(shape=(64, 64)))
    head = load_task("head")
    assert lung_of(head.cohort.patient(0).truth, head.grid) is None


def test_patterns_take_the_views_that_they_say() -> None:
    scan = ParallelBeam(np.arange(360) * np.pi / 360, bins=8)
    wedge = pattern_named("wedge-60").views(scan, 24, seed=0)
    assert len(wedge) == 24
    assert np.diff(wedge) == pytest.approx(10)
    assert max(wedge) < 240
    chance = pattern_named("random")
    assert chance.views(scan, 24, seed=0) == chance.views(scan, 24, seed=0) != chance.views(scan, 24, seed=1)
    assert pattern_named("rotated").turn_deg == 20
    with pytest.raises(InputError, match="pattern wedge-60: expected 1 to 240 views, its candidates, got 360"):
        pattern_named("wedge-60").views(scan, 360, seed=0)
    with pytest.raises(UnknownNameError, match="Did you mean 'rotated'"):
        pattern_named("rotate")
    with pytest.raises(InputError, match="a wedge of 1 to 150 degrees"):
        pattern_named("wedge-170")


def test_slices_are_turned_as_seen() -> None:
    hu = np.random.default_rng(0).integers(-900, 900, (3, 9, 9)).astype(np.int16)
    volume = Volume(hu, (2.0, 1.5, 1.5), source="made here")
    turned = turned_slices(volume, [2, 0], 90.0).hu
    margin = (turned.shape[1] - 9) // 2
    middle = turned[:, margin:-margin, margin:-margin]
    assert middle == pytest.approx(np.rot90(hu[[2, 0]], axes=(1, 2)), abs=0.01)
    full = Volume(np.zeros((1, 21, 21), np.int16), (1.0, 2.0, 2.0), source="made here")
    assert (turned_slices(full, [0], 30.0).hu > -500).sum() == pytest.approx(21**2, rel=0.02)
    # Where pixels are no squares, a turn is one in mm.
    row, column = np.mgrid[:41, :41] - 20.0
    bar = np.where((np.abs(row * 2) < 5) & (np.abs(column) < 14), 0, -1000)[None].astype(np.int16)
    upright = turned_slices(Volume(bar, (1.0, 2.0, 1.0), source="made here"), [0], 90.0).hu[0] > -500
    assert np.ptp(np.nonzero(upright)[0]) * 2 == pytest.approx(26, abs=2)
    assert np.ptp(np.nonzero(upright)[1]) == pytest.approx(9, abs=2)


def test_tv_is_tuned_to_the_best_of_all_strengths() -> None:
    task = coarse_task()
    truth = task.cohort.images([7])
    A = Projector(task.scan, task.grid)[::4]
    for photons in (1e3, 1e6):
        y = replace(task.acquisition, photons=photons).measure(A(truth), seed=0)
        tried = iter(range(100))
        place = tune_tv(y, A, truth, iterations=12, each=partial(next, tried))
        every = [mean_psnr(tv(y, A, strength=s, iterations=12), truth) for s in STRENGTHS]
        assert every[place] == max(every)
        assert next(tried) < len(STRENGTHS) * 0.7


def coarse_task() -> Task:
    task = load_task("chest")
    grid = Grid(shape=(48, 48), voxel_mm=8.6)
    scan = ParallelBeam(np.arange(36) * np.pi / 36, bins=48, bin_mm=8.6)
    return replace(task, cohort=replace(task.cohort, grid=grid), scan=scan, budget=12)


class Ramp(nn.Module):
    """FBP as a network, off by a constant."""

    def __init__(self, offset: float) -> None:
        super().__init__()
        self.offset = offset

    def forward(self, y: torch.Tensor, A: Projector) -> torch.Tensor:
        x: torch.Tensor = fbp(y, A) + self.offset
        return x


def cases() -> list[Scanned]:
    return [drawn_patients(coarse_task(), patients=3, tuning=1)]


def test_all_methods_see_the_same_scan() -> None:
    patterns = tuple(map(pattern_named, ("equidistant", "rotated", "wedge-60", "random")))
    methods = ("fbp", "tv", "unrolled", "twin", "worse")
    protocol = Protocol((18,), (5e3, 1e9), patterns, methods, iterations=12)
    nets = {"unrolled": Ramp(0.0), "twin": Ramp(0.0), "worse": Ramp(0.004)}
    ticks: list[float] = []
    rows = [row for part in bench_reconstructions(cases(), protocol, nets, tick=ticks.append) for row in part]
    assert len(rows) == 2 * 4 * 5
    for row in rows:
        assert len(row.scores.psnr_db) == 3
        gain, change = gain_over(rows, row), change_from_equidistant(rows, row)
        assert (change is None) == (row.pattern == "equidistant")
        if row.method == "unrolled":
            assert gain is None
        else:
            assert gain is not None
            if row.method == "twin":
                assert gain.mean_db == gain.low_db == gain.high_db == 0
            elif row.method == "worse":
                assert gain.low_db > 0
            elif row.method == "fbp":
                assert gain.mean_db <= 1e-9  # the better of two filters, one of which this is
    score = {(r.photons, r.pattern): float(np.mean(r.scores.psnr_db)) for r in rows if r.method == "tv"}
    assert score[5e3, "equidistant"] < score[1e9, "equidistant"]
    assert score[1e9, "wedge-60"] < score[1e9, "equidistant"]
    wedge = next(r for r in rows if r.pattern == "wedge-60" and r.method == "tv" and r.photons == 1e9)
    change = change_from_equidistant(rows, wedge)
    assert change is not None
    assert change.high_db < 0
    with pytest.raises(UnknownNameError, match=r"unknown method 'lpd': expected one of cgls, fbp, mlem, .*, unrolled"):
        bench_reconstructions(cases(), Protocol(methods=("lpd",)), {"unrolled": Ramp(0)})
    with pytest.raises(InputError, match="method 'unrolled-std': expected one that gives images"):
        bench_reconstructions(cases(), Protocol(methods=("unrolled-std",)), {"unrolled": Ramp(0)})
    with pytest.raises(InputError, match="pattern equidistant: expected 1 to 36 views"):
        bench_reconstructions(cases(), Protocol(views=(48,)), {"unrolled": Ramp(0)})


def test_drawn_subjects_keep_the_splits_apart() -> None:
    task = coarse_task()
    case = drawn_patients(task, patients=4, tuning=2)
    upright, turned = case.test(0.0), case.test(20.0)
    assert torch.equal(upright.images[1], task.cohort.patient(9).image)
    assert torch.equal(turned.images[1], task.cohort.patient(9, rotation_deg=20).image)
    assert torch.equal(case.tuning[1], task.cohort.patient(17).image)
    with pytest.raises(InputError, match="expected 90 patients in the test split, got 80"):
        drawn_patients(task, patients=90, tuning=2)


def network(folder: Path, kind: type[UnrolledNet] | type[PostUNet] = UnrolledNet) -> str:
    torch.manual_seed(0)
    net = UnrolledNet(unrolls=2, width=4, memory=2) if kind is UnrolledNet else PostUNet(width=4, depth=2)
    path = folder / f"{kind.__name__}.safetensors"
    save_network(net, path, about={"steps": 1})
    return str(path)


def test_the_command_writes_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, markdown = tmp_path / "found.json", tmp_path / "found.md"
    nets = ["--network", f"unrolled={network(tmp_path)}", "--network", f"cleaned={network(tmp_path, PostUNet)}"]
    scans = ["--case", "chest", "--case", coarse(tmp_path), "--views", "12", "--photons", "1e5"]
    patterns = ["--pattern", "equidistant", "--pattern", "wedge-60"]
    command = ["bench", "recon", *scans, *patterns, *nets, "--patients", "3", "--tuning", "1", "--iterations", "5"]
    assert run([*command, "--out", str(out), "--markdown", str(markdown)]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 120
    assert "one image of 256x256 from 24 views" in text
    found = json.loads(out.read_text())
    assert found["complete"]
    assert [row["method"] for row in found["rows"]] == ["fbp", "tv", "unrolled", "cleaned"] * 4
    assert len(found["networks"]["cleaned"]["sha256"]) == 64
    assert found["networks"]["unrolled"]["about"]["network"] == "unrolled"
    chest, coarser = found["rows"][0], found["rows"][-1]
    assert len(chest["false_structures"]) == len(chest["kept_contrast"]) == 1  # two of the three have a nodule
    assert coarser["false_structures"] == []
    assert coarser["mean_kept_contrast"] is None
    assert chest["gain_of_unrolled"]["patients"] == 3
    assert f"{chest['mean_psnr_db']:.2f}" in text
    tables = markdown.read_text()
    assert "| chest | 12 | 1e5 | wedge-60 |" in tables
    assert f"| {chest['mean_psnr_db']:.2f} |" in tables
    assert run([*command, "--out", str(out)]) == 7


def test_an_interrupt_keeps_finished_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def interrupted(*args: Any, **keywords: Any) -> Any:
        calls.append(1)
        if len(calls) > 2:
            raise KeyboardInterrupt
        return reconstruct(*args, **keywords)

    monkeypatch.setattr("svct.bench.recon_trial.reconstruct", interrupted)
    out = tmp_path / "found.json"
    options = ["--case", coarse(tmp_path), "--views", "9", "--views", "12", "--method", "fbp", "--method", "unrolled"]
    nets = ["--network", f"unrolled={network(tmp_path)}"]
    assert run(["bench", "recon", *options, *nets, "--photons", "1e5", "--patients", "2", "--out", str(out)]) == 130
    assert f"the 2 finished rows are in {out}" in " ".join(capsys.readouterr().err.split())
    found = json.loads(out.read_text())
    assert not found["complete"]
    assert [row["views"] for row in found["rows"]] == [9, 9]


def test_the_command_on_a_volume(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    z, y, x = np.mgrid[:60, :48, :48].astype(np.float32)
    body = np.hypot((y - 23.5) / 14, (x - 23.5) / 19) < 1
    hu = np.where(body, 40 + 60 * np.sin(x / (2 + z / 30)) * np.cos(y / 3), -1000).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(hu.T, np.diag([8.0, 8.0, 5.0, 1.0])), tmp_path / "body.nii.gz")  # type: ignore[no-untyped-call]
    scans = ["--case", coarse(tmp_path), "--data", str(tmp_path / "body.nii.gz"), "--views", "12", "--photons", "1e5"]
    options = ["--patients", "5", "--tuning", "2", "--iterations", "5", "--method", "fbp", "--method", "tv"]
    patterns = ["--pattern", "equidistant", "--pattern", "rotated"]
    assert run(["bench", "recon", *scans, *options, *patterns, "--json"]) == 0
    output = capsys.readouterr()
    assert "no claim about a population" in output.err
    found = json.loads(output.out)
    slices = found["cases"][0]["source"]["slices"]
    assert len(slices["test"]) == len(found["rows"][0]["psnr_db"]) == 5
    apart = np.abs(np.subtract.outer(slices["test"], slices["validation"]))
    assert apart.min() * 5 >= 10
    assert found["rows"][0]["unit"] == "slice"
    assert [row["case"] for row in found["rows"]] == ["body"] * 4
    change = found["rows"][2]["change_from_equidistant"]
    assert abs(change["mean_db"]) < 3


def test_mistakes_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = network(tmp_path)
    for options, code, words in [
        (["--case", "chst"], 5, "Did you mean 'chest'"),
        (["--method", "lpd"], 5, "unknown method 'lpd'"),
        (["--network", "lpd"], 3, "expected NAME=FILE, such as lpd=lpd.safetensors, got 'lpd'"),
        (["--network", f"tv={net}"], 3, "expected a name that is still free"),
        (["--network", f"lpd={tmp_path / 'none.safetensors'}"], 4, "found no file"),
        (["--pattern", "wedge"], 5, "Did you mean 'wedge-60'"),
        (["--photons", "-1"], 3, "photons: expected positive"),
        (["--data", "no.nii"], 4, "no.nii: expected an existing path or one of chest-ct"),
        (["--data", "chest-ct", "--case", "chest", "--case", "head"], 2, "--data: expected one --case"),
        (["--out", str(tmp_path / "no" / "found.json")], 4, "expected to write into an existing folder"),
    ]:
        command = ["bench", "recon", "--quick", "--network", f"unrolled={net}"]
        assert run([*command, *options]) == code, options
        assert words in " ".join(capsys.readouterr().err.split())


def test_psnr_of_a_row_is_that_of_the_images() -> None:
    case = cases()[0]
    protocol = Protocol((12,), (1e5,), methods=("unrolled",))
    row = next(bench_reconstructions([case], protocol, {"unrolled": Ramp(0.001)}))[0]
    A = Projector(case.task.scan, case.task.grid)[list(range(0, 36, 3))]
    truth = case.test(0.0).images
    noiseless = [psnr(fbp(A(t), A) + 0.001, t) for t in truth]
    assert row.scores.psnr_db == pytest.approx(noiseless, abs=0.5)
