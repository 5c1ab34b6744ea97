import re
import tomllib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from svct.errors import DataFileError, InputError, UnknownNameError
from svct.sampling.device import device_names, in_sector, json_schema, load_device, parse_device


def profile_text(name: str) -> str:
    return (files("svct.sampling") / "devices" / f"{name}.toml").read_text(encoding="utf-8")


def test_the_schema_is_itself_valid() -> None:
    Draft202012Validator.check_schema(json_schema())


def test_examples_say_that_they_are() -> None:
    assert device_names() == ["c-arm", "fly-scan-beamline", "lab-step-stage", "research-gantry"]
    for name in device_names():
        device = load_device(name)
        assert device.id == name
        assert device.example
        assert device.title.startswith("Example: ")
        assert len({load_device(other).sha256 for other in device_names()}) == 4


def test_a_profile_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(profile_text("c-arm").replace('id = "c-arm"', 'id = "mine"').replace("# An example", "# Mine"))
    device = load_device(path)
    assert device.id == "mine"
    assert device.sha256 != load_device("c-arm").sha256
    path.write_text(path.read_text() + "\n# a comment changes nothing\n")
    assert load_device(path).sha256 == device.sha256


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("example = true", ""), "at top level: 'example' is a required property"),
        (('mode = "fly"', 'mode = "hop"'), "at mode: 'hop' is not one of"),
        (('mode = "fly"', 'mode = "rotating"'), "'rotation' is a required property"),
        (("speed_deg_s = 60.0", "speed_deg_s = -60.0"), "at axis.speed_deg_s: -60.0 is less than"),
        (("range_deg = [0.0, 200.0]", "range_deg = [200.0, 0.0]"), "axis.range_deg: expected the lower value first"),
        (("max_mA = 800.0", "max_mA = 0.5"), "tube.min_mA and max_mA: expected the lower value first, got 1 and 0.5"),
        (("max_mA = 800.0", "max_mA = nan"), "expected finite numbers in the profile"),
        (("heat_kJ = 200.0", "heat_MJ = 0.2"), "at tube: Additional properties are not allowed"),
    ],
)
def test_impossible_profiles(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(profile_text("c-arm").replace(*change))
    with pytest.raises(InputError, match=message) as caught:
        load_device(path)
    assert str(caught.value).startswith(str(path))


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown device 'carm': .* Did you mean 'c-arm'"):
        load_device("carm")
    with pytest.raises(DataFileError, match=r"expected a device profile, could not be read \(No such file"):
        load_device(tmp_path / "none.toml")
    (tmp_path / "broken.toml").write_text("[axis\n")
    with pytest.raises(DataFileError, match="text that is not TOML"):
        load_device(tmp_path / "broken.toml")


@given(st.floats(-1000, 1000), st.sampled_from(["c-arm", "lab-step-stage", "fly-scan-beamline", "research-gantry"]))
def test_positions_are_whole_turns_away_and_in_range_where_they_can_be(angle: float, name: str) -> None:
    device = load_device(name)
    position = float(device.positions_deg([angle])[0])
    turns = (float(device.angles_deg([position])[0]) - angle) / 360
    assert turns == pytest.approx(round(turns), abs=1e-9)
    if device.axis.range_deg is None:
        assert device.reachable([angle]).all()
        return
    low, high = device.axis.range_deg
    wished = device.axis.sign * angle + device.axis.zero_deg
    exists = any(low + 1e-6 <= wished + 360 * k <= high - 1e-6 for k in range(-5, 6))
    assert not exists or (device.reachable([angle])[0] and low <= position <= high)


def test_forbidden_sectors() -> None:
    values = tomllib.loads(profile_text("lab-step-stage"))
    values["axis"]["forbidden_deg"] = [[170.0, 185.0], [-20.0, 0.0]]
    device = parse_device(values)
    assert device.reachable([0.0, 10.0, 19.0, 20.0, 185.0, 190.0, 175.0]).tolist() == [
        True, False, False, True, False, True, True,
    ]  # fmt: skip
    assert not in_sector(np.array([0.0]), 5, 5).any()
    assert re.fullmatch("[0-9a-f]{64}", device.sha256)
