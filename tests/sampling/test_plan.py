from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svct.errors import InputError
from svct.sampling import Dose, Schedule
from svct.sampling.audit import check_schedule
from svct.sampling.checks import angular_distance_deg
from svct.sampling.device import Device, device_names, load_device
from svct.sampling.plan import plan
from svct.sampling.timeline import timeline


def made(angles: tuple[float, ...], **changes: Any) -> Schedule:
    values: dict[str, Any] = {
        "geometry": {"kind": "parallel"},
        "task": "chest",
        "candidates": 3600,
        "method": "learned",
        **changes,
    }
    frames = values.get("frame", ("projection",) * len(angles))
    return Schedule(angles_deg=angles, budget=frames.count("projection"), **values)


GOLDEN = tuple((111.246117975 * i) % 180 for i in range(24))


@given(
    st.lists(st.integers(0, 190), min_size=1, max_size=30, unique=True), st.sampled_from(device_names()), st.randoms()
)
@settings(max_examples=40, deadline=None)
def test_a_plan_passes_what_it_plans_for(places: list[int], name: str, dice: Any) -> None:
    device = load_device(name)
    angles = tuple(a + dice.uniform(-0.2, 0.2) + 0.3 for a in places)
    exposure = 0.4 if name == "research-gantry" else 12.0
    lit = made(angles, dose=Dose(total_mAs=0.001 * len(angles)), exposure_ms=(exposure,) * len(angles))
    lit = (
        lit
        if name != "research-gantry"
        else replace(lit, dose=Dose(total_mAs=0.1 * len(angles)), exposure_mAs=(), tube_current_mA=())
    )
    found = plan(lit, device)
    report = check_schedule(found.schedule, device)
    assert {f.code for f in report.failed} <= {"TUBE_CURRENT"}
    assert report["DEVICE"].result == "pass"
    assert found.schedule.parent_sha256 == lit.sha256
    assert sorted(found.order) == list(range(len(angles)))
    errors = angular_distance_deg(np.array(found.schedule.angles_deg), np.array(angles)[list(found.order)])
    assert found.largest_error_deg == errors.max()
    assert device.step_deg is not None
    assert errors.max() <= device.step_deg / 2 + 1e-9
    again = plan(found.schedule, device)
    assert again.largest_error_deg < 1e-9
    assert again.schedule.angles_deg == pytest.approx(found.schedule.angles_deg)
    assert Schedule.from_json(found.schedule.to_json()) == found.schedule
    assert found.schedule.exposure_mAs == tuple(lit.exposure_mAs[i] for i in found.order)


@pytest.mark.parametrize("name", ["lab-step-stage", "research-gantry"])
def test_the_order_shortens_the_scan(name: str) -> None:
    asked = made(GOLDEN, exposure_ms=(0.4 if name == "research-gantry" else 12.0,) * 24)
    found = plan(asked, load_device(name))
    assert found.asked_s is not None
    assert found.line.duration_s < 0.35 * found.asked_s
    best = timeline(found.schedule, load_device(name))
    assert best.duration_s == pytest.approx(found.line.duration_s)


@pytest.mark.parametrize("name", ["c-arm", "fly-scan-beamline"])
def test_a_device_that_cannot_take_the_order_has_no_time_for_it(name: str) -> None:
    assert plan(made(GOLDEN), load_device(name)).asked_s is None


@pytest.mark.parametrize("name", device_names())
def test_darks_and_flats_stay_around_the_views(name: str) -> None:
    frames = ("dark", "flat", "projection", "projection", "flat", "projection", "dark")
    angles = (0.0, 0.0, 90.0, 10.0, 0.0, 50.0, 0.0)
    found = plan(
        made(angles, frame=frames, exposure_ms=(0.4 if name == "research-gantry" else 12.0,) * 7), load_device(name)
    )
    kinds = [frames[i] for i in found.order]
    assert kinds[:2] == ["dark", "flat"]
    assert kinds[-1] == "dark"
    assert found.schedule.frame == tuple(kinds)
    assert set(check_schedule(found.schedule, load_device(name)).failed) == set()
    assert (np.diff(found.line.start_s) > 0).all()


def test_close_views_wait_for_the_next_rotation() -> None:
    gantry = load_device("research-gantry")
    found = plan(made((0.0, 0.3125, 0.625, 180.0)), gantry)
    assert found.schedule.slot == (0, 2, 576, 1)
    assert found.schedule.rotation == (0, 0, 0, 1)
    crowd = made(tuple(0.3125 * i for i in range(10)), exposure_ms=(3.0,) * 10)
    with pytest.raises(InputError, match="expected the views within 4 rotations, got 7"):
        plan(crowd, gantry)


def test_an_endless_stage_starts_after_the_largest_gap() -> None:
    stage = load_device("lab-step-stage")
    endless = replace(stage, axis=replace(stage.axis, range_deg=None, sign=1))
    found = plan(made((350.0, 10.0, 30.0, 340.0)), endless)
    assert found.schedule.angles_deg == (340.0, 350.0, 370.0, 390.0)
    assert found.order == (3, 0, 1, 2)


@pytest.mark.parametrize(
    ("angles", "device", "message"),
    [
        ((0.0, 210.0), load_device("c-arm"), r"got 1 beyond it \(view 1 at 210 deg\)"),
        ((0.0, 0.1, 90.0), load_device("research-gantry"), "expected views on different steps of 0.3125 deg, got two"),
    ],
)
def test_what_cannot_be_planned(angles: tuple[float, ...], device: Device, message: str) -> None:
    with pytest.raises(InputError, match=message):
        plan(made(angles), device)
