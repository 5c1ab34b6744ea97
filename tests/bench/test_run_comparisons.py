import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from svct.bench.experiment.table import COLUMNS
from svct.bench.report.load import Result, Run
from svct.bench.run_comparisons import compare_run
from svct.cli.main import run
from svct.errors import InputError, UnknownNameError

GAINS = {"equidistant": 0.0, "learned": 0.4, "golden": -0.3}


def results(*, metric: str = "psnr", patients: int = 12) -> tuple[Result, ...]:
    """Two tasks, two numbers of views and two seeds; the last patient of one sampler is missing in one seed."""
    rng = np.random.default_rng(0)
    level = rng.normal(30, 3, (patients,))
    found = []
    for task, views, sampler, seed, patient in product(("chest", "head"), (8, 24), GAINS, (0, 1), range(patients)):
        if (sampler, seed, patient) == ("golden", 1, patients - 1):
            continue
        gain = GAINS[sampler] if task == "chest" else 0.0
        value = float(level[patient] + gain + rng.normal(0, 0.05))
        nan = float("nan")
        found.append(
            Result("k", task, "", sampler, views, 5e4, "fbp", seed, patient, "", metric, value, "dB", nan, nan)
        )
    return tuple(found)


def test_each_sampler_is_compared_in_each_setting() -> None:
    rows = compare_run(Run(Path("r"), "", {}, results(), {}), "psnr", margin=0.15)
    assert len(rows) == 8
    verdicts = {(row.group.split(",")[0], row.arm): row.verdict for row in rows}
    assert verdicts == {
        ("chest", "learned"): "better",
        ("chest", "golden"): "worse",
        ("head", "learned"): "equivalent",
        ("head", "golden"): "equivalent",
    }
    assert {row.group for row in rows} == {
        f"{t}, {v} views, 50000 photons, fbp" for t in ("chest", "head") for v in (8, 24)
    }
    assert {row.difference.patients for row in rows} == {11}
    assert {row.difference.seeds for row in rows} == {2}


def test_less_is_better_where_it_is() -> None:
    rows = compare_run(Run(Path("r"), "", {}, results(metric="rmse"), {}), "rmse", baseline="golden")
    assert {row.verdict for row in rows if row.group.startswith("chest")} == {"worse"}


def test_what_is_not_there_is_named() -> None:
    whole = Run(Path("r"), "", {}, results(), {})
    with pytest.raises(UnknownNameError, match="metric of single patients 'ssim': expected one of psnr"):
        compare_run(whole, "ssim")
    with pytest.raises(InputError, match="psnr of 'random' and another sampler"):
        compare_run(whole, "psnr", baseline="random")


def test_the_command_reads_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    (tmp_path / "cells").mkdir()
    (tmp_path / "results.parquet").mkdir()
    (tmp_path / "plan.toml").write_text("")
    (tmp_path / "run.json").write_text(json.dumps({"schema": "svct.run/1"}))
    table = pyarrow.table({name: [getattr(r, name) for r in results()] for name in COLUMNS})
    parquet.write_table(table, tmp_path / "results.parquet" / "k.parquet")
    assert run(["bench", "compare", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "difference, dB (95 %)" in text
    assert text.count("| better |") == 2
    assert run(["bench", "compare", str(tmp_path), "--json", "--margin", "0.15"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["verdict"] for row in rows} == {"better", "worse", "equivalent"}
