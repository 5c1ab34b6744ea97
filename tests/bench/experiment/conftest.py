import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-P", "-c", "from svct.cli.main import main; main()", "bench", "run"]
"""What starts the command in a process of its own."""

TASK = """
name = "{name}"
title = "A small scan"
budget = 6
findings = {findings}

[cohort]
anatomy = "{anatomy}"
seed = 0
size = 40

[grid]
shape = [{pixels}, {pixels}]
voxel_mm = {voxel}

[scan]
kind = "parallel"
candidates = 24
bins = {pixels}
bin_mm = {voxel}

[acquisition]
photons = 5e4
electronic_noise = 5.0
"""

PLAN: dict[str, Any] = {
    "tasks": ["bottle.toml"],
    "samplers": ["equidistant", "random"],
    "budgets": [4, 6],
    "reconstructors": ["fbp", "cgls"],
    "seeds": [0],
    "patients": 2,
    "pictures": 1,
}
TABLES = """
[sampler.equidistant]
offsets = 2

[effort]
level = "quick"
train = 2
validation = 2
"""

MakePlan = Callable[..., Path]


@pytest.fixture
def make_plan(tmp_path: Path) -> MakePlan:
    """Write a plan of small scans; keywords change its lists, `tables` follows them."""
    small = {
        "bottle": TASK.format(name="bottle", anatomy="water", findings="[]", pixels=32, voxel=12.0),
        "part": TASK.format(name="small-part", anatomy="part", findings='["delamination"]', pixels=48, voxel=2.7),
    }
    for name, text in small.items():
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")

    def make(tables: str = TABLES, **changes: Any) -> Path:
        lines = [f"{name} = {value!r}" for name, value in {**PLAN, **changes}.items()]
        path = tmp_path / "plan.toml"
        path.write_text("\n".join(lines).replace("True", "true") + "\n" + tables, encoding="utf-8")
        return path

    return make
