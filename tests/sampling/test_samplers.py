import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from svct.errors import InputError, UnknownNameError
from svct.geometry import Projector
from svct.physics import Acquisition
from svct.sampling import equidistant_sets
from svct.sampling.linear import LinearModel, Posterior, linear_model
from svct.sampling.load import bounded, share_load
from svct.sampling.samplers import Choice, Problem, Sampler, load_sampler, sampler_names
from svct.sampling.samplers.designed import Designed
from svct.sampling.samplers.warped import Warped, warped_set
from tests.sampling.test_search import GRID, SCAN, stripes, trial


def fibres(count: int) -> torch.Tensor:
    """Random objects that change slowly along y and quickly along x."""
    noise = np.random.default_rng(0).standard_normal((count, 32, 32))
    row, col = np.mgrid[:32, :32] - 15.5
    texture = gaussian_filter(noise, (0, 6, 0.7), mode="wrap")
    return torch.from_numpy(0.02 * (np.hypot(row, col) < 14) * (1 + 0.3 * texture / texture.std())).float()


def problem(budget: int, *, candidates: int = 60, count: int = 120, photons: float = 1e5) -> Problem:
    views = list(range(0, 60, 60 // candidates))
    return Problem(Projector(SCAN, GRID)[views], Acquisition(photons=photons), budget, fibres(count))


def small() -> LinearModel:
    return linear_model(problem(3, candidates=12), coarse=8)


def test_the_posterior_is_that_of_the_normal_equations() -> None:
    model = small()
    views, loads = (1, 4, 9), torch.tensor([0.5, 1.0, 1.5], dtype=torch.float64)
    state = Posterior(model)
    for view, load in zip(views, loads.tolist(), strict=True):
        state.take(view, load)
    inverse = torch.linalg.inv(model.prior)
    for view, load in zip(views, loads.tolist(), strict=True):
        rows = model.rows[view]
        inverse = inverse + rows.T @ torch.diag(1 / model.noise(load, view)) @ rows
    left = torch.linalg.inv(inverse)
    assert torch.allclose(state.covariance, left, rtol=1e-6, atol=1e-9 * float(left.abs().max()))
    assert float(model.expected_error(views, loads)) == pytest.approx(float(left.diagonal().mean()), rel=1e-8)

    state.drop(4, 1.0)
    state.take(7)
    other = Posterior(model)
    other.take(7)
    other.take(9, 1.5)
    other.take(1, 0.5)
    assert torch.allclose(state.covariance, other.covariance, atol=1e-9 * float(model.prior.abs().max()))
    assert torch.allclose(state.whitened(), other.whitened(), atol=1e-7)


def test_scores_are_what_taking_a_view_changes() -> None:
    model = small()
    signal = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0))
    state = Posterior(model, (2,))
    scores = {c: Designed(criterion=c)._score(model)(state, 1.0) for c in "AD"}
    scores["d"] = Designed(criterion="d", signals=signal)._score(model)(state, 1.0)

    def d_squared(views: tuple[int, ...]) -> float:
        seen = model.rows[list(views)].flatten(0, 1)
        noise = torch.diag(model.noise(1.0, list(views)).flatten())
        shown = seen @ signal.flatten().double()
        return float(shown @ torch.linalg.solve(seen @ model.prior @ seen.T + noise, shown))

    before = state.covariance
    for view in (0, 7):
        after = Posterior(model, (2, view)).covariance
        assert float(scores["A"][view]) == pytest.approx(float((before - after).trace()), rel=1e-6)
        assert float(scores["D"][view]) == pytest.approx(float(before.logdet() - after.logdet()), rel=1e-6)
        assert float(scores["d"][view]) == pytest.approx(d_squared((2, view)) - d_squared((2,)), rel=1e-5)


def test_the_design_is_the_best_of_all_subsets_where_they_can_be_counted() -> None:
    asked = problem(3, candidates=12)
    model = linear_model(asked, coarse=8)
    errors = {v: float(model.expected_error(v)) for v in itertools.combinations(range(12), 3)}
    assert Designed(coarse=8).choose(asked).views == min(errors, key=lambda v: errors[v])


def test_the_design_prefers_rays_along_the_edges_and_beats_even_views_there() -> None:
    (first,) = Designed().choose(problem(1)).views
    assert min(first, 60 - first) * 3 <= 9
    asked = problem(6)
    model = linear_model(asked)
    even = min(float(model.expected_error(v)) for v in equidistant_sets(60, 6))
    assert 10 * np.log10(even / float(model.expected_error(Designed().choose(asked).views))) > 1
    with pytest.raises(InputError, match="expected 4 or more"):
        Designed().choose(problem(6, count=3))


@pytest.mark.parametrize("criterion", ["D", "E"])
def test_other_criteria_lower_what_they_are_about(criterion: str) -> None:
    asked = problem(4, candidates=12)
    model = linear_model(asked, coarse=8)

    def size(views: tuple[int, ...]) -> float:
        left = Posterior(model, views).covariance
        return float(left.logdet() if criterion == "D" else torch.linalg.eigvalsh(left)[-1])

    found = size(Designed(criterion=criterion, coarse=8).choose(asked).views)
    every = sorted(size(v) for v in itertools.combinations(range(12), 4))
    assert found <= every[len(every) // 20], "among the best 5 % of all subsets"


def test_importance_draws_views_to_what_matters() -> None:
    asked = problem(2)
    row = torch.arange(32)[:, None].expand(32, 32)
    model = linear_model(replace(asked, importance=(row < 12).float()))
    assert float(model.importance.sum()) == pytest.approx(12 * 32)
    with pytest.raises(InputError, match="images: expected the grid's"):
        replace(asked, images=torch.ones(4, 4, 4))


def test_shared_load_saves_and_is_balanced() -> None:
    asked = problem(6, photons=300.0)
    model = linear_model(asked)
    views = Designed().choose(asked).views
    loads = share_load(model, views, least=0.2, most=3.0)
    assert sum(loads) == pytest.approx(6)
    assert min(loads) >= 0.2 - 1e-9
    assert max(loads) <= 3.0 + 1e-9
    at = torch.tensor(loads, dtype=torch.float64, requires_grad=True)
    error = model.expected_error(views, at)
    assert float(error.detach()) < float(model.expected_error(views))
    (slope,) = torch.autograd.grad(error, at)
    free = [i for i, m in enumerate(loads) if 0.21 < m < 2.99]
    assert len(free) > 1
    assert float(slope[free].std() / slope[free].mean().abs()) < 0.05
    joint = Designed(share=True).choose(asked)
    both = model.expected_error(joint.views, torch.tensor(joint.loads, dtype=torch.float64))
    assert float(both) <= float(error.detach()) * (1 + 1e-9)
    for bounds in ((0.0, 2.0), (1.2, 2.0), (0.5, 0.9)):
        with pytest.raises(InputError, match="expected 0 < least <= 1 <= most"):
            share_load(model, views, least=bounds[0], most=bounds[1])
    assert bounded(torch.tensor([0.0, 1.0, 9.0]).double(), 0.5, 2.0).tolist() == pytest.approx([0.5, 0.5, 2.0])


@pytest.mark.parametrize("name", ["designed", "equidistant", "golden", "jittered", "random"])
def test_every_sampler_gives_the_budget_and_is_reproducible(name: str) -> None:
    sampler = load_sampler(name)
    assert isinstance(sampler, Sampler)
    assert sampler.name == name
    for budget in (1, 7, 60):
        asked = problem(budget, count=8) if name != "designed" or budget < 8 else None
        if asked:
            choice = sampler.choose(asked, seed=3)
            assert len(choice.views) == budget
            assert choice == sampler.choose(asked, seed=3)


def test_warped_views_follow_their_density_and_learn_towards_the_edges() -> None:
    views = warped_set(np.array([0.8, 0.0]), 0.5, candidates=360, views=40)
    near = sum(min(v, 360 - v) < 90 for v in views)
    # the integral of 1 + 0.8 cos over the half around its peak
    assert near / 40 == pytest.approx(0.5 + 0.8 / np.pi, abs=0.04)
    assert len(set(warped_set(np.array([0.9, 0.9, 0.0, 0.0]), 0.3, candidates=40, views=38))) == 38

    subject = trial(stripes(12))
    asked = Problem(subject.A, Acquisition(photons=1e5), 8, subject.truth, net=subject.net)
    ticks = 0

    def each() -> None:
        nonlocal ticks
        ticks += 1

    sampler = Warped(harmonics=1, patients=12, offsets=2)
    choice = sampler.choose(asked, each=each)
    assert ticks == sampler.measurements
    even = [subject.psnr(v).mean() for v in equidistant_sets(60, 8)]
    assert float(subject.psnr(choice.views).mean()) > float(torch.stack(even).mean()) + 0.05
    with pytest.raises(InputError, match="sampler 'warped': expected the backbone"):
        sampler.choose(replace(asked, net=None))


def test_wrong_settings_and_choices_are_refused() -> None:
    assert {"designed", "equidistant", "warped"} <= set(sampler_names())
    with pytest.raises(UnknownNameError, match="Did you mean 'golden'"):
        load_sampler("goldne")
    with pytest.raises(InputError, match=r"sampler 'equidistant': .*unexpected keyword"):
        load_sampler("equidistant", ofset=1)
    with pytest.raises(InputError, match="offset: expected 0 to 9, the"):
        load_sampler("equidistant", offset=10).choose(problem(6))
    with pytest.raises(UnknownNameError, match="criterion"):
        Designed(criterion="Z")
    with pytest.raises(InputError, match="signals: expected images"):
        Designed(criterion="d")
    with pytest.raises(InputError, match="share: expected criterion"):
        Designed(criterion="D", share=True)
    with pytest.raises(InputError, match="expected different indices in ascending order"):
        Choice((3, 2))
    with pytest.raises(InputError, match="expected 2 positive numbers of mean 1"):
        Choice((2, 3), (1.0, 2.0))
    with pytest.raises(InputError, match="expected 1 to 60"):
        problem(61)
