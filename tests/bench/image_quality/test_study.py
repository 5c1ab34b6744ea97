import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from svct.bench.cost import cost_of_step
from svct.bench.image_quality import Disc, DiscTask, hu_errors
from svct.bench.image_quality.phantom import QualityPhantom
from svct.bench.image_quality.study import Effort, as_text, measure_quality
from svct.bench.views import at_flux
from svct.cli.main import run
from svct.errors import InputError
from svct.geometry import Grid
from svct.tasks.task import load_task


def test_fbp_transfers_what_its_interpolation_lets_pass() -> None:
    """Thin rays, the ramp and linear interpolation between bins of pitch d: sinc(f d)^2."""
    task = at_flux(load_task("water"), 1e8)
    found = measure_quality(task, "fbp", 360, effort=Effort(repeats=4, patients=1))
    f, transfer = (np.array(values) for values in found.transfer)
    low = f < 0.35 / 3.0
    assert transfer[low] == pytest.approx(np.sinc(f[low] * 3.0) ** 2, abs=0.04)
    assert found.transfer_50 == pytest.approx(0.443 / 3.0, rel=0.05)
    assert found.contrast_hu == pytest.approx(100, abs=2)
    assert abs(found.insert_bias_hu) < 2
    assert abs(found.water_bias_hu) < 2
    assert {"air", "water", "rod"} >= set(found.organ_bias_hu) >= {"air", "water"}


def test_more_photons_less_noise_and_more_to_see() -> None:
    task = load_task("water")
    bright = replace(task, acquisition=replace(task.acquisition, electronic_noise=0.0))
    effort = Effort(repeats=12, patients=1, disc=DiscTask(12.0, 30.0))
    few, many = (measure_quality(at_flux(bright, p), "fbp", 60, effort=effort) for p in (2e5, 8e5))
    assert few.noise_hu / many.noise_hu == pytest.approx(2, rel=0.1)
    assert many.detectability / few.detectability == pytest.approx(2, rel=0.12)
    smooth = measure_quality(at_flux(bright, 2e5), "fbp", 60, effort=effort, settings={"filter": "hann"})
    assert smooth.noise_hu < 0.7 * few.noise_hu
    assert np.interp(0.08, *smooth.transfer) < np.interp(0.08, *few.transfer) - 0.1
    assert smooth.noise_frequency < few.noise_frequency
    lines = as_text([few, many, smooth])
    assert len({len(line) for line in lines}) == 1


def test_bias_and_rmse_are_those_of_a_region() -> None:
    grid = Grid(shape=(40, 30), voxel_mm=2.0, origin_mm=(4.0, -6.0))
    disc = Disc((4.0, 8.0), 15.0)
    inside = disc.mask(grid)
    assert inside.sum() * 4 == pytest.approx(np.pi * 225, rel=0.03)
    rows, columns = np.nonzero(inside)
    assert (columns.mean(), rows.mean()) == pytest.approx((14.5, 19.5 - 7))
    truth = np.zeros((2, 40, 30))
    image = truth + np.where(inside, 0.00193, 0.0)
    assert hu_errors(image, truth, mask=inside).bias == pytest.approx(100)
    assert hu_errors(image, truth).rmse == pytest.approx(100 * np.sqrt(inside.mean()))
    with pytest.raises(InputError, match="an empty one"):
        hu_errors(image, truth, mask=np.zeros((40, 30), bool))


def test_the_phantom_on_the_grid_is_the_one_projected() -> None:
    task = load_task("chest")
    phantom = QualityPhantom.that_fits(task.grid, -300.0)
    area = float(phantom.image(task.grid).sum()) * task.grid.voxel_mm**2
    assert float(phantom.projections(task.scan)[17].sum()) * 3.2 == pytest.approx(area, rel=1e-3)
    square = np.zeros(task.grid.shape, bool)
    square[phantom.plain_square(task.grid)] = True
    assert not (square & (phantom.insert.distance_mm(task.grid) < 2 * phantom.insert.radius_mm)).any()
    assert Disc((0.0, 0.0), 0.95 * phantom.radius_mm).mask(task.grid)[square].all()


def test_the_cost_of_a_step() -> None:
    with cost_of_step() as small:
        np.ones(10)
    with cost_of_step() as large:
        np.ones(12_000_000)
    assert large.peak_memory_mib > small.peak_memory_mib + 60
    with pytest.raises(ZeroDivisionError), cost_of_step() as failed:
        _ = 1 / 0
    assert failed.seconds > 0


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(InputError, match="settings among filter, coverage"):
        measure_quality(load_task("water"), "fbp", 12, settings={"strength": 1.0})
    with pytest.raises(InputError, match="a contrast from -1000 HU on and not 0"):
        QualityPhantom(100.0, 0.0)


def test_the_command_writes_what_it_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "quality.json"
    line = ["bench", "quality", "--task", "water", "--views", "24", "--views", "48", "--method", "fbp"]
    few = ["--patients", "1", "--repeats", "3", "--out", str(out), "--json"]
    assert run([*line, *few]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads(out.read_text())
    assert [row["views"] for row in document["rows"]] == [24, 48]
    assert run([*line, "--strength", "1"]) == 2
    assert "--strength: none of fbp takes it" in capsys.readouterr().err
