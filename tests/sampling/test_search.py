import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from svct.errors import InputError
from svct.geometry import Grid, ParallelBeam, Projector
from svct.physics import Acquisition
from svct.recon import UnrolledNet, arc_weights
from svct.sampling import equidistant_sets, golden_set, random_set
from svct.sampling.gumbel import learn_logits
from svct.sampling.relaxed import coming_weights
from svct.sampling.swap import swap_search
from svct.sampling.trial import Trial, measure_trial

GRID = Grid(shape=(32, 32), voxel_mm=10.0)
SCAN = ParallelBeam(np.arange(60) * np.pi / 60, bins=46, bin_mm=10.0)


def stripes(count: int) -> torch.Tensor:
    """Objects whose edges all run along y, so that views along y (angle 0) tell the most."""
    rng = np.random.default_rng(0)
    row, col = np.mgrid[:32, :32] - 15.5
    images = []
    for _ in range(count):
        wave = sum(rng.normal() * np.sin(k * col / 3 + rng.uniform(0, 6)) for k in range(1, 5))
        images.append(0.02 * (np.hypot(row, col) < 14) * (1 + 0.3 * wave))
    return torch.from_numpy(np.stack(images)).float()


@given(st.integers(1, 80), st.integers(1, 80))
def test_equidistant_sets(candidates: int, views: int) -> None:
    if views > candidates:
        with pytest.raises(InputError, match=f"expected 1 to {candidates}, the number of candidates, got {views}"):
            equidistant_sets(candidates, views)
        return
    sets = equidistant_sets(candidates, views)
    assert len(set(sets)) == len(sets)
    for chosen in sets:
        assert len(set(chosen)) == views
        gaps = np.diff([*chosen, chosen[0] + candidates])
        assert gaps.max() - gaps.min() <= 1
    if candidates % views == 0:
        assert sorted(v for s in sets for v in s) == list(range(candidates))


@given(st.integers(1, 60), st.integers(0, 5))
def test_golden_and_random_sets(views: int, seed: int) -> None:
    for chosen in (golden_set(60, views), random_set(60, views, seed=seed)):
        assert len(set(chosen)) == views
        assert list(chosen) == sorted(chosen)
        assert 0 <= chosen[0] <= chosen[-1] < 60


def test_weights_of_coming_and_going_views() -> None:
    subject = trial(stripes(4))
    drawn, shown = torch.tensor([3, 20, 41]), torch.tensor([3, 10, 20, 41, 55])
    change = torch.zeros(5, requires_grad=True)
    weights = coming_weights(subject, drawn, shown, change)
    assert torch.allclose(weights[[0, 2, 3]], arc_weights(SCAN[drawn.tolist()]), atol=1e-6)
    assert weights[[1, 4]].tolist() == [0, 0]
    for v, others in ((1, [0, 1, 2, 3]), (4, [0, 2, 3, 4])):
        slope = torch.stack([torch.autograd.grad(w, change, retain_graph=True)[0][v] for w in weights])
        after = torch.zeros(5)
        after[others] = arc_weights(SCAN[shown[others].tolist()])
        assert torch.allclose(weights.detach() + slope, after, atol=1e-5)
    gone = torch.stack([torch.autograd.grad(w, change, retain_graph=True)[0][2] for w in weights])
    left = torch.zeros(5)
    left[[0, 3]] = arc_weights(SCAN[[3, 41]])
    assert torch.allclose(weights.detach() - gone, left, atol=1e-5)


def trial(images: torch.Tensor) -> Trial:
    torch.manual_seed(0)
    net = UnrolledNet(unrolls=2, width=4).eval().requires_grad_(False)
    return measure_trial(images, Projector(SCAN, GRID), Acquisition(photons=1e5), net=net, seed=1)


def test_gumbel_learns_towards_the_edges_and_leaves_the_net_alone() -> None:
    subject = trial(stripes(12))
    before = {name: value.clone() for name, value in subject.net.state_dict().items()}
    start = equidistant_sets(60, 6)[0]
    learned = learn_logits(subject, start, steps=40, seed=0, learning_rate=0.3)
    assert len(set(learned)) == 6
    assert learned == learn_logits(subject, start, steps=40, seed=0, learning_rate=0.3)
    assert float(subject.psnr(learned).mean()) > float(subject.psnr(start).mean())
    assert all(torch.equal(before[name], value) for name, value in subject.net.state_dict().items())


def test_swaps_only_ever_help_on_what_they_see() -> None:
    subject = trial(stripes(6))
    start = equidistant_sets(60, 5)[3]
    accepted: list[tuple[int, ...]] = []
    found = swap_search(subject, start, evaluations=60, seed=0, better=accepted.append)
    scores = [float(subject.psnr(views).mean()) for views in (start, *accepted)]
    assert scores == sorted(scores)
    assert scores[-1] > scores[0] + 0.1
    assert found == accepted[-1]
    everything = tuple(range(60))
    assert swap_search(subject, everything, evaluations=2, seed=0) == everything


def test_psnr_of_a_trial_is_that_of_the_metric() -> None:
    import svct

    subject = trial(stripes(3))
    views = (0, 20, 40)
    expected = [svct.psnr(x, t) for x, t in zip(subject.images(views), subject.truth, strict=True)]
    assert subject.psnr(views).tolist() == pytest.approx(expected, abs=1e-4)
    assert not math.isnan(expected[0])
