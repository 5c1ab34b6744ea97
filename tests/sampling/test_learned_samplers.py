"""Stripes whose edges all run along y: of even views the trained backbone wants one along them, near candidate 0."""

import functools

import numpy as np
import pytest
import torch

from svct.geometry import Projector
from svct.physics import Acquisition
from svct.recon.networks import load_backbone
from svct.sampling import Schedule, equidistant_sets
from svct.sampling.relaxed import draw_apart, peaks
from svct.sampling.samplers import Choice, Problem, Sampler, load_sampler
from svct.sampling.samplers.continuous import nearest_free
from svct.sampling.samplers.designed import Designed
from svct.sampling.samplers.dps import one_per_row
from svct.sampling.samplers.loupe import scaled
from svct.sampling.trial import Trial, Trials, measure_trial
from tests.sampling.test_search import GRID, SCAN, stripes

NAMES = ("continuous", "dps", "gumbel", "loupe")
WORST = equidistant_sets(60, 4)[7]


@functools.cache
def subject() -> Trial:
    A = Projector(SCAN, GRID)
    return measure_trial(stripes(8), A, Acquisition(photons=1e5), net=load_backbone(), seed=1)


def asked() -> Problem:
    known = subject()
    return Problem(known.A, known.acquisition, 4, known.truth, net=known.net)


def from_edge(view: int) -> int:
    return min(view, 60 - view)


@pytest.mark.parametrize("name", NAMES)
def test_learned_samplers_are_reproducible_and_make_schedules(name: str) -> None:
    settings = {"steps": 2, "patients": 4, "start": WORST}
    ticks: list[None] = []
    sampler = load_sampler(name, **settings)
    assert isinstance(sampler, Sampler)
    assert sampler.name == name
    choice = sampler.choose(asked(), seed=3, each=lambda: ticks.append(None))
    assert choice == load_sampler(name, **settings).choose(asked(), seed=3)
    assert len(choice.views) == 4
    assert len(ticks) >= 8
    angles = np.rad2deg(SCAN.angles)[list(choice.views)]
    schedule = Schedule(
        angles_deg=tuple(angles),
        geometry={"kind": "parallel"},
        task="stripes",
        budget=4,
        candidates=60,
        method=name,
        relative_load=choice.loads,
    )
    assert Schedule.from_json(schedule.to_json()) == schedule


@pytest.mark.parametrize(
    ("name", "settings"), [("continuous", {"steps": 6}), ("dps", {"steps": 30}), ("loupe", {"steps": 60, "batch": 2})]
)
def test_views_move_to_the_edges(name: str, settings: dict[str, int]) -> None:
    choice = load_sampler(name, start=WORST, **settings).choose(asked(), seed=0)
    assert min(map(from_edge, choice.views)) < min(map(from_edge, WORST)) - 2
    assert float((subject().psnr(choice.views) - subject().psnr(WORST)).mean()) > 0.5


def test_several_tasks_are_chosen_for_at_once() -> None:
    """The second task is the first turned by a quarter, so that its best views stand a quarter further on."""
    first = asked()
    turned = Problem(first.A, first.acquisition, 4, first.images.transpose(1, 2).contiguous(), net=first.net)
    both = Problem(first.A, first.acquisition, 4, first.images, net=first.net, others=(turned,))
    alone = Designed(coarse=16).choose(first).views
    together = Designed(coarse=16).choose(both).views
    near = [min(min(abs(v - 30) for v in views), 30) for views in (alone, together)]
    assert near[1] <= 3
    assert min(map(from_edge, together)) <= 3
    assert near[1] <= near[0]
    for name in NAMES:
        sampler = load_sampler(name, steps=1, patients=4, start=WORST)
        assert len(sampler.choose(both).views) == 4

    trials = Trials((subject(), measure_trial(turned.images, turned.A, turned.acquisition, net=subject().net, seed=1)))
    parts = [float(part.psnr(WORST).mean()) for part in trials.parts]
    assert float(trials.psnr(WORST).mean()) == pytest.approx(sum(parts) / 2, abs=1e-5)


def test_parts_of_the_samplers() -> None:
    values = torch.tensor([[0.0, 3.0, 1.0], [0.0, 2.0, 1.0]])
    assert one_per_row(values).tolist() == [1, 2]
    low = scaled(torch.tensor([0.1, 0.3]), 0.6)
    assert float(low.mean()) == pytest.approx(0.6)
    assert float(low.max()) < 1
    views = (3, 20, 41)
    assert sorted(draw_apart(peaks(views, 60), 3).tolist()) == list(views)
    assert nearest_free(np.array([3.1, 0.02]), np.array([0.0, 0.1, 1.0]), np.pi) == (0, 1)
    assert Choice(views).loads == (1.0, 1.0, 1.0)
