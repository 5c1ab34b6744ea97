from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import rotate

from svct.errors import InputError
from svct.sampling.adaptive import Adaptive
from svct.sampling.linear import linear_model
from svct.sampling.samplers.designed import Designed
from tests.sampling.test_samplers import fibres, problem

SETTINGS = Adaptive(scouts=3, turns_deg=(-30.0, -15.0, 0.0, 15.0, 30.0), coarse=16)


@pytest.mark.parametrize("turn", [-30.0, 30.0])
def test_views_follow_a_turned_patient(turn: float) -> None:
    asked = problem(6)
    turned = torch.from_numpy(rotate(fibres(132).numpy(), turn, axes=(-2, -1), reshape=False, order=1))
    scanner = SETTINGS.prepare(asked)
    patients = [asked.acquisition.measure(asked.A(x), seed=i) for i, x in enumerate(turned[120:])]
    weights = np.mean([scanner.weights(y[scanner.scouts].numpy()) for y in patients], axis=0)
    assert weights.sum() == pytest.approx(1)
    assert 1 / (weights**2).sum() >= 30 - 1e-6
    assert weights.reshape(5, -1).sum(axis=1).argmax() == SETTINGS.turns_deg.index(turn)

    truth = linear_model(replace(asked, images=turned[:120]), coarse=16)
    fixed = float(truth.expected_error(Designed(coarse=16).choose(asked).views))
    chosen = [scanner.choose(lambda v, y=y: y[v]) for y in patients]  # type: ignore[misc]
    assert all(set(scanner.scouts) <= set(c.views) and len(c.views) == 6 for c in chosen)
    adapted = np.mean([float(truth.expected_error(c.views)) for c in chosen])
    assert 10 * np.log10(fixed / adapted) > 0.15


def test_too_many_scouts_are_refused() -> None:
    with pytest.raises(InputError, match="scouts: expected 1 to 2, less than the views, got 3"):
        SETTINGS.prepare(problem(3))
