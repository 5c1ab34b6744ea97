import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svct.errors import InputError
from svct.sampling.constraints import Constraints
from svct.sampling.device import load_device

TEN = tuple(float(a) for a in range(0, 360, 30))


def rules(**changes: Any) -> Constraints:
    return Constraints(**{"angles_deg": TEN, **changes})


@given(
    st.lists(st.integers(0, 71), min_size=1, max_size=9, unique=True),
    st.integers(0, 90),
    st.integers(1, 5),
    st.sampled_from([(), ((0, 1),), ((0, 2), (1, 3))]),
)
@settings(max_examples=40, deadline=None)
def test_against_every_subset(places: list[int], gap: int, views: int, groups: tuple[tuple[int, ...], ...]) -> None:
    angles = tuple(5.0 * p for p in places)
    groups = tuple(group for group in groups if max(group) < len(angles))
    made = Constraints(angles_deg=angles, min_gap_deg=gap, groups=groups)

    def good(chosen: tuple[int, ...]) -> bool:
        apart = all(
            min((angles[a] - angles[b]) % 360, (angles[b] - angles[a]) % 360) >= gap
            for a, b in itertools.combinations(chosen, 2)
        )
        return apart and all(set(group) <= set(chosen) or not set(group) & set(chosen) for group in groups)

    sets = [c for n in range(len(angles) + 1) for c in itertools.combinations(range(len(angles)), n)]
    feasible = {c for c in sets if good(c)}
    assert {c for c in sets if made.feasible(c)} == feasible
    wanted = [set(c) for c in feasible if len(c) == views]
    if groups and not wanted:
        with pytest.raises(InputError):
            made.require_budget(views)
    if groups:
        return
    if not wanted:
        with pytest.raises(InputError, match="views: "):
            made.require_budget(views)
        return
    made.require_budget(views)
    for c in feasible:
        if len(c) < views and any(set(c) <= w for w in wanted):
            mask = made.allowed_mask(c, views=views)
            assert mask.nonzero()[0].tolist() == sorted(set().union(*(w for w in wanted if set(c) <= w)) - set(c))


def test_a_greedy_choice_with_groups_does_not_get_stuck() -> None:
    made = rules(groups=((0, 6), (1, 7), (2, 8)), min_gap_deg=30, max_views=8)
    rng = np.random.default_rng(0)
    for views in (1, 2, 5, 8):
        made.require_budget(views)
        chosen: list[int] = []
        while len(chosen) < views:
            free = made.allowed_mask(chosen, views=views).nonzero()[0]
            chosen += made.together(int(rng.choice(free)))
        assert len(chosen) == views
        made.require(chosen)


@pytest.mark.parametrize(
    ("changes", "views", "message"),
    [
        ({"allowed": (0, 1)}, [0, 2], "view 2 at 60 deg is not among those allowed"),
        ({"forbidden_deg": ((350, 40),)}, [0, 2], "view 0 at 0 deg lies in the forbidden sector 350 to 40 deg"),
        ({"range_deg": (-90, 90)}, [4], r"view 4 at 120 deg lies outside of range_deg -90 to 90"),
        ({"step_deg": 60}, [1], "view 1 at 30 deg is no multiple of step_deg 60"),
        ({"min_gap_deg": 40}, [0, 11], "views 0 and 11|views 11 and 0 30 deg apart, less than min_gap_deg 40"),
        ({"groups": ((0, 3), (4, 5))}, [0, 4, 5], r"1 of the 2 views of the group \(0, 3\), expected all or none"),
        ({"max_views": 2}, [0, 1, 2], "3 views, more than max_views 2"),
        ({}, [12], "expected indices from 0 to 11, got 12"),
    ],
)
def test_the_clash_is_named(changes: dict[str, Any], views: list[int], message: str) -> None:
    made = rules(**changes)
    with pytest.raises(InputError, match=message):
        made.require(views)
    if max(views) < 12:
        assert not made.feasible(views)


@pytest.mark.parametrize(
    ("changes", "views", "message"),
    [
        ({"min_gap_deg": 50}, 7, r"7 do not fit: 6 of 12 candidates were placed under min_gap_deg 50"),
        (
            {"allowed": (0, 1)},
            3,
            "expected at most 2, the candidates that are left, got 3; 10 is not among those allowed",
        ),
        ({"max_views": 3}, 4, "expected at most max_views 3, got 4"),
        ({"groups": tuple((i, i + 6) for i in range(6))}, 3, "placed under groups of 2 views; take"),
    ],
)
def test_budgets_that_do_not_fit(changes: dict[str, Any], views: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        rules(**changes).require_budget(views)


def test_impossible_constraints() -> None:
    with pytest.raises(
        InputError, match="constraints leave none of the 12 candidates: 12 is no multiple of step_deg 7"
    ):
        rules(step_deg=7.0, angles_deg=tuple(a + 1.5 for a in TEN))
    with pytest.raises(InputError, match="groups: expected no view in two groups"):
        rules(groups=((0, 1), (1, 2)))


def test_from_devices() -> None:
    candidates = [0.3125 * i for i in range(1152)]
    gantry = Constraints.from_device(load_device("research-gantry"), candidates)
    assert gantry.usable.all()
    assert gantry.min_gap_deg == 0.3125
    assert gantry.max_views == 4608
    half = [0.5 * i for i in range(720)]
    assert Constraints.from_device(load_device("research-gantry"), half).usable.sum() == 720 // 5
    with pytest.raises(InputError, match=r"0 within 0.01 deg of a step; raise the tolerance"):
        Constraints.from_device(load_device("research-gantry"), [0.1, 0.2])
    arm = Constraints.from_device(load_device("c-arm"), half)
    assert arm.usable.nonzero()[0].tolist() == list(range(401))
    assert arm.min_gap_deg == pytest.approx(0.0166)
