"""Every constraint and every searcher: left alone it takes views that the device cannot, held to it it does not."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from svct.errors import InputError
from svct.geometry import Grid, ParallelBeam, Projector
from svct.physics import Acquisition
from svct.recon import UnrolledNet
from svct.sampling.adaptive import Adaptive
from svct.sampling.constraints import Constraints
from svct.sampling.device import Device, parse_device
from svct.sampling.fit import blocks, even_sets
from svct.sampling.fixed import ViewSet
from svct.sampling.gumbel import learn_logits
from svct.sampling.linear import linear_model
from svct.sampling.load import share_load
from svct.sampling.samplers import Problem, load_sampler
from svct.sampling.samplers.designed import Designed
from svct.sampling.samplers.warped import Warped
from svct.sampling.swap import swap_search
from svct.sampling.trial import Trial, measure_trial
from svct.sampling.tube_limits import LoadLimits

BUDGET = 6
ANGLES = tuple(5.0 * i for i in range(36))
GRID = Grid(shape=(16, 16), voxel_mm=20.0)
SCAN = ParallelBeam(np.deg2rad(ANGLES), bins=23, bin_mm=20.0)


def rules(**changes: object) -> Constraints:
    return Constraints(**{"angles_deg": ANGLES, **changes})  # type: ignore[arg-type]


RULES = {
    "encoder step": rules(step_deg=10),
    "spacing": rules(min_gap_deg=30),
    "slew": rules(max_step_deg=28),
    "range": rules(range_deg=(15, 160)),
    "sectors": rules(forbidden_deg=((-8, 8), (166, 184))),
    "groups": rules(groups=blocks(36, 3)),
}


@cache
def objects() -> torch.Tensor:
    """Objects whose edges all run along y, so that views along y, at 0 degrees, tell the most."""
    rng = np.random.default_rng(0)
    row, col = np.mgrid[:16, :16] - 7.5
    images = []
    for _ in range(40):
        wave = sum(rng.normal() * np.sin(k * col / 1.5 + rng.uniform(0, 6)) for k in range(1, 4))
        images.append(0.02 * (np.hypot(row, col) < 7) * (1 + 0.3 * wave))
    return torch.from_numpy(np.stack(images)).float()


@cache
def trial() -> Trial:
    torch.manual_seed(0)
    net = UnrolledNet(unrolls=2, width=4).eval().requires_grad_(False)
    return measure_trial(objects()[:10], Projector(SCAN, GRID), Acquisition(photons=1e5), net=net, seed=1)


def problem(held: Constraints | None) -> Problem:
    return Problem(trial().A, trial().acquisition, BUDGET, objects(), net=trial().net, rules=held)


def designed(held: Constraints | None) -> ViewSet:
    return Designed(coarse=16).choose(problem(held)).views


def greedy(held: Constraints | None) -> ViewSet:
    return Designed(coarse=16, criterion="D").choose(problem(held)).views


def warped(held: Constraints | None) -> ViewSet:
    return Warped(harmonics=2, patients=8, offsets=2, step=0.6).choose(problem(held)).views


def gumbel(held: Constraints | None) -> ViewSet:
    return learn_logits(trial(), designed(held), steps=8, seed=0, rules=held)


def swaps(held: Constraints | None) -> ViewSet:
    start = designed(None) if held is None else even_sets(36, BUDGET, held)[0]
    return swap_search(trial(), start, evaluations=16, seed=0, rules=held)


SEARCHERS: dict[str, Callable[[Constraints | None], ViewSet]] = {
    "design": designed,
    "greedy": greedy,
    "density": warped,
    "logits": gumbel,
    "swaps": swaps,
}


@cache
def alone(searcher: str) -> ViewSet:
    return SEARCHERS[searcher](None)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("searcher", SEARCHERS)
def test_the_unconstrained_optimum_violates_it_and_the_result_does_not(searcher: str, name: str) -> None:
    held = RULES[name]
    assert not held.feasible(alone(searcher))
    found = SEARCHERS[searcher](held)
    assert len(found) == BUDGET
    held.require(found)


@pytest.mark.parametrize("searcher", SEARCHERS)
def test_the_fixed_order_is_kept_where_the_fastest_would_pass_over_the_start(searcher: str) -> None:
    # 100 degrees on both sides of 0: the fastest pass begins at 280 degrees, the fixed one at 0.
    turn = tuple(10.0 * i for i in range(36))
    scan = ParallelBeam(np.deg2rad(turn), bins=23, bin_mm=20.0)
    sides = {"angles_deg": turn, "forbidden_deg": ((95.0, 265.0),), "max_step_deg": 35.0}
    full = measure_trial(objects()[:6], Projector(scan, GRID), Acquisition(photons=1e5), net=trial().net, seed=1)

    def search(held: Constraints) -> ViewSet:
        asked = Problem(full.A, full.acquisition, BUDGET, objects(), net=full.net, rules=held)
        if searcher == "logits":
            return learn_logits(full, search_design(asked), steps=3, seed=0, rules=held)
        if searcher == "swaps":
            start = search_design(asked)
            return swap_search(full, start, evaluations=4, seed=0, rules=held)
        if searcher == "density":
            return Warped(harmonics=1, patients=4, offsets=1).choose(asked).views
        return Designed(coarse=16, criterion="A" if searcher == "design" else "D").choose(asked).views

    def search_design(asked: Problem) -> ViewSet:
        return Designed(coarse=16).choose(asked).views

    fixed, fastest = (rules(**sides, order=order) for order in ("fixed", "fastest"))
    free = search(fastest)
    fastest.require(free)
    assert not fixed.feasible(free)
    held = search(fixed)
    fixed.require(held)
    assert fixed.sequence(held) == held


@pytest.mark.parametrize("name", [name for name in RULES if name != "spacing"])  # which even views keep to
def test_the_equidistant_baseline_obeys_it_too(name: str) -> None:
    held = RULES[name]
    assert not all(held.feasible(views) for views in even_sets(36, BUDGET))
    sets = even_sets(36, BUDGET, held)
    assert len(sets) == len(set(sets)) > 1
    for views in sets:
        assert len(views) == BUDGET
        held.require(views)


def test_without_a_limit_that_bites_the_baseline_is_the_usual_one() -> None:
    assert even_sets(36, BUDGET, rules(max_views=6)) == even_sets(36, BUDGET)


@pytest.mark.parametrize("name", [*RULES, "none"])
def test_the_constrained_design_is_close_to_the_best_of_all_subsets_that_can_be_taken(name: str) -> None:
    few = tuple(range(0, 36, 3)) if name != "groups" else tuple(range(36))
    held = RULES.get(name, rules()).among(few)
    budget = 6 if name == "groups" else 4
    asked = Problem(trial().A[list(few)], trial().acquisition, budget, objects(), rules=held)
    model = linear_model(asked, coarse=8)
    units = held.units
    sets = [
        tuple(sorted(v for unit in some for v in unit))
        for some in itertools.combinations(units, budget // len(units[0]))
    ]
    errors = sorted(float(model.expected_error(views)) for views in sets if held.feasible(views))
    found = float(model.expected_error(Designed(coarse=8).choose(asked).views))
    assert found <= errors[len(errors) // 50]


@pytest.mark.parametrize("sampler", ["equidistant", "golden", "jittered", "random"])
def test_samplers_that_do_not_learn_obey_too(sampler: str) -> None:
    for held in RULES.values():
        held.require(load_sampler(sampler).choose(problem(held), seed=1).views)


def test_a_patient_at_hand_is_scanned_with_what_the_device_can_take() -> None:
    held = RULES["sectors"]
    settings = Adaptive(scouts=3, turns_deg=(0.0,), coarse=16)
    y = trial().y[0]
    chosen = [settings.prepare(problem(r)).choose(lambda views: y[views]).views for r in (None, held)]
    assert not held.feasible(chosen[0])
    held.require(chosen[1])
    with pytest.raises(InputError, match="groups: expected none, since views are taken one by one"):
        settings.prepare(problem(RULES["groups"]))


def device(**changes: object) -> Device:
    values = {
        "schema": "svct.device/1",
        "id": "made",
        "title": "Made for a test",
        "example": True,
        "mode": "fly",
        "axis": {
            "order": "monotonic",
            "sign": -1,
            "zero_deg": 5.0,
            "range_deg": [-150.0, 5.0],
            "forbidden_deg": [[-87.0, -50.0]],
            "counts_per_turn": 36,
            "speed_deg_s": 10.0,
            "acceleration_deg_s2": 10.0,
        },
        "tube": {"min_mA": 60.0, "max_mA": 150.0, "slew_mA_per_ms": 0.02},
        **changes,
    }
    return parse_device(values)


def test_a_device_that_turns_the_sample_is_obeyed() -> None:
    held = Constraints.from_device(device(), ANGLES)
    # axis = 5 - angle in -150..5, not inside -87..-50, on multiples of 10
    assert [ANGLES[v] for v in held.usable.nonzero()[0]] == [5, 15, 25, 35, 45, 55, 95, 105, 115, 125, 135, 145, 155]
    assert held.described().startswith("min_gap_deg 10 and range_deg 0 to 155 and forbidden sector 55 to 92 deg")
    for find in (designed, warped):
        assert not held.feasible(find(None))
        held.require(find(held))


def test_shared_loads_keep_to_the_tube_and_its_ramp() -> None:
    # One side of each object is dense, so that the views through it want far more dose than the others.
    wide = objects() * torch.linspace(0.2, 3.0, 16)
    asked = Problem(trial().A, Acquisition(photons=300.0), BUDGET, wide)
    views = (0, 6, 12, 18, 24, 30)
    model = linear_model(asked, coarse=16)
    free = share_load(model, views)
    bounds = rules(loads=LoadLimits.from_device(device(), mean_mA=100.0))
    assert (bounds.loads.least, bounds.loads.most) == (0.6, 1.5)
    assert bounds.loads.ramp_per_deg == pytest.approx(0.02)  # 0.02 mA/ms of 100 mA over 100 ms per degree
    limits = rules(loads=LoadLimits(least=0.6, most=1.5))
    ramp = rules(loads=LoadLimits(ramp_per_deg=0.02))
    errors = []
    for held in (limits, ramp, bounds):
        with pytest.raises(InputError, match="loads: expected what the tube can give, got load"):
            held.require_loads(views, free)
        loads = share_load(model, views, least=held.loads.least, most=held.loads.most, ramps=held.load_ramps(views))
        held.require_loads(views, loads)
        assert sum(loads) == pytest.approx(BUDGET)
        errors.append(float(model.expected_error(views, torch.tensor(loads, dtype=torch.float64))))
        joint = Designed(coarse=8, share=True).choose(replace(asked, rules=held))
        held.require_loads(joint.views, joint.loads)
    best = float(model.expected_error(views, torch.tensor(free, dtype=torch.float64)))
    even = float(model.expected_error(views))
    assert best < errors[0] <= errors[2] * (1 + 1e-6) < even
    assert best < errors[1] <= errors[2] * (1 + 1e-6)
    both = Designed(coarse=8, share=True).choose(asked)
    with pytest.raises(InputError, match="loads: "):
        bounds.require_loads(both.views, both.loads)


@pytest.mark.parametrize(
    ("changes", "views", "message"),
    [
        ({"min_gap_deg": 40, "range_deg": (0, 90)}, 4, r"under min_gap_deg 40 and range_deg 0 to 90; take"),
        ({"min_gap_deg": 20, "max_step_deg": 15}, 3, "under min_gap_deg 20 and max_step_deg 15 in order 'fastest'"),
        ({"groups": blocks(36, 4), "step_deg": 10}, 4, "under step_deg 10 and groups of 4 views"),
        ({"groups": blocks(36, 4), "max_views": 40}, 6, "4 of 36 candidates were placed under groups of 4 views"),
        (
            {"max_step_deg": 20, "forbidden_deg": ((22, 58), (102, 158)), "min_gap_deg": 1},
            12,
            "max_step_deg 20 in order 'fastest' and forbidden sector 22 to 58 deg and forbidden sector 102 to 158 deg",
        ),
    ],
)
def test_infeasible_wishes_name_the_clash(changes: dict[str, object], views: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        rules(**changes).require_budget(views)
    with pytest.raises(InputError, match=message):
        Problem(trial().A, trial().acquisition, views, objects(), rules=rules(**changes))


def test_a_tube_that_cannot_give_the_mean_current_is_named() -> None:
    with pytest.raises(InputError, match=r"mean_mA: 200 mA clashes with tube.min_mA 60 and tube.max_mA 150"):
        LoadLimits.from_device(device(), mean_mA=200.0)


def test_constraints_of_other_candidates_are_refused() -> None:
    with pytest.raises(InputError, match="expected constraints over 36 candidates, got 3"):
        problem(Constraints(angles_deg=(0, 1, 2)))
    with pytest.raises(InputError, match="views: expected a set that the constraints allow, got view 0"):
        swap_search(trial(), (0, 5, 9), evaluations=1, seed=0, rules=RULES["sectors"])


@pytest.mark.parametrize("sampler", ["continuous", "dps", "gumbel", "loupe"])
def test_samplers_that_learn_by_gradient_give_what_the_device_can_take(sampler: str) -> None:
    for name in ("sectors", "groups"):
        held = RULES[name]
        choice = load_sampler(sampler, steps=1, patients=4).choose(problem(held))
        assert len(choice.views) == BUDGET
        held.require(choice.views)
        assert not held.feasible(load_sampler(sampler, steps=1, patients=4).choose(problem(None)).views)
