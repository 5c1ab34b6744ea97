import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from svct.bench.backbone import backbone_for
from svct.bench.experiment.key import task_inputs
from svct.data.projections import read_image, write_image
from svct.geometry import Grid, ParallelBeam, Projector
from svct.metrics import RANGE
from svct.recon import fbp, load_backbone, tv
from svct.recon.metal import SHOWN, interpolate_metal
from svct.sampling.importance import without_metal
from svct.sampling.samplers import Problem
from svct.sampling.trial import measure_problem
from svct.tasks import load_task


def scanned(name: str, views: int, patients: int = 2) -> tuple[Tensor, Tensor, Projector]:
    task = load_task(name)
    truth = task.cohort.images(task.cohort.split("test")[:patients])
    A = Projector(replace(task.scan, angles=np.arange(views) * np.pi / views), task.grid)
    return truth, task.acquisition.measure(A(truth), seed=4), A


def decibels(images: Tensor, truth: Tensor) -> float:
    """Return the PSNR outside metal, dB, the mean over patients."""
    counts = without_metal(truth)
    error = (counts * (images - truth).square()).sum(dim=(1, 2)) / counts.sum(dim=(1, 2))
    return float(10 * torch.log10(RANGE**2 / error).mean())


@pytest.mark.parametrize("name", ["abdomen", "chest", "head", "shoulder"])
def test_data_without_metal_come_back_as_they_are(name: str) -> None:
    _, y, A = scanned(name, 16)
    clean, metal = interpolate_metal(y, A)
    assert torch.equal(clean, y)
    assert not bool(metal.any())


@pytest.mark.parametrize("views", [8, 48])
def test_tissue_beside_implants_is_seen(views: int) -> None:
    truth, y, A = scanned("hips", views)
    clean, metal = interpolate_metal(y, A)
    methods: list[Callable[[Tensor, Projector], Tensor]] = [load_backbone(), tv, fbp]
    plain, freed = ([decibels(method(data, A), truth) for method in methods] for data in (y, clean))
    assert all(after > before + 3 for before, after in zip(plain, freed, strict=True)), (plain, freed)
    found, real = metal > 0, truth > SHOWN
    assert bool((found & real).sum() > 0.75 * real.sum())
    assert bool((found & ~real).sum() < 0.4 * real.sum())
    assert torch.equal(load_backbone().without_metal()(y, A), load_backbone()(clean, A))


def test_rays_are_interpolated_along_the_detector_alone() -> None:
    A = Projector(ParallelBeam(np.arange(6) * np.pi / 6, bins=32), Grid(shape=(32, 32)))
    x = torch.zeros(32, 32)
    x[13:17, 14:18] = 1.0
    smooth = torch.linspace(0.1, 0.2, 32).expand(6, 32).clone()
    y = (smooth + A(x)).requires_grad_(True)
    clean, _ = interpolate_metal(y, A)
    hidden = (clean - y).abs().detach() > 1e-6
    assert bool(hidden[A(x) > 0.2].all())
    assert float((clean.detach() - smooth).abs().max()) < 0.01
    (slope,) = torch.autograd.grad(clean.sum(), y)
    assert bool((slope[hidden] == 0).all()), "what is hidden has no say"
    assert float(slope.sum()) == pytest.approx(6 * 32)


def test_metal_at_the_edge_of_the_detector_takes_its_neighbour() -> None:
    A = Projector(ParallelBeam([0.0, np.pi / 2], bins=16), Grid(shape=(16, 16)))
    x = torch.zeros(16, 16)
    x[6:9, 13:16] = 1.0
    clean, _ = interpolate_metal(A(x) + 0.1, A)
    assert float((clean - 0.1).abs().max()) < 0.01
    x[:] = 1.0
    filled = A(x)
    assert torch.equal(interpolate_metal(filled, A)[0], filled), "where nothing is free nothing can be interpolated"


def test_views_of_no_weight_say_nothing_of_where_metal_is() -> None:
    _, y, A = scanned("hips", 16, patients=1)
    weights = torch.ones(16)
    weights[1::2] = 0
    spoilt = y.clone()
    spoilt[:, 1::2] = 0
    clean, metal = interpolate_metal(spoilt, A, view_weights=weights)
    half, same = interpolate_metal(y[:, ::2], A[list(range(0, 16, 2))])
    assert torch.allclose(metal, same, atol=1e-4)
    assert torch.allclose(clean[:, ::2], half, atol=1e-3)


def test_each_task_has_the_network_it_needs() -> None:
    hips, water = load_task("hips"), load_task("water")
    assert backbone_for(hips).metal_free
    assert not backbone_for(water).metal_free
    problems = [
        Problem(Projector(t.scan, t.grid), t.acquisition, 8, t.cohort.images([0, 1]), net=backbone_for(t))
        for t in (water, hips)
    ]
    panel = measure_problem(replace(problems[0], others=(problems[1],)), "test", seed=0)
    assert [part.net.metal_free for part in panel.parts] == [False, True]
    assert "metal" in task_inputs(hips)
    assert "metal" not in task_inputs(water)


def test_the_command_shows_the_metal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from svct.cli.main import run

    scan, out = str(tmp_path / "scan.h5"), tmp_path / "image.h5"
    assert run(["simulate", "--task", "hips", "--views", "24", "--out", scan]) == 0
    assert run(["reconstruct", scan, "--method", "tv", "--iterations", "30", "--metal", "--out", str(out)]) == 0
    assert "metal: found and interpolated" in capsys.readouterr().err
    truth, image = load_task("hips").cohort.patient(0).image, torch.from_numpy(read_image(out).x)
    inside = torch.nn.functional.max_pool2d(-(truth > SHOWN).float()[None], 3, 1, 1)[0] < 0
    assert float(image[inside].median()) >= SHOWN
    assert float((image - truth)[truth <= SHOWN].abs().median()) < 0.002
    true = str(tmp_path / "truth.h5")
    write_image(true, truth.numpy(), read_image(out).grid, meta={})
    assert run(["evaluate", str(out), "--truth", true, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["outside_metal_psnr_db"] == pytest.approx(decibels(image[None], truth[None]), abs=1e-3)
    assert row["psnr_db"] < row["outside_metal_psnr_db"] - 10
    chest = str(tmp_path / "chest.h5")
    assert run(["simulate", "--task", "chest", "--views", "24", "--out", chest]) == 0
    assert run(["reconstruct", chest, "--method", "fbp", "--metal"]) == 0
    assert "metal: none found" in capsys.readouterr().err
    assert run(["reconstruct", chest, "--method", "fbp", "--out", str(out), "--overwrite"]) == 0
    with_it = read_image(tmp_path / "chest-fbp.h5").x
    assert np.array_equal(with_it, read_image(out).x)
