import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from svct.errors import DataFileError, InputError, OutputExistsError
from svct.geometry import FanBeam, ParallelBeam
from svct.sampling import Gain, Schedule
from svct.sampling.document import json_schema

GAIN = Gain(mean_db=0.4, low_db=0.3, high_db=0.5, patients=40, baseline="best equidistant offset")


def schedule(**changes: Any) -> Schedule:
    values: dict[str, Any] = {
        "angles_deg": (0.0, 12.5, 90.0),
        "geometry": {"kind": "parallel", "bins": 128, "bin_mm": 3.2},
        "task": "chest",
        "budget": 3,
        "candidates": 360,
        "method": "learned",
        "gain": GAIN,
        "provenance": {"seed": 0, "svct": "0.1.0"},
    }
    return Schedule(**{**values, **changes})


@given(
    st.lists(
        st.integers(-72_000, 72_000).map(lambda a: a / 100),
        min_size=1,
        max_size=40,
        unique_by=lambda a: round(a * 100) % 36_000,
    ),
    st.sampled_from([None, GAIN]),
)
@settings(max_examples=50)
def test_round_trip_and_schema(angles: list[float], gain: Gain | None) -> None:
    made = schedule(angles_deg=tuple(angles), budget=len(angles), gain=gain)
    text = made.to_json()
    Draft202012Validator(json_schema()).validate(json.loads(text))
    assert Schedule.from_json(text) == made
    assert Schedule.from_json(text).sha256 == made.sha256


def test_the_schema_is_itself_valid() -> None:
    Draft202012Validator.check_schema(json_schema())


def test_view_indices() -> None:
    scan = ParallelBeam([i * math.pi / 360 for i in range(360)], bins=128)
    assert schedule().view_indices(scan) == [0, 25, 180]
    coarse = ParallelBeam([0.0, math.pi / 2], bins=128)
    with pytest.raises(InputError, match=r"view 1 at 12.5 deg: expected a candidate of the scan within 0.01 deg"):
        schedule().view_indices(coarse)


def test_the_zero_of_a_fan_is_on_the_other_side() -> None:
    fan = FanBeam([0.0], bins=4, source_mm=500, detector_mm=300)
    assert fan.vectors[0, 1] < 0
    geometry = {k: v for k, v in fan.to_dict().items() if k != "angles"}
    assert schedule(geometry=geometry).angle_convention["zero"] == "-y"
    assert schedule().angle_convention["zero"] == "+y"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"angles_deg": (0.0, math.nan, 1.0)}, "angle of view 1: expected a finite number, got nan"),
        ({"angles_deg": (0.0, 1.0, 360.0)}, "views 0 and 2: expected different angles"),
        ({"budget": 4}, "budget: expected the number of views, 3, got 4"),
        ({"candidates": 2}, "candidates: expected at least as many as views, 3, got 2"),
        ({"relative_load": (1.0, 1.0)}, "one value per view, 3, got 2"),
        ({"relative_load": (1.0, 1.0, 4.0)}, "expected a mean of 1, got 2"),
        ({"relative_load": (3.0, 0.0, 0.0)}, "expected positive values, got 0"),
        ({"task": " "}, "task: expected a name or short text"),
        ({"geometry": {}}, "geometry kind: expected a name"),
        ({"geometry": {"kind": "fan", "angles": [1]}}, "without its angles, got a field 'angles'"),
        ({"provenance": {"x": math.inf}}, "expected plain JSON with finite numbers"),
    ],
)
def test_impossible_schedules(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        schedule(**changes)


def test_damaged_files(tmp_path: Path) -> None:
    path = schedule().save(tmp_path / "schedule.json")
    text = path.read_text()
    document = json.loads(text)
    cases: list[tuple[str, type[Exception], str]] = [
        ("", DataFileError, "got an empty file"),
        (text[: len(text) // 2], DataFileError, "truncated or not JSON"),
        ("[]", InputError, "got a JSON list"),
        (text.replace("12.5", "13.5"), InputError, "content does not match its hash"),
        (text.replace("12.5", "NaN"), InputError, "expected finite numbers, got NaN"),
        (text.replace("svct.schedule/1", "svct.schedule/9"), InputError, "a later schema needs a later svct"),
        (json.dumps({**document, "colour": 1}), InputError, "does not follow the schema"),
        (text.replace('"task"', '"budget": 3, "task"'), InputError, "each field once, got 'budget' twice"),
    ]
    for content, error, message in cases:
        path.write_text(content)
        with pytest.raises(error, match=message) as caught:
            Schedule.load(path)
        assert str(caught.value).startswith(str(path))
    with pytest.raises(DataFileError, match="found none; svct learn-sampling writes one"):
        Schedule.load(tmp_path / "missing.json")


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    path = schedule().save(tmp_path / "schedule.json")
    with pytest.raises(OutputExistsError, match="expected a free name"):
        schedule(task="head").save(path)
    assert Schedule.load(path).task == "chest"
    schedule(task="head").save(path, overwrite=True)
    assert Schedule.load(path).task == "head"
    assert [p.name for p in tmp_path.iterdir()] == ["schedule.json"]
