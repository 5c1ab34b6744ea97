"""Formats of stages, beamlines and sequencers: round trips of random schedules."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from svct.sampling import Schedule
from svct.sampling.checks import angular_distance_deg
from svct.sampling.device import Device, load_device
from svct.sampling.export import exporter, read_back
from svct.sampling.export.imports import IMPORTS, import_schedule

EXAMPLES = 200

DEVICES = {"panda-seq": "fly-scan-beamline", "aerotech-pso": "fly-scan-beamline", "xps-pvt": "lab-step-stage"}
FORMATS = [
    "aerotech-pso", "bluesky", "csv", "data-exchange", "epics-waveform", "grbl", "json", "linuxcnc", "nxtomo",
    "panda-seq", "spec", "tomoscan-step", "xps-pvt",
]  # fmt: skip
FAN = {"bins": 5, "bin_mm": 2.0, "source_mm": 595.0, "detector_mm": 490.5}
SCANS: list[dict[str, Any]] = [
    {"kind": "parallel", "bins": 5, "bin_mm": 1.5},
    {"kind": "fan", **FAN},
    {"kind": "cone", **FAN, "rows": 3, "row_mm": 1.25},
]


def device_for(fmt: str) -> Device | None:
    return load_device(DEVICES[fmt]) if fmt in DEVICES else None


@st.composite
def statements(draw: st.DrawFn, fmt: str) -> dict[str, Any]:
    """What a schedule of up to ten projections states: one way for sweeps, an even number for tomoscan."""
    sweep = DEVICES.get(fmt) == "fly-scan-beamline"
    low, high = (0, 35_000) if sweep else (-18_000, 17_999)
    steps = draw(st.lists(st.integers(low, high), min_size=2, max_size=10, unique=True))
    steps = steps[: len(steps) // 2 * 2] if fmt == "tomoscan-step" else steps
    angles = [step / 100 for step in (sorted(steps) if sweep else steps)]
    before, after = (draw(st.lists(st.sampled_from(["dark", "flat"]), max_size=2)) for _ in range(2))
    kinds = (*before, *["projection"] * len(angles), *after)
    amounts = st.lists(st.floats(0.01, 900.0), min_size=len(kinds), max_size=len(kinds))
    columns: dict[str, Any] = {}
    if draw(st.booleans()):
        columns["exposure_ms"] = [round(value, 3) for value in draw(amounts)]
    if draw(st.booleans()):
        columns["exposure_mAs"] = [load * (kind != "dark") for load, kind in zip(draw(amounts), kinds, strict=True)]
    if draw(st.booleans()):
        columns["z_mm"] = draw(amounts)
    return {
        "angles_deg": [0.0] * len(before) + angles + [0.0] * len(after),
        "frame": kinds,
        "geometry": draw(st.sampled_from(SCANS)),
        "budget": len(angles),
        "provenance": {"created_utc": "2026-11-25T12:00:00+00:00", "seed": draw(st.integers(0, 9))},
        **columns,
    }


@pytest.mark.parametrize("fmt", FORMATS)
def test_200_random_schedules_come_back(fmt: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    device, folder = device_for(fmt), tmp_path_factory.mktemp("export")
    chosen = exporter(fmt, device)

    @settings(
        max_examples=EXAMPLES,
        phases=(Phase.generate,),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(statements(fmt))
    def check(values: dict[str, Any]) -> None:
        made = build(values)
        path, content = folder / f"s{chosen.suffix}", chosen.text(made)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        assert read_back(made, path, fmt=fmt, device=device) <= chosen.precision_deg
        if fmt in IMPORTS:
            back = import_schedule(path, fmt=fmt, device=device)
            apart = angular_distance_deg(np.array(back.angles_deg)[list(chosen.carried(back))], chosen.angles(made))
            assert apart.max() <= chosen.precision_deg
            assert back == made or fmt in ("csv", "tomoscan-step")
            assert back.exposure_ms == made.exposure_ms or fmt == "tomoscan-step"

    check()


def build(values: dict[str, Any]) -> Schedule:
    columns: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
    return Schedule(task="chest", candidates=1152, method="learned", **columns)
