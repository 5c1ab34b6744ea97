"""Heads and observers that drive the choice of views."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from svct.bench.readings import HeadReading, ImageError, MixedReading, fit_reading, pseudo_values, reading_of
from svct.cli.main import run
from svct.errors import InputError, UnknownNameError
from svct.sampling.schedule import Schedule

if TYPE_CHECKING:
    from tests.tasks.heads.conftest import Study

TINY = """
name = "tiny"
title = "Chest of 24 pixels"
budget = 6
findings = ["solid nodule"]
heads = ["lesion-classifier"]
objective = "heads"
[cohort]
anatomy = "chest"
[grid]
shape = [24, 24]
voxel_mm = 17.0
[scan]
kind = "parallel"
candidates = 24
bins = 24
bin_mm = 17.0
[acquisition]
photons = 5e4
"""


def channels(seed: int, count: int, shift: float) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    present = torch.arange(count) % 2 == 0
    return torch.randn(count, 4, generator=generator, dtype=torch.float64) + shift * present[:, None], present


def test_pseudo_values_have_the_detectability_as_their_mean() -> None:
    # Four channels of unit noise, each shifted by 0.6: d' = 1.2.
    many = pseudo_values(*channels(0, 1200, 0.6)).mean()
    assert many == pytest.approx(1.2, abs=0.12)
    few = torch.stack([pseudo_values(*channels(seed, 40, 0.6)).mean() for seed in range(40)])
    assert float(few.mean()) == pytest.approx(1.2, abs=0.15)


def test_pseudo_values_give_the_standard_error() -> None:
    drawn = [pseudo_values(*channels(seed, 60, 0.8)) for seed in range(80)]
    told = torch.stack([values.std() / 60**0.5 for values in drawn]).mean()
    true = torch.stack([values.mean() for values in drawn]).std()
    assert 0.75 < float(told / true) < 1.35


def test_pseudo_values_need_three_of_either_kind() -> None:
    outputs, _ = channels(0, 8, 1.0)
    with pytest.raises(InputError, match="expected three or more cases of either kind, got 2 with the finding and 6"):
        pseudo_values(outputs, torch.arange(8) < 2)


@pytest.mark.parametrize("driver", ["cho", "lesion-classifier", "segmenter"])
def test_readers_drive_towards_better_images(driver: str, training: "Study", testing: "Study") -> None:
    reading = reading_of(fit_reading(driver, training.images, training.cases, seed=0), testing.cases)
    noise = torch.randn(testing.images.shape, generator=torch.Generator().manual_seed(3)) * 1e-3
    worse = testing.images + noise
    assert reading.worth(testing.images, testing.truth).mean() > reading.worth(worse, testing.truth).mean()
    some = torch.tensor([0, 1, 5, 8])
    x = worse[some].clone().requires_grad_(True)
    loss = reading.loss(x, testing.truth[some], some)
    (slope,) = torch.autograd.grad(loss, x)
    stepped = reading.loss(x.detach() - 1e-5 * slope / slope.abs().max(), testing.truth[some], some)
    assert stepped < loss


def test_a_mix_goes_from_the_reader_to_the_image(training: "Study", testing: "Study") -> None:
    reading = reading_of(fit_reading("cho", training.images, training.cases, seed=0), testing.cases)
    args = (testing.images, testing.truth)
    for share, alone, unit in ((0.0, reading, 2.0), (1.0, ImageError(), 4.0)):
        mixed = MixedReading(reading, share, spread=2.0, spread_db=4.0)
        torch.testing.assert_close(mixed.worth(*args), alone.worth(*args) / unit)
    # One step of PSNR changes worth and loss alike.
    error, some = ImageError(), torch.arange(4)
    mixed = MixedReading(reading, 1.0, spread=2.0, spread_db=4.0)
    nearer = (testing.images + testing.truth) / 2
    gain = mixed.worth(nearer, testing.truth)[:4].mean() - mixed.worth(*args)[:4].mean()
    loss = mixed.loss(args[0][:4], args[1][:4], some) - mixed.loss(nearer[:4], args[1][:4], some)
    assert float(loss) == pytest.approx(float(gain), rel=1e-4)
    assert float(error.worth(nearer, testing.truth)[0] - error.worth(*args)[0]) == pytest.approx(6.02, abs=0.01)
    with pytest.raises(InputError, match="expected a share of 0 to 1"):
        MixedReading(reading, 1.2, spread=1.0, spread_db=1.0)


def test_the_head_stays_as_it_is(training: "Study", testing: "Study") -> None:
    reading = fit_reading("lesion-classifier", training.images, training.cases, seed=0)
    assert isinstance(reading, HeadReading)
    before = {name: value.clone() for name, value in reading.head.state().items()}
    x = testing.images[:6].clone().requires_grad_(True)
    reading_of(reading, testing.cases).loss(x, testing.truth[:6], torch.arange(6)).backward()  # type: ignore[no-untyped-call]
    assert all(torch.equal(before[name], value) for name, value in reading.head.state().items())


def test_an_unknown_driver_is_told_apart(training: "Study") -> None:
    with pytest.raises(UnknownNameError, match="cho"):
        fit_reading("eye", training.images, training.cases, seed=0)


def test_views_are_learned_for_the_head_of_a_task(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY, encoding="utf-8")
    out = tmp_path / "run"
    command = [
        "learn-sampling",
        "--task",
        str(path),
        "--quick",
        "--head",
        "linear",
        "--keep-learned",
        "--out",
        str(out),
    ]
    assert run(command) == 0
    assert "learned for the reader" in capsys.readouterr().out
    found = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert found["read_by"] == "cho"
    assert set(found["differences"]) == {"reader - equidistant", "reader - image", "image - equidistant"}
    difference = found["differences"]["reader - equidistant"]
    arms = {name: found["arms"][name]["figures"] for name in ("reader", "equidistant")}
    for name in ("auc", "psnr_db"):
        apart = arms["reader"][name]["value"] - arms["equidistant"][name]["value"]
        assert difference[name]["value"] == pytest.approx(apart)
        assert difference[name]["low"] <= difference[name]["value"] <= difference[name]["high"]
    schedule = Schedule.load(out / "schedule.json")
    assert (schedule.method, schedule.budget) == ("learned", 6)
    assert schedule.provenance["objective"] == {"driver": "linear", "finding": "solid nodule", "image_share": 0.0}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--head", "eye"], "head or observer"),
        (["--objective", "image", "--task", "chest", "--head", "cho"], "expected objective 'heads', got 'image'"),
        (["--data", "nowhere.nii"], "expected one --task with drawn cases"),
        (["--head", "linear", "--image-share", "0.5"], "0 for 'linear'"),
    ],
)
def test_what_cannot_drive_is_refused(
    more: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY, encoding="utf-8")
    assert run(["learn-sampling", "--task", str(path), "--quick", "--out", str(tmp_path / "run"), *more]) != 0
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
