import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from svct.bench.explain import edge_histogram, explain, line_integrals, marginal_values
from svct.bench.explain_picture import draw_explanation, sentences
from svct.cli.main import run
from svct.errors import InputError
from svct.geometry import Grid, ParallelBeam, Projector
from svct.recon import UnrolledNet
from svct.sampling import Schedule
from svct.sampling.linear import LinearModel
from svct.tasks import Task, load_task

GRID = Grid(shape=(64, 64), voxel_mm=1.0)
SCAN = ParallelBeam(np.arange(60) * np.pi / 60, bins=93, bin_mm=1.0)
ROW, COL = np.mgrid[:64, :64] - 31.5


def small_model() -> LinearModel:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(7, 3, 10, generator=generator, dtype=torch.float64)
    root = torch.randn(10, 10, generator=generator, dtype=torch.float64)
    return LinearModel(
        rows=rows,
        prior=root @ root.T + torch.eye(10, dtype=torch.float64),
        photon_noise=torch.rand(7, 3, generator=generator, dtype=torch.float64) + 0.5,
        electronic_noise=torch.rand(7, 3, generator=generator, dtype=torch.float64) + 0.1,
        importance=torch.rand(10, generator=generator, dtype=torch.float64),
    )


def test_marginal_values_are_the_differences_by_brute_force() -> None:
    model = small_model()
    views, loads = [1, 4, 6], (0.5, 1.0, 1.5)

    def error(chosen: list[int], shares: list[float]) -> float:
        if not chosen:
            return float((model.importance * model.prior.diagonal()).sum() / model.importance.sum())
        return float(model.expected_error(chosen, torch.tensor(shares, dtype=torch.float64)))

    alone, added, kept = marginal_values(model, views, loads)
    whole = error(views, list(loads))
    for view in range(7):
        assert float(alone[view]) == pytest.approx(10 * np.log10(error([], []) / error([view], [1.0])), rel=1e-8)
        if view not in views:
            more = error([*views, view], [*loads, 1.0])
            assert float(added[view]) == pytest.approx(10 * np.log10(whole / more), rel=1e-7)
    for i in range(3):
        others = [j for j in range(3) if j != i]
        less = error([views[j] for j in others], [loads[j] for j in others])
        assert float(kept[i]) == pytest.approx(10 * np.log10(less / whole), rel=1e-7)


@pytest.mark.parametrize("degrees", [0, 21, 63, 90, 129])
def test_the_edge_histogram_of_a_bar_peaks_at_the_rays_along_it(degrees: int) -> None:
    t = np.deg2rad(degrees)  # rays of a view at t run along (sin t, -cos t), y upwards, rows downwards
    along, across = np.sin(t) * COL + np.cos(t) * ROW, np.cos(t) * COL - np.sin(t) * ROW
    bar = torch.from_numpy(((np.abs(across) < 3) & (np.abs(along) < 24)).astype(np.float32))
    edges = edge_histogram(bar[None])
    assert edges.mean() == pytest.approx(1)
    assert abs((int(edges.argmax()) * 3 - degrees + 90) % 180 - 90) <= 3
    assert edges.max() > 8
    # and these rays do see the most of it
    most = line_integrals(Projector(SCAN, GRID), bar[None])[1]
    assert abs((int(most.argmax()) * 3 - degrees + 90) % 180 - 90) <= 6


def test_a_disc_has_edges_of_all_directions() -> None:
    disc = torch.from_numpy(np.clip(24.5 - np.hypot(ROW, COL), 0, 1).astype(np.float32))
    edges = edge_histogram(disc[None])
    assert edges.max() / edges.min() < 1.6


@pytest.mark.parametrize("degrees", [0, 33, 90])
def test_the_attenuation_of_an_ellipse_peaks_along_its_long_axis(degrees: int) -> None:
    t = np.deg2rad(degrees)
    along, across = np.sin(t) * COL + np.cos(t) * ROW, np.cos(t) * COL - np.sin(t) * ROW
    ellipse = torch.from_numpy((0.02 * ((along / 28) ** 2 + (across / 14) ** 2 < 1)).astype(np.float32))
    mean, most = line_integrals(Projector(SCAN, GRID), ellipse[None])
    for lines, ratio in ((mean, 2.0), (most, 2.0)):
        assert abs((int(lines.argmax()) * 3 - degrees + 90) % 180 - 90) <= 6  # bins are as wide as pixels
        assert float(lines.max() / lines.min()) == pytest.approx(ratio, rel=0.1)
    assert float(most.max()) == pytest.approx(0.02 * 56, rel=0.05)


def small_task() -> Task:
    task = load_task("part")
    grid = Grid(shape=(32, 32), voxel_mm=4.0)
    scan = ParallelBeam(np.arange(36) * np.pi / 36, bins=32, bin_mm=4.0)
    return replace(task, cohort=replace(task.cohort, grid=grid), scan=scan, budget=4)


def test_an_explanation_through_the_backbone(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = UnrolledNet(unrolls=1, width=4).eval().requires_grad_(False)
    task = small_task()
    loads = (1.5, 0.5, 1.0, 1.0)
    found = explain(task, [30, 3, 12, 21], loads=loads, net=net, train=8, patients=2, tried=2)
    assert found.views_deg == pytest.approx([15, 60, 105, 150])
    assert found.loads == (0.5, 1.0, 1.0, 1.5)
    assert len(found.lost) == 4
    assert len(found.tried_deg) == len(found.gained) == 2
    assert not set(found.tried_deg) & set(found.views_deg)
    assert np.mean([gain.mean_db for gain in found.lost]) > 0
    assert min(found.kept_db) > 0
    words = " ".join(sentences(found))
    assert "degrees costs most" in words
    figure = draw_explanation(found)
    figure.savefig(tmp_path / "why.png")
    assert (tmp_path / "why.png").stat().st_size > 30_000
    values = json.loads(json.dumps(found.to_dict()))
    assert len(values["angles_deg"]) == len(values["alone_db"]) == len(values["most_line"])
    with pytest.raises(InputError, match="patients: expected 2 to"):
        explain(task, [0, 9], net=net, train=8, patients=1)
    linear = explain(task, [3, 12, 21, 30], train=8)
    assert linear.lost == ()
    assert draw_explanation(linear).axes


def test_the_command_writes_picture_and_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task = load_task("part")
    geometry = task.scan.to_dict()
    angles = np.rad2deg(geometry.pop("angles"))
    views = tuple(angles[[10, 100, 190, 280]].round(9).tolist())
    made = Schedule(angles_deg=views, geometry=geometry, task="part", budget=4, candidates=360, method="equidistant")
    made.save(tmp_path / "s.json")
    command = ["schedule", "explain", str(tmp_path / "s.json"), "--linear", "--train", "8"]
    assert run([*command, "--out", str(tmp_path / "why.gif")]) == 5
    assert run([*command, "--out", str(tmp_path / "why.svg")]) == 0
    assert "Most edges run along the rays at" in capsys.readouterr().out
    values = json.loads((tmp_path / "why-values.json").read_text())
    assert values["schedule_sha256"] == made.sha256
    assert values["views_deg"] == pytest.approx(views)
    # the part's sheets lie 35 degrees from the rows: rays along them are those of one view angle
    assert values["edges"][int(np.argmax(values["edges"]))] > 3
