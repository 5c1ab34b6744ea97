from dataclasses import replace
from typing import Any

import pytest

from svct.errors import InputError
from svct.sampling import Dose, Schedule
from svct.sampling.compare import compare
from svct.sampling.device import load_device
from svct.sampling.plan import plan


def made(angles: tuple[float, ...], **changes: Any) -> Schedule:
    values: dict[str, Any] = {"geometry": {"kind": "parallel"}, "task": "chest", "candidates": 360, "method": "learned"}
    return Schedule(angles_deg=angles, budget=len(angles), **{**values, **changes})


PLANNED = made((0.0, 30.0, 60.0, 90.0), exposure_mAs=(1.0, 2.0, 3.0, 2.0))


def test_the_same() -> None:
    found = compare(PLANNED, PLANNED)
    assert found.same_views()
    assert not found.fields
    assert found.largest_error_deg == 0


def test_a_view_that_was_not_taken_and_one_too_much() -> None:
    taken = made((0.0, 60.02, 90.0, 120.0), exposure_mAs=(1.0, 3.0, 2.0, 2.0))
    found = compare(PLANNED, taken)
    assert found.only_first == (1,)
    assert found.only_second == (3,)
    assert found.largest_error_deg == pytest.approx(0.02)
    assert not found.reordered
    assert not found.columns or set(found.columns) == {"relative_load"}
    assert not found.same_views(tolerance_deg=1.0)


def test_angles_within_a_tolerance_are_the_same_views() -> None:
    taken = replace(PLANNED, angles_deg=(360.001, 29.999, 60.0, 90.0))
    assert compare(PLANNED, taken).same_views(tolerance_deg=0.01)
    assert not compare(PLANNED, taken).same_views()
    far = compare(PLANNED, taken, within_deg=0.0005)
    assert (far.only_first, far.only_second) == ((0, 1), (0, 1))


def test_order_loads_and_fields() -> None:
    taken = made((30.0, 0.0, 60.0, 90.0), exposure_mAs=(2.0, 1.0, 3.5, 2.0), kvp=(80.0,) * 4, task="head")
    found = compare(PLANNED, taken)
    assert found.reordered
    assert found.columns["exposure_mAs"] == pytest.approx(0.5)
    assert found.stated_once == ("kvp",)
    assert found.fields["task"] == ("chest", "head")
    assert compare(PLANNED, replace(PLANNED, dose=Dose(total_mAs=8.0))).fields["dose"][0] is None


def test_neighbours_closer_than_the_reach_are_matched_one_to_one() -> None:
    found = compare(made((0.0, 0.3, 0.6)), made((0.01, 0.31, 0.61)), within_deg=0.5)
    assert not found.reordered
    assert found.largest_error_deg == pytest.approx(0.01)


def test_a_plan_differs_by_what_it_changed() -> None:
    asked = made((0.0, 120.0, 60.1))
    found = compare(asked, plan(asked, load_device("research-gantry")).schedule)
    assert found.reordered
    assert found.largest_error_deg == pytest.approx(0.1)
    assert set(found.stated_once) == {"slot", "rotation", "t_offset_s"}


def test_impossible_reach() -> None:
    with pytest.raises(InputError, match="within_deg: expected at least 0, got -1"):
        compare(PLANNED, PLANNED, within_deg=-1)
