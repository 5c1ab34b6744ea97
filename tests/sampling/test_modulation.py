from dataclasses import replace

import pytest
import torch

from svct.errors import InputError
from svct.physics import Acquisition
from svct.sampling.fixed import equidistant_sets
from svct.sampling.importance import without_metal
from svct.sampling.linear import linear_model
from svct.sampling.modulation import LoadLaw, law_loads, mean_lines
from svct.sampling.samplers import Problem, Sampler, load_sampler
from svct.sampling.samplers.modulated import Modulated
from svct.sampling.trial import measure_trial
from tests.sampling.test_samplers import problem
from tests.sampling.test_search import trial


def slabs(count: int) -> torch.Tensor:
    """Objects three times as long along x as along y, with some texture."""
    row, col = torch.meshgrid(torch.arange(32) - 15.5, torch.arange(32) - 15.5, indexing="ij")
    noise = torch.randn(count, 32, 32, generator=torch.Generator().manual_seed(0))
    return 0.02 * ((col / 14) ** 2 + (row / 4.5) ** 2 < 1) * (1 + 0.1 * noise)


def asked(photons: float, count: int = 8) -> Problem:
    subject = trial(slabs(count))
    return Problem(subject.A, Acquisition(photons=photons), 6, subject.truth, net=subject.net)


def test_loads_follow_what_a_view_lets_through() -> None:
    lines = mean_lines(asked(1e5).A, slabs(4))
    # the rays of view 0 run along y and meet 28 columns, those of view 30 run along x and meet 8 rows
    assert lines[30] / lines[0] == pytest.approx(28 / 8, rel=1e-4)
    views = list(equidistant_sets(60, 6)[0])
    loads = law_loads(lines[views], 0.5)
    assert sum(loads) == pytest.approx(6)
    assert loads[3] / loads[0] == pytest.approx(float((0.5 * (lines[30] - lines[0])).exp()), rel=1e-6)
    assert law_loads(lines[views], 0.0) == pytest.approx((1.0,) * 6)
    tight = law_loads(lines[views], 3.0, least=0.5, most=1.8)
    assert min(tight) == pytest.approx(0.5)
    assert max(tight) == pytest.approx(1.8)


def test_the_exponent_that_wins_is_taken_and_none_where_nothing_is_to_be_won() -> None:
    starved = asked(1e4)
    law = LoadLaw(patients=8, exponents=(-0.5, 0.5))
    found = Modulated(law=law).choose(starved)
    assert found.views == equidistant_sets(60, 6)[0]
    assert max(found.loads) / min(found.loads) > 1.5
    assert found == Modulated(law=law).choose(starved)
    lines = mean_lines(starved.A, starved.images)[list(found.views)]
    assert found.loads == pytest.approx(law_loads(lines, 0.5))
    assert Modulated(law=replace(law, exponents=(-0.5,))).choose(starved).loads == (1.0,) * 6


def test_the_law_is_a_sampler_and_says_what_it_lacks() -> None:
    sampler = load_sampler("modulated", of=load_sampler("golden"))
    assert isinstance(sampler, Sampler)
    with pytest.raises(InputError, match="sampler 'modulated': expected the backbone"):
        sampler.choose(problem(6, count=8))
    with pytest.raises(InputError, match="expected 4 or more patients and some exponents, got 2"):
        LoadLaw(patients=2)


def test_the_error_inside_metal_can_be_left_out() -> None:
    images = slabs(6)
    images[:, 14:18, 6:9] = 0.3
    clear = without_metal(images)
    assert float(clear[:, 14:18, 6:9].max()) == 0
    assert float(clear.sum()) == 6 * (32 * 32 - 12)
    subject = replace(trial(images), importance=clear)
    views = equidistant_sets(60, 6)[0]
    error = (subject.images(views) - images)[clear > 0].reshape(6, -1).double().square().mean(dim=1)
    assert subject.psnr(views).tolist() == pytest.approx((20 * torch.log10(0.0386 / error.sqrt())).tolist(), abs=1e-5)

    everyone = Problem(subject.A, Acquisition(), 6, images, importance=clear)
    assert float(linear_model(everyone).importance.sum()) == 32 * 32 - 12
    default = measure_trial(images, subject.A, Acquisition(), net=subject.net, seed=1).importance
    assert default is not None
    assert torch.equal(default, clear)
    assert torch.equal(linear_model(replace(everyone, importance=None)).importance, linear_model(everyone).importance)
    with pytest.raises(InputError, match="one for each of 6 patients, got 5"):
        replace(everyone, importance=clear[:5])
