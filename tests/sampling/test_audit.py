import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from svct.errors import DataFileError
from svct.sampling import Dose, Schedule
from svct.sampling.audit import CODES, check_file, check_schedule
from svct.sampling.audit.run import CONTENT_CODES, DEVICE_CODES
from svct.sampling.device import Device, load_device
from svct.sampling.document import content_hash

STAGE, FLY, ARM, GANTRY = map(load_device, ("lab-step-stage", "fly-scan-beamline", "c-arm", "research-gantry"))
FAN = {"kind": "fan", "bins": 100, "bin_mm": 5.0, "source_mm": 500.0, "detector_mm": 500.0}


def made(count: int = 12, span: float = 180.0, **changes: Any) -> Schedule:
    values: dict[str, Any] = {
        "angles_deg": tuple(span * i / count for i in range(count)),
        "geometry": {"kind": "parallel"},
        "task": "chest",
        "candidates": 10_000,
        "method": "equidistant",
        **changes,
    }
    frames = values.get("frame", ("projection",) * len(values["angles_deg"]))
    return Schedule(budget=frames.count("projection"), **values)


def with_axis(device: Device, **changes: Any) -> Device:
    return replace(device, axis=replace(device.axis, **changes))


def with_rotation(**changes: Any) -> Device:
    assert GANTRY.rotation is not None
    return replace(GANTRY, rotation=replace(GANTRY.rotation, **changes))


SLOTS = tuple(0.3125 * i for i in (0, 100, 200, 300))
LIT = made(angles_deg=SLOTS, exposure_mAs=(0.3,) * 4, kvp=(120.0,) * 4)
DOSED = made(dose=Dose(total_mAs=100, ctdi_vol_mGy=10, phantom="IEC_BODY_32", dlp_mGycm=500))
NO_GATE = with_rotation(beam_gating=False)

CASES: dict[str, tuple[tuple[Schedule, Device], tuple[Schedule, Device]]] = {
    "DEVICE": (
        (made(device_profile={"id": ARM.id, "sha256": ARM.sha256}), ARM),
        (made(device_profile={"id": ARM.id, "sha256": ARM.sha256}), STAGE),
    ),
    "MODE": ((made(mode="step"), STAGE), (made(mode="step"), FLY)),
    "UNREACHABLE": ((made(), ARM), (made(span=360), ARM)),
    "ORDER": ((made(), FLY), (made(angles_deg=(0.0, 90.0, 45.0)), ARM)),
    "ROTATIONS": ((made(rotation=(3,) * 12), GANTRY), (made(rotation=(4,) * 12), GANTRY)),
    "QUANT": ((made(), ARM), (made(), with_axis(ARM, counts_per_turn=50))),
    "DUP_COUNT": ((made(), FLY), (made(angles_deg=(0.0, 1e-6)), STAGE)),
    "INT32": ((made(), FLY), (made(angles_deg=(0.0, 90.0 + 360 * 500)), with_axis(FLY, range_deg=None))),
    "SLOT": ((made(), GANTRY), (made(count=11), GANTRY)),
    "TABLE_FULL": ((made(4096), FLY), (made(4096, angles_deg=tuple(i / 23 for i in range(4097))), FLY)),
    "MAX_VIEWS": ((made(600), ARM), (made(601), ARM)),
    "EXPOSURE": ((made(exposure_ms=(10.0,) * 12), STAGE), (made(exposure_ms=(9.0,) * 12), STAGE)),
    "PULSE_RATE": ((made(angles_deg=(0.0, 0.625)), GANTRY), (made(angles_deg=(0.0, 0.3125)), GANTRY)),
    "NO_GATING": ((made(angles_deg=(0.0, 0.3125)), NO_GATE), (made(angles_deg=(0.0, 0.625)), NO_GATE)),
    "SPEED": ((made(), FLY), (made(angles_deg=(0.0, 0.05, 180.0), exposure_ms=(2000.0,) * 3), FLY)),
    "TOO_SLOW": (
        (made(3, t_offset_s=(0.0, 3.0, 6.0)), STAGE),
        (made(3, t_offset_s=(0.0, 1.0, 6.0)), STAGE),
    ),
    "TIME": ((made(), STAGE), (made(angles_deg=tuple(i / 100 for i in range(9999)), exposure_ms=(5e3,) * 9999), STAGE)),
    "TUBE_CURRENT": ((LIT, GANTRY), (replace(LIT, exposure_mAs=(0.9,) * 4), GANTRY)),
    "TUBE_HEAT": ((LIT, GANTRY), (made(dose=Dose(total_mAs=3000)), GANTRY)),
    "SLEW": (
        (LIT, GANTRY),
        (made(angles_deg=(0.0, 0.3125), exposure_mAs=(0.1, 0.3)), GANTRY),
    ),
    "KVP": ((LIT, GANTRY), (replace(LIT, kvp=(121.0,) * 4), GANTRY)),
    "KV_DWELL": (
        (made(4, kvp=(80.0, 80.0, 120.0, 120.0)), GANTRY),
        (made(4, kvp=(80.0, 80.0, 120.0, 120.0)), replace(GANTRY, tube=replace(GANTRY.tube, kv_dwell_ms=500.0))),
    ),
    "TOTAL_MAS": ((DOSED, GANTRY), (made(dose=Dose(total_mAs=401)), GANTRY)),
    "CTDI": ((DOSED, GANTRY), (made(dose=Dose(total_mAs=1, ctdi_vol_mGy=31, phantom="x")), GANTRY)),
    "CTDI_NOTIFY": ((DOSED, GANTRY), (made(dose=Dose(total_mAs=1, ctdi_vol_mGy=16, phantom="x")), GANTRY)),
    "DLP": ((DOSED, GANTRY), (made(dose=Dose(total_mAs=1, dlp_mGycm=1201)), GANTRY)),
    "COVERAGE": ((made(), STAGE), (made(span=120), STAGE)),
    "HALF_SCAN": ((made(), STAGE), (made(span=360), STAGE)),
    "REVIEW": ((made(reviewed_by="A. Physicist"), STAGE), (made(), STAGE)),
}
WARNINGS = {"CTDI_NOTIFY", "COVERAGE", "HALF_SCAN", "REVIEW"}


def test_every_code_has_a_case() -> None:
    assert set(CASES) == {*DEVICE_CODES, "REVIEW"}
    assert set(CODES) == {*CASES, *CONTENT_CODES}
    assert set(BAD_FILES) == set(CONTENT_CODES)


@pytest.mark.parametrize("code", CASES)
def test_one_passes_and_one_triggers(code: str) -> None:
    good, bad = CASES[code]
    assert check_schedule(*good)[code].result == "pass", str(check_schedule(*good)[code])
    found = check_schedule(*bad)[code]
    assert found.result == ("warn" if code in WARNINGS else "fail"), str(found)
    if code not in ("DEVICE", "MODE", "REVIEW"):
        assert found.value is not None
        assert found.limit is not None
        assert math.isfinite(found.value)
    assert code in str(found)


def test_the_whole_dose_in_few_views_is_refused_for_its_tube_current() -> None:
    squeezed = made(48, span=360, dose=Dose(total_mAs=43.2), geometry=FAN, kvp=(120.0,) * 48)
    found = check_schedule(squeezed, GANTRY)
    assert [finding.code for finding in found.failed] == ["TUBE_CURRENT"]
    assert found["TUBE_CURRENT"].value == pytest.approx(43.2 / 48 / 0.5 * 1152)
    assert found["TUBE_CURRENT"].limit == 1300
    assert "0.9 mAs in 0.434 ms" in found["TUBE_CURRENT"].message
    spread = made(1152, span=360, dose=Dose(total_mAs=43.2), geometry=FAN)
    assert check_schedule(spread, GANTRY)["TUBE_CURRENT"].result == "pass"


def test_what_is_not_stated_is_not_passed() -> None:
    found = check_schedule(made(), ARM)
    for code in ("TUBE_CURRENT", "TUBE_HEAT", "SLEW", "TOTAL_MAS"):
        assert found[code].result == "skip"
        assert "states no tube loads" in found[code].message


@pytest.mark.parametrize(
    ("schedule", "device", "code", "views"),
    [
        (made(span=360), ARM, "UNREACHABLE", (7, 8, 9, 10, 11)),
        (made(angles_deg=(0.0, 90.0, 45.0)), ARM, "ORDER", (2,)),
        (made(angles_deg=(0.0, 45.1, 90.0)), GANTRY, "SLOT", (1,)),
        (made(exposure_ms=(10.0,) * 11 + (70_000.0,)), STAGE, "EXPOSURE", (11,)),
        (made(angles_deg=(0.0, 45.0, 180.0)), STAGE, "HALF_SCAN", (0, 2)),
        (replace(LIT, exposure_mAs=(), relative_load=(0.004, 1.332, 1.332, 1.332), dose=Dose(total_mAs=1)),
         GANTRY, "TUBE_CURRENT", (0,)),
    ],
)  # fmt: skip
def test_the_views_are_named(schedule: Schedule, device: Device, code: str, views: tuple[int, ...]) -> None:
    assert check_schedule(schedule, device)[code].views == views


def test_coverage_needs_the_fan_angle() -> None:
    short = check_schedule(made(40, span=180, geometry=FAN), GANTRY)["COVERAGE"]
    assert short.limit == pytest.approx(180 + 2 * math.degrees(math.atan(0.25)))
    assert short.result == "warn"
    assert check_schedule(made(40, span=220, geometry=FAN), GANTRY)["COVERAGE"].result == "pass"


def test_frames_without_the_object_are_no_views() -> None:
    frames = ("dark", "flat", *("projection",) * 6, "flat")
    angles = (0.0, 0.0, *(30.0 * i for i in range(6)), 0.0)
    found = check_schedule(made(angles_deg=angles, frame=frames, exposure_ms=(20.0,) * 9), FLY)
    assert not found.failed
    assert found["TABLE_FULL"].value == 9


BASE = made(3, exposure_mAs=(1.0,) * 3, exposure_ms=(10.0,) * 3, dose=Dose(total_mAs=3))
BAD_FILES: dict[str, Any] = {
    "NONFINITE": lambda d: d["views"][1].update(angle_deg=math.nan),
    "SCHEMA": lambda d: d.update(colour="red"),
    "INDEX": lambda d: d["views"][1].update(i=2),
    "NEG_EXPOSURE": lambda d: d["views"][1].update(exposure_mAs=-1.0),
    "DUPLICATE": lambda d: d["views"][1].update(angle_deg=360.0),
    "MAS": lambda d: d["views"][1].update(exposure_ms=11.0),
    "HASH": lambda d: d["views"][1].update(angle_deg=61.0),
    "VALUES": lambda d: d.update(budget=4),
    "SIGNATURE": lambda d: d.update(
        signature={
            "alg": "ed25519", "namespace": "svct-schedule", "key_id": "0" * 64, "public_key": "AAAA", "value": "AAAA",
        }
    ),
}  # fmt: skip


@pytest.mark.parametrize("code", BAD_FILES)
def test_a_damaged_file_names_its_fault(tmp_path: Path, code: str) -> None:
    path = BASE.save(tmp_path / "s.json")
    assert check_file(path)[code].result == ("warn" if code == "SIGNATURE" else "pass")
    document = json.loads(path.read_text())
    BAD_FILES[code](document)
    if code not in ("NONFINITE", "HASH"):
        document["sha256"] = content_hash(document)
    path.write_text(json.dumps(document))
    found = check_file(path, STAGE)
    assert code in [finding.code for finding in found.failed]
    if code != "SIGNATURE":
        assert found.device is None


@pytest.mark.parametrize("wrong", [{"total_mAs": 4.0}, {"total_mAs": -3.0}])
def test_a_wrong_total(tmp_path: Path, wrong: dict[str, float]) -> None:
    document = json.loads(BASE.to_json())
    document["dose"].update(wrong)
    document["sha256"] = content_hash(document)
    (tmp_path / "s.json").write_text(json.dumps(document))
    found = check_file(tmp_path / "s.json")["MAS"]
    assert (found.result, found.value, found.limit) == ("fail", 3.0, wrong["total_mAs"])


def test_files_that_are_no_schedules(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    with pytest.raises(DataFileError, match=r"could not be read \(No such file"):
        check_file(path)
    for content in ("", BASE.to_json()[:200], "[1]"):
        path.write_text(content)
        with pytest.raises(DataFileError, match=r"s\.json: expected a schedule"):
            check_file(path)
    path.write_text('{"views": [1, {"angle_deg": 1' + "0" * 400 + "}]}")
    assert check_file(path)["SCHEMA"].result == "fail"


def test_a_good_file_against_a_device(tmp_path: Path) -> None:
    found = check_file(made().save(tmp_path / "s.json"), STAGE)
    assert not found.failed
    assert [finding.code for finding in found.warned] == ["SIGNATURE", "DEVICE", "REVIEW"]
    assert [finding.code for finding in found.findings] == list(CODES)
    assert json.loads(json.dumps(found.to_dict()))["ok"] is True
