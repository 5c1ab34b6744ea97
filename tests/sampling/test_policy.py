from functools import cache

import numpy as np
import pytest
import torch
from scipy.ndimage import rotate

from svct.errors import InputError
from svct.geometry import FanBeam, Projector
from svct.physics import Acquisition
from svct.sampling.constraints import Constraints
from svct.sampling.fit import blocks
from svct.sampling.fixed import ViewSet, equidistant_sets
from svct.sampling.linear import Posterior, coarsening, pooled
from svct.sampling.policy import Policy, PolicyNet, PolicyScanner
from svct.sampling.samplers import Problem
from svct.sampling.samplers.designed import Designed
from tests.sampling.test_search import GRID, SCAN, stripes

QUICK = Policy(scouts=3, walks=1, steps=200, coarse=16)
ACQUISITION = Acquisition(photons=1e5)
TRAIN = 90


@cache
def turned() -> torch.Tensor:
    """Stripes that run in any direction, of which the first `TRAIN` are learned from."""
    turns = np.random.default_rng(1).uniform(-90, 90, TRAIN + 40)
    images = zip(stripes(len(turns)).numpy(), turns, strict=True)
    return torch.from_numpy(np.stack([rotate(x, turn, reshape=False, order=1) for x, turn in images])).float()


def asked(count: int = 8, rules: Constraints | None = None) -> Problem:
    return Problem(Projector(SCAN, GRID), ACQUISITION, 6, turned()[:count], rules=rules)


def decibels(
    scanner: PolicyScanner, y: torch.Tensor, truth: torch.Tensor, views: ViewSet
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the quality of the linear reconstruction of patients ``(patient, ...)`` from some views, dB."""
    model, chosen = scanner.model, list(views)
    seen = model.rows[chosen].flatten(0, 1)
    noise = torch.diag(model.noise(1.0, chosen).flatten())
    surprise = y[:, chosen].flatten(1) - seen @ scanner.mean
    gain = torch.linalg.solve(seen @ model.prior @ seen.T + noise, seen @ model.prior)
    error = (truth - scanner.mean - surprise @ gain).square().mean(dim=1)
    return np.array((-10 * error.log10()).tolist())


def test_a_policy_beats_views_that_are_the_same_for_all() -> None:
    problem = asked(TRAIN)
    scanner = QUICK.prepare(problem)
    test = turned()[TRAIN:]
    y = ACQUISITION.measure(problem.A(test), seed=9)
    own = [scanner.choose(lambda views, one=one: one[views]).views for one in y]  # type: ignore[misc]
    assert all({0, 20, 40} <= set(views) and len(views) == 6 for views in own)
    assert len(set(own)) > 10
    truth = pooled(test, coarsening(problem.A, 16)).flatten(1).double()

    data = torch.stack([scanner.coarse_data(one) for one in y])
    each = [decibels(scanner, data[i : i + 1], truth[i : i + 1], views)[0] for i, views in enumerate(own)]
    fixed = [*equidistant_sets(60, 6), Designed(coarse=16).choose(problem).views]
    best = max((decibels(scanner, data, truth, views) for views in fixed), key=np.mean)
    gain = np.array(each) - best
    assert gain.mean() > 1
    assert gain.mean() > 2 * gain.std(ddof=1) / len(gain) ** 0.5


def test_what_a_view_changes_is_what_the_normal_equations_say() -> None:
    problem = asked()
    scanner = Policy(scouts=2, walks=1, steps=1, coarse=8).prepare(problem)
    model, views = scanner.model, scanner.scouts
    y = scanner.coarse_data(ACQUISITION.measure(problem.A(turned()[:1]), seed=2)[0])
    image, state = scanner.mean, Posterior(model)
    for view in views:
        surprise = y - model.rows @ image
        assert torch.allclose(state.updates(surprise)[view], state.update(view, surprise[view]))
        image = image + state.update(view, surprise[view])
        state.take(view)
    rows, noise = model.rows[views].flatten(0, 1), model.noise(1.0, views).flatten()
    inverse = torch.linalg.inv(model.prior) + rows.T @ (rows / noise[:, None])
    wanted = scanner.mean + torch.linalg.solve(inverse, rows.T @ ((y[views].flatten() - rows @ scanner.mean) / noise))
    assert torch.allclose(image, wanted, atol=1e-6 * float(wanted.abs().max()))
    assert torch.allclose(scanner.begin(y[views]).image, image, atol=1e-6 * float(wanted.abs().max()))
    other = state.copy()
    other.take(50)
    assert not torch.equal(other.covariance, state.covariance)


def test_scores_turn_with_the_patient() -> None:
    torch.manual_seed(0)
    net = PolicyNet(channels=4, closed=True, mirrored=False)
    picture = torch.randn(1, 4, 20, 15)
    assert torch.allclose(net(picture.roll(-3, dims=2)), net(picture).roll(-3, dims=1), atol=1e-5)
    around = PolicyNet(channels=4, closed=True, mirrored=True)._extended(picture)
    assert torch.equal(around[..., :2, :], picture[..., -2:, :].flip(-1))
    assert torch.equal(around[..., -2:, :], picture[..., :2, :].flip(-1))
    fan = FanBeam(np.arange(40) * np.pi / 20, bins=46, bin_mm=14.0, source_mm=900.0, detector_mm=500.0)
    ends = Policy(scouts=2, walks=1, steps=1, coarse=8).prepare(
        Problem(Projector(fan, GRID), ACQUISITION, 3, turned()[:6])
    )
    assert (ends.net.closed, ends.net.mirrored) == (True, False)
    half = Projector(SCAN, GRID)[list(range(30))]
    assert (
        not Policy(scouts=2, walks=1, steps=1, coarse=8).prepare(Problem(half, ACQUISITION, 3, turned()[:6])).net.closed
    )


def test_limits_hold_and_what_cannot_be_is_refused() -> None:
    rules = Constraints(angles_deg=tuple(3.0 * i for i in range(60)), min_gap_deg=12, forbidden_deg=((50, 70),))
    problem = asked(rules=rules)
    scanner = Policy(scouts=3, walks=1, steps=1, coarse=8).prepare(problem, seed=1)
    y = ACQUISITION.measure(problem.A(turned()[-3:]), seed=1)
    for one in y:
        rules.require(scanner.choose(lambda views, one=one: one[views]).views)  # type: ignore[misc]
    again = Policy(scouts=3, walks=1, steps=1, coarse=8).prepare(problem, seed=1)
    weights = scanner.net.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in again.net.state_dict().items())
    with pytest.raises(InputError, match="scouts: expected 1 to 5, less than the views, got 6"):
        Policy(scouts=6).prepare(problem)
    groups = Constraints(angles_deg=tuple(3.0 * i for i in range(60)), groups=blocks(60, 3))
    with pytest.raises(InputError, match="groups: expected none"):
        QUICK.prepare(asked(rules=groups))
