from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from svct.bench.diagnosis import Row, Study, bench_diagnosis, by_views, fewest_views, rows_of, work
from svct.bench.diagnosis_auc import area, cross_fitted_auc, fewest, folds_of
from svct.bench.diagnosis_cells import Cell
from svct.bench.diagnosis_readers import cross_fit, cross_read, make_reader, regions_of
from svct.bench.diagnosis_report import as_json, as_text, plot
from svct.bench.diagnosis_task import detection_task, draw_cases, truth_of
from svct.errors import DataFileError, InputError, UnknownNameError
from svct.sampling.fixed import equidistant_sets
from svct.tasks.case import Case
from svct.tasks.heads.scores import Figure, Values

SMALL = Study(findings=("solid nodule",), methods=("fbp",), views=(8, 24), photons=(2e3,), cases=16, folds=2, pixels=48)


def told(value: float, draws: Values) -> Figure:
    return Figure(value, value, value, draws)


def test_the_area_compares_cases_of_one_fold_alone() -> None:
    present = np.array([True, False, True, False])
    fold = np.array([0, 0, 1, 1])
    # Within each fold the ill case is ahead; between the folds it is not.
    statistic = cross_fitted_auc(np.array([1.0, 0.0, 11.0, 10.0]), present, fold)
    assert statistic(np.ones((1, 4)))[0] == 1.0
    assert statistic(np.array([[2.0, 1.0, 0.0, 0.0]]))[0] == 1.0
    assert np.isnan(statistic(np.array([[1.0, 0.0, 0.0, 1.0]]))[0])
    assert cross_fitted_auc(np.zeros(4), present, fold)(np.ones((1, 4)))[0] == 0.5


def test_its_interval_holds_what_many_patients_give() -> None:
    rng = np.random.default_rng(0)
    present = np.arange(120) % 2 == 0
    found = area(rng.standard_normal(120) + 1.5 * present, present, np.zeros(120, int))
    assert found.low < 0.856 < found.high  # Phi(1.5 / sqrt 2)
    assert 0.05 < found.high - found.low < 0.2


def test_fewest_views_need_an_unbroken_run_up_to_all_views() -> None:
    draws = np.zeros(100)
    areas: dict[float, Figure] = {
        8: told(0.90, draws + 0.9),
        16: told(0.85, draws + 0.85),
        32: told(0.89, draws + 0.89),
    }
    assert fewest({**areas, 360: told(0.90, draws + 0.9)}).value == 32
    assert fewest({8: told(0.89, draws + 0.89), 360: told(0.9, draws + 0.9)}).value == 8
    mixed = np.repeat([0.85, 0.9], 50)
    found = fewest({8: told(0.89, mixed), 360: told(0.9, draws + 0.9)})
    assert (found.value, found.low, found.high) == (8, 8, 360)


def test_folds_hold_both_kinds() -> None:
    present = np.arange(20) < 7
    fold = folds_of(present, folds=3)
    assert [int((present & (fold == k)).sum()) for k in range(3)] == [3, 2, 2]
    with pytest.raises(InputError, match="got 4 folds and 7 cases of the rarer kind"):
        folds_of(present, folds=4)


def test_no_reader_reads_what_it_was_fitted_on(cases: list[Case]) -> None:
    present = np.array([case.present for case in cases])
    fold = folds_of(present, folds=2)
    noise = torch.randn(16, 48, 48, generator=torch.Generator().manual_seed(3))
    decisions = cross_read(cross_fit("hotelling", noise, cases, fold, seed=0), noise, cases, fold)
    assert area(decisions, present, fold).value < 0.85
    fitted = make_reader("hotelling").fit(noise, cases).decide(noise, cases)
    assert area(fitted, present, fold).value > 0.99


def test_the_region_has_the_place_in_its_middle(cases: list[Case]) -> None:
    x = truth_of(cases) * 0
    for i, case in enumerate(cases):
        column = case.record.place.centre_mm[0] / case.record.grid.voxel_mm + 23.5
        row = 23.5 - case.record.place.centre_mm[1] / case.record.grid.voxel_mm
        x[i, round(row), round(column)] = 1
    seen = regions_of(x, cases, 9)
    assert seen.shape == (16, 9, 9)
    assert torch.equal(seen[:, 4, 4], torch.ones(16))


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return draw_cases(detection_task("solid nodule", pixels=48), "test", 16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    list(bench_diagnosis(SMALL, {}, folder))
    return folder


def cells_of(study: Study, folder: Path, tick: Callable[[float], object]) -> list[Cell]:
    return list(bench_diagnosis(study, {}, folder, tick=tick))


def test_a_study_goes_on_where_it_was_stopped(folder: Path) -> None:
    measured: list[float] = []
    first = cells_of(SMALL, folder, measured.append)
    assert measured == []
    assert [cell.inputs["method"] for cell in first] == ["truth", *["fbp"] * 4, "shuffled"]
    total, finished = work(SMALL, {}, folder)
    assert total == finished > 0
    lost = sorted(folder.glob("cell-*.npz"))[2]
    before = {key: values.copy() for cell in first for key, values in cell.decisions.items()}
    lost.unlink()
    again = cells_of(SMALL, folder, measured.append)
    assert len(measured) == 1
    assert lost.exists()
    for one, other in zip(first, again, strict=True):
        for key in one.decisions:
            assert np.array_equal(one.decisions[key], other.decisions[key])
    assert before.keys() == {("cho", "frozen"), ("cho", "refitted")}


def test_full_views_read_frozen_and_refitted_are_the_same(folder: Path) -> None:
    cells = cells_of(SMALL, folder, lambda seconds: None)
    full = next(c for c in cells if c.inputs["method"] == "fbp" and c.inputs["views"] == 360)
    assert full.inputs["photons"] == 5e4
    assert np.array_equal(full.decisions["cho", "frozen"], full.decisions["cho", "refitted"])
    few = next(c for c in cells if c.inputs["method"] == "fbp" and c.inputs["views"] == 8)
    assert few.about["psnr_db"] < full.about["psnr_db"] - 3


def test_a_study_is_told(folder: Path, tmp_path: Path) -> None:
    rows = rows_of(cells_of(SMALL, folder, lambda seconds: None))
    assert set(fewest_views(rows)) == {("solid nodule", "fbp", "cho", way) for way in ("frozen", "refitted")}
    text = "\n".join(as_text(rows))
    assert "solid nodule, cho: ceiling" in text
    assert "| 360 | " in text
    assert "| 2000 | " in text
    plain = as_json(rows)
    assert len(plain["rows"]) == 1 + 4 * 2 + 2
    assert all(row["auc"]["low"] <= row["auc"]["value"] <= row["auc"]["high"] for row in plain["rows"])
    plot(rows, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes()[:4] == b"\x89PNG"


def test_learned_views_are_measured_beside_equidistant_ones(folder: Path) -> None:
    even = equidistant_sets(360, 8)[0]
    uneven = tuple(range(0, 80, 10))
    study = replace(SMALL, learned={"solid nodule": (even, uneven)})
    rows = rows_of(cells_of(study, folder, lambda seconds: None))
    at_eight = {(row.method, row.way, i): row for i, row in enumerate(rows) if row.views == 8}
    plain, same, other = (
        [row for (method, way, _), row in at_eight.items() if (method, way) == (name, "refitted")]
        for name in ("fbp", "fbp, learned", "truth")
    )
    assert (len(plain), len(same), len(other)) == (1, 2, 0)
    assert same[0].auc.value == plain[0].auc.value
    assert same[1].about["psnr_db"] < plain[0].about["psnr_db"] - 1  # 40 degrees of 180
    found = fewest_views(rows)
    assert found["solid nodule", "fbp, learned", "cho", "refitted"].high == 360
    assert "| solid nodule | cho | fbp, learned | " in "\n".join(as_text(rows))
    with pytest.raises(InputError, match="learned views: expected indices from 0 to 359 for 'solid nodule'"):
        bench_diagnosis(replace(SMALL, learned={"solid nodule": ((0, 360),)}), {}, folder)


def test_fewer_views_may_share_the_dose_of_all() -> None:
    study = Study(views=(8, 24, 360), photons=(2e3,), equal_dose=True)
    conditions = study.conditions(study.detections[0])
    assert conditions == [(360, 5e4), (24, 7.5e5), (8, 2.25e6), (360, 2e3)]
    auc = told(0.9, np.full(5, 0.9))
    rows = [Row("solid nodule", "fbp", *condition, "cho", "frozen", auc, {}) for condition in conditions]
    ceiling = Row("solid nodule", "truth", 360, 5e4, "cho", "refitted", auc, {})
    assert [row.views for row in by_views([*rows, ceiling])] == [360, 24, 8, 360]
    assert fewest_views([*rows, ceiling])["solid nodule", "fbp", "cho", "frozen"].value == 8


def test_a_damaged_cell_is_named(folder: Path, tmp_path: Path) -> None:
    for path in folder.glob("cell-*.npz"):
        (tmp_path / path.name).write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataFileError, match=r"cell-.*npz: expected a cell of a study, cannot be read .* remove it"):
        cells_of(SMALL, tmp_path, lambda seconds: None)


def test_unknown_names_and_views_are_refused_before_anything_is_drawn(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown method 'fpb': expected one of fbp, tv"):
        bench_diagnosis(Study(methods=("fpb",)), {}, tmp_path)
    with pytest.raises(UnknownNameError, match="unknown reader 'cha': expected one of cho, "):
        bench_diagnosis(Study(methods=("fbp",), readers=("cha",)), {}, tmp_path)
    with pytest.raises(InputError, match="views: expected 1 to 360"):
        bench_diagnosis(Study(methods=("fbp",), views=(400,)), {}, tmp_path)
    with pytest.raises(InputError, match="expected a head that gives one decision per image"):
        make_reader("detector")
