import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from svct.errors import InputError, UnknownNameError
from svct.tasks.heads import DifferentiableHead, Head, blank, head_names, make_head, shuffled

if TYPE_CHECKING:
    from tests.tasks.heads.conftest import Study

SETTINGS = {"width": 16, "steps": 80}
OWN = ["detector", "lesion-classifier", "regressor", "segmenter"]
# What must be reached on images with noise of 15 HU, and what chance gives at most: to the
# detector much, since up to 8 false marks cover a good part of these small images.
REACHED = {"lesion-classifier": 0.9, "detector": 0.8, "segmenter": 0.7, "regressor": 0.3}
CHANCE = {"lesion-classifier": 0.5, "detector": 0.5, "segmenter": 0.15, "regressor": 0.0}


Fitted = Callable[[str], Head[Any]]


@pytest.fixture(scope="session")
def fitted(training: "Study") -> Fitted:
    return cache(lambda name: make_head(name, SETTINGS).fit(training.images, training.cases, seed=0))


def values(predictions: Any) -> list[Any]:
    return list(predictions.ravel()) if isinstance(predictions, np.ndarray) else list(predictions)


def test_svcts_own_heads_are_registered() -> None:
    assert set(OWN) <= set(head_names())
    assert {make_head(name).name for name in OWN} == set(OWN)


@pytest.mark.parametrize("name", OWN)
def test_a_head_reads_what_is_there_and_nothing_else(name: str, fitted: Fitted, testing: "Study") -> None:
    head = fitted(name)
    read, floor, none, ceiling = (
        head.score(images, testing.cases)[head.main]
        for images in (testing.images, shuffled(testing.images), blank(testing.images), testing.truth)
    )
    assert read.value > REACHED[name]
    assert read.low <= read.value <= read.high
    assert ceiling.value > REACHED[name]
    assert none.value <= CHANCE[name]
    assert floor.low <= CHANCE[name] + 1e-9
    assert read.low > floor.high


def test_what_the_classifier_says_of_blank_and_shuffled_images_is_the_prior(fitted: Fitted, testing: "Study") -> None:
    head = fitted("lesion-classifier")
    assert head.score(blank(testing.images), testing.cases)["auc"].value == 0.5
    floor = head.score(shuffled(testing.images, seed=1), testing.cases)["auc"]
    assert floor.low < 0.5 < floor.high


@pytest.mark.parametrize("name", OWN)
def test_the_same_seed_gives_the_same_head_to_the_last_bit(
    name: str, fitted: Fitted, training: "Study", testing: "Study"
) -> None:
    first = fitted(name)
    torch.manual_seed(99)
    before = torch.get_rng_state()
    again = make_head(name, SETTINGS).fit(training.images, training.cases, seed=0)
    assert torch.equal(torch.get_rng_state(), before)
    assert first.state().keys() == again.state().keys()
    assert all(torch.equal(value, again.state()[key]) for key, value in first.state().items())
    assert values(again.predict(testing.images)) == values(first.predict(testing.images))
    other = make_head(name, SETTINGS).fit(training.images, training.cases, seed=1)
    assert values(other.predict(testing.images)) != values(first.predict(testing.images))


@pytest.mark.parametrize("name", OWN)
def test_the_loss_leads_images_to_what_the_head_reads_better(name: str, fitted: Fitted, testing: "Study") -> None:
    head = fitted(name)
    assert isinstance(head, DifferentiableHead)
    images = testing.images.clone().requires_grad_()
    loss = head.loss(images, testing.cases)
    (slope,) = torch.autograd.grad(loss, images)
    assert torch.isfinite(slope).all()
    with torch.no_grad():
        step = images - 1e-4 * slope / slope.abs().max()
        assert head.loss(step, testing.cases) < loss


def test_heads_read_features(training: "Study", testing: "Study") -> None:
    def features(study: "Study") -> torch.Tensor:
        water = study.images[:, None] / 0.0193
        return torch.cat([water, torch.nn.functional.avg_pool2d(water, 3, 1, 1)], dim=1)

    head = make_head("lesion-classifier", SETTINGS).fit(features(training), training.cases)
    assert head.score(features(testing), testing.cases)["auc"].value > 0.9
    with pytest.raises(InputError, match="lesion-classifier: expected as many channels as it was fitted on, got 1"):
        head.predict(testing.images)


def test_regression_is_of_millimetres_and_hounsfield_units(fitted: Fitted, testing: "Study") -> None:
    scores = fitted("regressor").score(testing.images, testing.cases)
    assert abs(scores["diameter_bias_mm"].value) < 2
    assert abs(scores["attenuation_bias_hu"].value) < 8
    assert 0 < scores["diameter_error_mm"].value < 3


def test_bad_input_is_named(fitted: Fitted, training: "Study") -> None:
    with pytest.raises(
        UnknownNameError, match=r"unknown head 'segmentor': expected one of .* Did you mean 'segmenter'"
    ):
        make_head("segmentor")
    with pytest.raises(InputError, match="expected the settings that it takes, got others"):
        make_head("detector", {"colour": "red"})
    with pytest.raises(InputError, match="expected width and steps of 1 or more"):
        make_head("detector", {"steps": 0})
    head = make_head("lesion-classifier", SETTINGS)
    with pytest.raises(InputError, match="expected a fitted head, got one that is not"):
        head.predict(training.images)
    with pytest.raises(InputError, match="expected one for each of 79 cases, got 80"):
        head.fit(training.images, training.cases[:-1])
    with pytest.raises(InputError, match=r"expected the cases' grid \(32, 32\), got \(30, 32\)"):
        head.fit(training.images[:, 1:-1], training.cases)
    with pytest.raises(InputError, match="expected finite values, got NaN or infinity"):
        head.fit(training.images * float("nan"), training.cases)
    well = [i for i, case in enumerate(training.cases) if not case.present]
    with pytest.raises(InputError, match="two or more cases with the finding and without to fit to, got 0 and 40"):
        head.fit(training.images[well], [training.cases[i] for i in well])
    with pytest.raises(InputError, match="expected one for each of 80 cases"):
        fitted("lesion-classifier").judge(np.zeros(3), training.cases)


def test_a_head_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "head_plugin.py").write_text(
        "from svct.tasks.heads.classifier import LesionClassifier\nclass Mine(LesionClassifier):\n    name = 'mine'\n"
    )
    info = tmp_path / "head_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: head-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[svct.heads]\nmine = head_plugin:Mine\nyours = head_plugin:Mine\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert make_head("mine").name == "mine"
    with pytest.raises(InputError, match=r"svct\.heads yours: expected a Head class of that name"):
        make_head("yours")
    sys.modules.pop("head_plugin", None)
