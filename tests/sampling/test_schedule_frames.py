import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from svct.errors import InputError
from svct.geometry import ParallelBeam
from svct.sampling import Dose, Schedule
from svct.sampling.document import content_hash, json_schema

OLD = Path(__file__).parent / "files" / "schedule-0.1.0.json"


def schedule(**changes: Any) -> Schedule:
    values: dict[str, Any] = {
        "angles_deg": (0.0, 0.0, 90.0, 180.0, 0.0),
        "frame": ("dark", "projection", "projection", "projection", "flat"),
        "geometry": {"kind": "parallel", "bins": 8},
        "task": "chest",
        "budget": 3,
        "candidates": 360,
        "method": "learned",
    }
    return Schedule(**{**values, **changes})


def test_a_file_of_the_first_release_reads_with_its_hash() -> None:
    made = Schedule.load(OLD)
    assert made.sha256 == json.loads(OLD.read_text())["sha256"]
    assert made.to_json() == OLD.read_text()
    assert made.frame == ("projection",) * 24
    assert made.exposure_mAs == ()
    assert made.mode is None


def test_every_field_survives_the_file() -> None:
    made = schedule(
        mode="step",
        exposure_mAs=(0.0, 0.9, 1.8, 0.9, 0.3),
        exposure_ms=(10.0,) * 5,
        kvp=(0.0, 120.0, 120.0, 80.0, 120.0),
        slot=(0, 0, 22, 50, 60),
        rotation=(0, 0, 0, 0, 1),
        secondary_deg=(0.0, 0.0, 1.0, 0.0, 0.0),
        z_mm=(0.0, 0.0, 0.0, 5.0, 0.0),
        t_offset_s=(0.0, 0.1, 0.2, 0.3, 0.4),
        dose=Dose(total_mAs=3.6, ctdi_vol_mGy=0.3, phantom="IEC_BODY_32", dlp_mGycm=3.0, basis="simulated"),
        device_profile={"id": "stage", "sha256": "0" * 64},
        schedule_id="a",
        parent_sha256="1" * 64,
        reviewed_by="A. Physicist",
        checks=({"code": "ORDER", "result": "pass"},),
        repeat=True,
    )
    assert made.projections == (1, 2, 3)
    assert made.total_mAs == pytest.approx(3.6)
    assert made.relative_load[1:4] == pytest.approx((0.75, 1.5, 0.75))
    assert made.tube_current_mA == pytest.approx((0.0, 90.0, 180.0, 90.0, 30.0))
    document = json.loads(made.to_json())
    Draft202012Validator(json_schema()).validate(document)
    assert set(document["views"][2]) == set(json_schema()["properties"]["views"]["items"]["properties"])
    again = Schedule.from_json(made.to_json())
    assert again == made
    assert again.sha256 == made.sha256
    assert "signature" not in document


def test_loads_from_a_total() -> None:
    made = schedule(relative_load=(0.0, 0.5, 1.0, 1.5, 1.0), dose=Dose(total_mAs=43.2), exposure_ms=(10.0,) * 5)
    assert made.exposure_mAs == pytest.approx((0.0, 7.2, 14.4, 21.6, 14.4))
    assert made.tube_current_mA == pytest.approx((0.0, 720.0, 1440.0, 2160.0, 1440.0))
    assert schedule(dose=Dose(total_mAs=3.0)).exposure_mAs == (0.0, 1.0, 1.0, 1.0, 1.0)
    assert Schedule.from_json(made.to_json()) == made


def test_views_of_the_scan_are_the_projections() -> None:
    scan = ParallelBeam([0.0, 1.0, 1.5707963267948966, 3.141592653589793], bins=8)
    assert schedule().view_indices(scan) == [0, 2, 3]
    twice = schedule(angles_deg=(0.0, 90.0, 90.0, 0.0, 0.0), repeat=True)
    assert twice.view_indices(scan) == [2, 2, 0]
    apart = schedule(angles_deg=(0.0, 90.0, 90.0, 0.0, 0.0), z_mm=(0.0, 0.0, 5.0, 0.0, 0.0))
    assert not apart.repeat


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"angles_deg": (0.0, 90.0, 90.0, 0.0, 0.0)}, "views 1 and 2: expected different angles"),
        ({"frame": ("dark",) * 4}, "frame: expected one value per view, 5, or none, got 4"),
        ({"frame": ("black",) * 5}, "frame of view 0: expected one of projection, dark, flat, got 'black'"),
        ({"budget": 5}, "budget: expected the number of views, 3, got 5"),
        ({"kvp": (-1.0,) * 5}, "kvp of view 0: expected a value of at least 0, got -1"),
        ({"slot": (-1,) * 5}, "slot of view 0: expected a whole number of at least 0, got -1"),
        ({"z_mm": (1e12,) * 5}, r"z_mm of view 0: expected at most 1e\+09 in size, got 1e\+12"),
        ({"angles_deg": (0.0, 1e300, 90.0, 180.0, 0.0)}, r"angle of view 1: expected at most 1e\+09 in size"),
        ({"device_profile": {"id": "x"}}, r"device_profile: expected the fields id and sha256, got \['id'\]"),
        ({"mode": "spin"}, "mode: expected one of step, fly, rotating or None, got 'spin'"),
        ({"exposure_mAs": (0.0, 0.0, 0.0, 0.0, 1.0)}, "expected more than 0 for some projection"),
        ({"exposure_mAs": (1.0,) * 5}, "relative_load of view 0: expected 0 in a dark"),
        (
            {
                "exposure_mAs": (0.0, 1, 1, 1, 1),
                "exposure_ms": (10.0,) * 5,
                "tube_current_mA": (0.0, 90, 100, 100, 100),
            },
            r"exposure_mAs of view 1: expected mA times ms / 1000 = 0.9, got 1; state two",
        ),
        ({"exposure_mAs": (0.0, 1, 1, 1, 1), "exposure_ms": (0.0,) * 5}, "exposure_ms of view 1: expected more than 0"),
        (
            {"exposure_mAs": (0.0, 1, 1, 1, 1), "dose": Dose(total_mAs=4)},
            "expected the sum over the projections, 3, got 4",
        ),
        (
            {"exposure_mAs": (0.0, 1, 1, 1, 1), "relative_load": (0.0, 0.5, 1.5, 1, 1)},
            "exposure_mAs of view 1: expected 0.5 by its relative load, got 1",
        ),
        ({"reviewed_by": " "}, "reviewed_by: expected a name"),
    ],
)
def test_impossible_statements(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        schedule(**changes)


def test_impossible_doses() -> None:
    with pytest.raises(InputError, match="dose total_mAs: expected a value of at least 0, got -1"):
        Dose(total_mAs=-1)
    with pytest.raises(InputError, match="dose phantom: expected a name"):
        Dose(total_mAs=1, ctdi_vol_mGy=2.0)


def test_a_column_that_breaks_off() -> None:
    document = json.loads(schedule(kvp=(80.0,) * 5).to_json())
    del document["views"][3]["kvp"]
    with pytest.raises(InputError, match="views: expected kvp in every view or in none, got it in 4"):
        Schedule.from_json(json.dumps(document))


def test_changing_one_statement_keeps_the_rest() -> None:
    made = replace(schedule(dose=Dose(total_mAs=3.0)), mode="fly")
    assert made.mode == "fly"
    assert made.exposure_mAs == (0.0, 1.0, 1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["views"][1].update(angle_deg=90),
        lambda d: d.update(repeat=False),
        lambda d: d.update(checks=[]),
        lambda d: [view.update(frame="projection") for view in d["views"]],
    ],
)
def test_files_that_state_the_same_in_another_form(change: Any) -> None:
    document = json.loads(schedule(angles_deg=(0.0, 90.0, 180.0), frame=()).to_json())
    change(document)
    document["sha256"] = content_hash(document)
    with pytest.raises(InputError, match="content is not in canonical form: expected angles and amounts as floats"):
        Schedule.from_json(json.dumps(document))
