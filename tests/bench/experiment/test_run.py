import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

from svct.bench.experiment.matrix import cells_of
from svct.bench.experiment.node import Node
from svct.bench.experiment.outcome import Outcome
from svct.bench.experiment.plan import read_plan
from svct.bench.experiment.run import Summary, nodes_of, run_cells
from svct.bench.experiment.store import Store
from svct.bench.experiment.workers import ThisProcess
from svct.errors import SvctError
from svct.metrics import psnr
from tests.bench.experiment.conftest import TABLES, MakePlan


def run(plan: Path, folder: Path) -> tuple[Summary, list[str]]:
    """Run a plan and return what came of it, with the labels of what was done."""
    done: list[Node] = []
    with Store(folder) as store, ThisProcess() as here:
        summary = run_cells(cells_of(read_plan(plan)), store, here, done=done.append)
    return summary, [node.label for node in done]


def rows_of(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(folder / "results.parquet").to_pylist()
    return rows


def test_a_run_has_the_figures_of_every_patient_and_its_images(make_plan: MakePlan, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    summary, _ = run(make_plan(), folder)
    assert (summary.cells, summary.kept, summary.failed) == (8, 0, ())
    rows = rows_of(folder)
    assert {(r["sampler"], r["views"], r["reconstructor"]) for r in rows} == {
        (s, v, m) for s in ("equidistant", "random") for v in (4, 6) for m in ("fbp", "cgls")
    }
    cell = next(r for r in rows if r["metric"] == "psnr")
    record = json.loads((folder / "cells" / f"{cell['key']}.json").read_text(encoding="utf-8"))
    assert (record["status"], record["error"], len(record["angles_deg"])) == ("done", None, cell["views"])
    assert np.mean(record["loads"]) == pytest.approx(1)
    assert record["inputs"]["reconstructor"]["name"] == cell["reconstructor"]
    assert set(record["peak_growth_mib"]) == {"drawing", "tuning", "scanning", "reconstructing"}
    assert 0 <= sum(record["peak_growth_mib"].values()) <= record["peak_memory_mib"]
    with np.load(folder / "images" / f"{cell['key']}.npz") as images:
        assert images["patients"].tolist() == [cell["patient"]]
        assert images["image"].shape == images["truth"].shape == (1, 32, 32)
        assert psnr(images["image"][0], images["truth"][0]) == pytest.approx(cell["value"])
        assert float(images["pixel_mm"]) == 12.0
    own = [r for r in rows if r["key"] == cell["key"]]
    assert sorted((r["metric"], r["unit"], r["patient"] >= 0) for r in own) == sorted(
        [("psnr", "dB", True), ("ssim", "", True), ("rmse", "HU", True)] * 2
        + [("seconds", "s", False), ("peak_memory", "MiB", False)]
    )


def test_only_what_is_new_is_measured(make_plan: MakePlan, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run(make_plan(), folder)
    before = rows_of(folder)
    summary, done = run(make_plan(), folder)
    assert (summary.kept, done) == (8, [])
    summary, done = run(make_plan(reconstructors=["fbp", "cgls", "sirt"]), folder)
    assert summary.kept == 8
    assert [label.rpartition(", ")[2] for label in done] == ["sirt"] * 4
    assert str([row for row in rows_of(folder) if row["reconstructor"] != "sirt"]) == str(before)
    summary, done = run(make_plan(budgets=[4, 6, 8]), folder)
    assert (summary.kept, len(done)) == (8, 2 + 4)
    assert {row["reconstructor"] for row in rows_of(folder)} == {"fbp", "cgls"}
    _, done = run(make_plan(reconstructors=["sirt"]), folder)
    assert done == [], "what was set aside is taken back"


def test_a_changed_input_is_measured_anew(make_plan: MakePlan, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    small: dict[str, Any] = {"samplers": ["random"], "budgets": [4], "reconstructors": ["cgls"]}
    run(make_plan(**small), folder)
    before = rows_of(folder)
    changed = TABLES + "[reconstructor.cgls]\niterations = 2\n"
    summary, done = run(make_plan(tables=changed, **small), folder)
    assert (summary.kept, len(done)) == (0, 1), "the cell, not its views"
    after = rows_of(folder)
    assert len(after) == len(before)
    assert {r["key"] for r in after}.isdisjoint({r["key"] for r in before})


def test_a_failing_cell_stops_no_other_and_is_tried_again(make_plan: MakePlan, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    bad = "[reconstructor.bad]\nmethod = 'fbp'\nfilter = 'rampp'\n"
    plan = make_plan(tables=bad, samplers=["random"], reconstructors=["bad", "fbp"])
    for _ in range(2):
        summary, done = run(plan, folder)
        assert [cell.reconstructor for cell, _ in summary.failed] == ["bad", "bad"]
        assert all("UnknownNameError: unknown filter 'rampp'" in cause for _, cause in summary.failed)
        assert sum("bad" in label for label in done) == 2
        assert {row["reconstructor"] for row in rows_of(folder)} == {"fbp"}
    records = [json.loads(path.read_text(encoding="utf-8")) for path in (folder / "cells").glob("*.json")]
    assert sorted(record["status"] for record in records) == ["done", "done", "failed", "failed"]


def test_what_failed_before_is_done_when_its_cause_is_gone(make_plan: MakePlan, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    plan = make_plan(samplers=["random"], budgets=[4], reconstructors=["fbp"])
    views, cell = nodes_of(cells_of(read_plan(plan)))
    with Store(folder) as store:
        store.keep(views, Outcome(views.key, error="the light went out"))
        store.keep(cell, Outcome(cell.key, error="its views could not be chosen"))
        assert store.failed(views) == "the light went out"
    summary, done = run(plan, folder)
    assert (summary.failed, len(done)) == ((), 2)


def test_views_that_cannot_be_chosen_fail_their_cells_alone(make_plan: MakePlan, tmp_path: Path) -> None:
    tables = "[sampler.off]\nkind = 'designed'\ncoarse = 0\n"
    plan = make_plan(tables=tables, samplers=["random", "off"], budgets=[4])
    summary, _ = run(plan, tmp_path / "run")
    assert [cell.views.sampler for cell, _ in summary.failed] == ["off", "off"]
    assert all("its views could not be chosen: " in cause for _, cause in summary.failed)
    assert {row["sampler"] for row in rows_of(tmp_path / "run")} == {"random"}


def test_searches_and_readers_end_in_figures(make_plan: MakePlan, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    tables = """
[effort]
level = "quick"
train = 4
validation = 2
gumbel_steps = 1
swaps = 1
"""
    plan = make_plan(
        tables=tables, tasks=["bottle.toml", "part.toml"], budgets=[4], readers=["cho"], patients=12, training=16,
        samplers=["universal", "learned", "learned-mas"], reconstructors=["unrolled"],
    )  # fmt: skip
    summary, done = run(plan, folder)
    assert not summary.failed
    assert len(done) == 6 + 6
    rows = rows_of(folder)
    read = [row for row in rows if row["reader"] == "cho"]
    assert {row["task"] for row in read} == {"small-part"}
    assert {row["metric"] for row in read} == {"auc", "dprime", "decision", "present"}
    for row in read:
        if row["metric"] == "auc":
            assert 0 <= row["low"] <= row["value"] <= row["high"] <= 1
            own = [r for r in read if r["key"] == row["key"]]
            assert row["value"] == pytest.approx(_area(own, "decision"))
    angles = [_angles(folder, rows, task, "universal") for task in ("bottle", "small-part")]
    assert angles[0] == angles[1]


def _area(rows: Sequence[dict[str, Any]], metric: str) -> float:
    present = {row["patient"]: row["value"] > 0 for row in rows if row["metric"] == "present"}
    values = {row["patient"]: row["value"] for row in rows if row["metric"] == metric}
    ill = [v for p, v in values.items() if present[p]]
    well = [v for p, v in values.items() if not present[p]]
    return float(np.mean([(a > b) + 0.5 * (a == b) for a in ill for b in well]))


def _angles(folder: Path, rows: Sequence[dict[str, Any]], task: str, sampler: str) -> list[float]:
    key = next(row["key"] for row in rows if (row["task"], row["sampler"]) == (task, sampler))
    angles: list[float] = json.loads((folder / "cells" / f"{key}.json").read_text(encoding="utf-8"))["angles_deg"]
    return angles


def test_a_folder_is_written_by_one_process_at_a_time(tmp_path: Path) -> None:
    with (
        Store(tmp_path / "run"),
        pytest.raises(SvctError, match="expected a folder for this run alone, but another process is writing it"),
        Store(tmp_path / "run"),
    ):
        pass
    with Store(tmp_path / "run"):
        pass


def test_noise_and_sharpness_are_measured_where_a_plan_asks(make_plan: MakePlan, tmp_path: Path) -> None:
    common: dict[str, Any] = {"samplers": ["random"], "budgets": [24], "reconstructors": ["smooth", "sharp"]}
    tables = "".join(
        f"[reconstructor.{name}]\nmethod = 'fbp'\nfilter = '{filter}'\n"
        for name, filter in (("smooth", "hann"), ("sharp", "ramp"))
    )
    for name, metrics in (("plain", ["psnr"]), ("asked", ["psnr", "nps", "ttf"])):
        summary, _ = run(make_plan(tables=tables, metrics=metrics, **common), tmp_path / name)
        assert not summary.failed
    plain, asked = (
        {(r["reconstructor"], r["metric"], r["patient"]): r["value"] for r in rows_of(tmp_path / name)}
        for name in ("plain", "asked")
    )
    wanted = {"noise", "noise_frequency", "ttf50", "ttf10"}
    assert {metric for _, metric, _ in asked} - {metric for _, metric, _ in plain} == wanted
    assert {key: value for key, value in asked.items() if key[1] == "psnr"} == pytest.approx(
        {key: value for key, value in plain.items() if key[1] == "psnr"}
    )
    for _, _, patient in {key for key in asked if key[1] == "psnr"}:
        assert all(0 < asked["smooth", m, patient] < asked["sharp", m, patient] for m in wanted - {"ttf10"})
        # Half the sampling rate of 12 mm pixels, which a ramp still lets a tenth through at.
        assert asked["smooth", "ttf10", patient] <= asked["sharp", "ttf10", patient] == pytest.approx(1 / 24)
