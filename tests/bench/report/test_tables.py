import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from svct.bench.report.areas import area_comparisons, area_points, areas_of
from svct.bench.report.figures import chart
from svct.bench.report.headline import headline_of
from svct.bench.report.images import INTERCEPT, as_png, gallery_of
from svct.bench.report.load import Result, read_run
from svct.bench.report.page import as_html
from svct.bench.report.tables import OWN_FLUX, Setting, comparisons_of, gains_of, points_of, summary_of, verdict_of
from svct.bench.report.wheels import Wheel, draw, wheels_of
from svct.cli.main import run
from svct.errors import DataFileError, InputError

BASE = Result(
    "k", "part", "low dose", "equidistant", 8, 5e4, "fbp", 0, 0, "", "psnr", 20.0, "dB", math.nan, math.nan
)  # fmt: skip


def results(gain: Callable[[int], float], *, metric: str = "psnr") -> list[Result]:
    """Twelve patients under two seeds, and the gain of learned views for each."""
    found = []
    for patient in range(12):
        for seed in (0, 1):
            row = replace(BASE, patient=patient, seed=seed, value=20.0 + patient + seed, metric=metric)
            found += [row, replace(row, sampler="learned", value=row.value + gain(patient))]
    return found


def test_gains_are_paired_over_patients() -> None:
    points = points_of(results(lambda patient: 0.4 + 0.01 * patient))
    even = next(p for s, p in points.items() if s.sampler == "equidistant")
    assert (even.value, even.patients, even.seeds) == (26.0, 12, 2)
    assert even.low < 25 < 27 < even.high  # patients differ by far more than the gain
    found = comparisons_of(points)
    assert len(found) == 1
    gain = next(iter(found.values()))
    assert gain.verdict == "better"
    assert 0.42 < gain.difference.low < gain.difference.mean < gain.difference.high < 0.49
    assert gain.difference.mean == pytest.approx(0.455)


def test_tasks_with_a_flux_each_are_one_table() -> None:
    rows = results(lambda patient: 0.4 + 0.01 * patient)
    bright = [replace(row, task="hips", photons=2e5) for row in rows]
    apart = comparisons_of(points_of([*rows, *(replace(row, photons=1e4) for row in rows)]))
    assert {s.photons for s in apart} == {5e4, 1e4}, "a task at two fluxes has a table for each"
    assert all(c.p_adjusted == c.p for c in apart.values())
    points = points_of([*rows, *bright])
    together = comparisons_of(points)
    assert {s.photons for s in together} == {OWN_FLUX}
    assert all(c.p_adjusted == pytest.approx(2 * c.p) for c in together.values())
    assert headline_of(points, together).photons == {"0": "each task's own flux"}
    assert not chart("dose", points, axis="photons", wanted=lambda _: True).figures


def test_verdicts_know_which_end_is_better() -> None:
    def verdict(gain: Callable[[int], float], metric: str) -> str:
        return verdict_of(metric, next(iter(comparisons_of(points_of(results(gain, metric=metric))).values())))

    assert verdict(lambda _: -0.2, "psnr") == "worse"
    assert verdict(lambda _: -0.2, "rmse") == "better"
    assert verdict(lambda _: -0.2, "bias") == "differs"
    assert verdict(lambda patient: float((-1) ** patient), "psnr") == "undecided"


def test_verdicts_hold_for_the_whole_table() -> None:
    rows = [replace(r, views=v) for v in range(2, 42) for r in results(lambda patient: 1.0 if patient else -1.0)]
    alone = comparisons_of(points_of([r for r in rows if r.views == 2]))
    assert next(iter(alone.values())).verdict == "better"  # 26 of 4096 swaps of signs are as far out
    together = comparisons_of(points_of(rows))
    assert {row.verdict for row in together.values()} == {"undecided"}
    few = comparisons_of(points_of([r for r in rows if r.patient < 8 and r.views < 14]))
    assert summary_of(few)[-1].startswith(
        "With 8 patients and 12 comparisons no difference, however large, can be shown"
    )
    assert summary_of(few)[-1].endswith("the least p-value is 0.094. Take more patients, or compare less.")
    assert summary_of(together) == ["learned, of 40 comparisons: undecided in 40."]
    assert summary_of(alone) == ["learned, of 1 comparisons: better in 1 (part 2 views +0.83)."]


def test_patients_that_only_one_sampler_has_are_not_compared() -> None:
    rows = [r for r in results(lambda _: 0.5) if r.sampler == "learned" or r.patient < 4]
    assert next(iter(comparisons_of(points_of(rows)).values())).difference.patients == 4
    # A seed that one of them lacks counts for neither: the second seed's images are better by 1.
    lame = [r for r in results(lambda _: 0.5) if (r.sampler, r.seed) != ("learned", 1)]
    assert next(iter(comparisons_of(points_of(lame)).values())).difference.mean == pytest.approx(0.5)
    assert not comparisons_of(points_of([r for r in rows if r.sampler == "learned" or r.patient < 1]))


def test_figures_of_the_cohort_keep_their_intervals() -> None:
    rows = [replace(BASE, patient=-1, metric="auc", seed=s, value=0.8 + s / 10, low=0.7, high=0.95) for s in (0, 1)]
    point = next(iter(points_of(rows).values()))
    assert (point.value, point.low, point.high) == pytest.approx((0.85, 0.7, 0.95))
    assert point.patients == 0


def readings(sampler: str, shift: float, *, seed: int, views: int = 8) -> list[Result]:
    """Decisions on twelve patients, half of them ill: the same noise for all samplers, another scale for each seed."""
    rng = np.random.default_rng(seed)
    rows = []
    for patient in range(12):
        ill = patient % 2
        value = (rng.normal() + shift * ill) * 10**seed + 100 * seed
        row = replace(BASE, reader="cho", unit="", sampler=sampler, seed=seed, patient=patient, views=views)
        rows += [replace(row, metric="decision", value=value), replace(row, metric="present", value=float(ill))]
    return [*rows, replace(row, metric="auc", patient=-1, value=0.5, low=0.1, high=0.9)]


def test_areas_are_compared_in_pairs_and_pooled_over_seeds() -> None:
    shifts = {"equidistant": 0.5, "learned": 3.0, "golden": 0.5}
    rows = [row for name, shift in shifts.items() for seed in (0, 1, 2) for row in readings(name, shift, seed=seed)]
    areas = areas_of(rows)
    points, compared = points_of(rows) | area_points(areas), area_comparisons(areas)
    assert {s.metric for s in points} == {"auc", "dprime"}, "decisions are no figures"
    by_name = {s.sampler: p for s, p in points.items() if s.metric == "auc"}
    assert (by_name["learned"].patients, by_name["learned"].seeds) == (36, 3)
    found = {(s.sampler, s.metric): row for s, row in compared.items()}
    assert set(found) == {(name, metric) for name in ("learned", "golden") for metric in ("auc", "dprime")}
    assert found["learned", "auc"].verdict == found["learned", "dprime"].verdict == "better"
    gain = found["learned", "auc"].difference
    assert gain.mean == pytest.approx(by_name["learned"].value - by_name["equidistant"].value)
    assert 0 < gain.low < gain.mean < gain.high
    same = found["golden", "auc"].difference
    assert (same.low, same.mean, same.high, found["golden", "auc"].p) == (0, 0, 0, 1), "the same draws for both"
    entry = headline_of(points, compared).bodies["auc/cho|fbp|50000"].tasks["part"][0][1][1]
    assert (entry.text[0], entry.verdict) == ("+", "better")
    many = [r for v in range(2, 14) for name in shifts for r in readings(name, shifts[name] * 0.7, seed=0, views=v)]
    table = [row for setting, row in area_comparisons(areas_of(many)).items() if setting.metric == "auc"]
    assert min(row.p_adjusted for row in table) == min(1, 24 * min(row.p for row in table)), "Holm over all rows"


def test_figures_of_the_literature_stand_apart(folder: Path) -> None:
    run_of = read_run(folder)
    assert "not run here" not in as_html(run_of)
    texts = {"name": "A <b> method", "metric": "score", "setting": "made up", "citation": "Nobody 2000"}
    entry = "\n".join(["[[literature]]", "value = 1.25", *(f'{name} = "{text}"' for name, text in texts.items())])
    html = as_html(replace(run_of, plan=f"{run_of.plan}\n{entry}\n"))
    section = html.partition('<section id="literature"')[2].partition("</section>")[0]
    assert "Value, not run here" in section
    assert "<td>score</td><td>1.25</td><td>made up</td><td>Nobody 2000</td>" in section
    assert "A &lt;b&gt; method" in section


def test_headline(folder: Path) -> None:
    points = points_of(read_run(folder).results)
    headline = headline_of(points, comparisons_of(points))
    assert headline.first == "psnr/|tv|50000"
    body = headline.bodies[headline.first]
    assert body.samplers == ("equidistant", "golden", "modulated")
    assert list(body.tasks) == ["chest", "shoulder"]
    assert [views for views, _ in body.tasks["chest"]] == [8, 24]
    setting = Setting("chest", "golden", 24, 5e4, "tv", "psnr", "")
    even = Setting("chest", "equidistant", 24, 5e4, "tv", "psnr", "")
    difference = points[setting].value - points[even].value
    assert body.tasks["chest"][1][1][1].text.startswith(f"{difference:+.2f} (")
    assert headline.bodies["auc/disc|tv|50000"].tasks["chest"][0][1][1].verdict == ""


def test_charts_hold_what_was_measured(folder: Path) -> None:
    points = points_of(read_run(folder).results)
    made = chart("quality", points, axis="views", wanted=lambda s: not s.reader)
    assert list(made.metrics) == ["psnr/", "ssim/", "rmse/", "seconds/"]
    assert list(made.at) == ["50000", "5000"]
    panel = made.figures["psnr/|reconstructor/tv|50000"]["shoulder"]
    line = next(trace for trace in panel["traces"] if trace["name"] == "golden")
    point = points[Setting("shoulder", "golden", 24, 5e4, "tv", "psnr", "")]
    assert line["at"] == [8, 24]
    assert line["y"][1] == pytest.approx(point.value, abs=1e-5)
    assert line["plus"][1] == pytest.approx(point.high - point.value, abs=1e-5)
    table = made.tables["psnr/|sampler/golden|5000"]
    assert table.heads == ("task", "views", "fbp", "tv")
    gains = chart("gain", gains_of(comparisons_of(points), points), axis="views", wanted=lambda s: not s.reader)
    drawn = gains.figures["psnr-gain/|reconstructor/fbp|50000"]["chest"]
    assert [trace["name"] for trace in drawn["traces"]] == ["golden", "modulated"]
    assert drawn["y"] == "PSNR gain, dB"
    assert [row[:2] for row in table.rows] == [("chest", "8"), ("chest", "24"), ("shoulder", "8"), ("shoulder", "24")]
    flat = chart("dose", points, axis="photons", wanted=lambda s: s.photons == 5e4)
    assert not flat.figures


def test_wheels(folder: Path) -> None:
    found = wheels_of(read_run(folder))
    assert [(w.panel, w.views, w.sampler) for w in found[:3]] == [
        ("chest", 8, "equidistant"), ("chest", 8, "golden"), ("chest", 8, "modulated"),
    ]  # fmt: skip
    assert all(w.half for w in found)
    assert max(found[2].loads) > 1.2
    assert "all of the same load" in found[0].says
    quarter = draw(Wheel("part", "equidistant", 2, (0.0, 270.0), (1.0, 0.5), half=False))
    assert 'd="M96.0 74.0L136.0 74.0M74.0 96.0L74.0 116.0"' in quarter


def test_images_are_read_back_to_one_hounsfield_unit(tmp_path: Path) -> None:
    hu = np.linspace(-3000, 20000, 96).reshape(8, 12)
    (tmp_path / "a.png").write_bytes(as_png(hu))
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode.startswith("I")
        stored = np.asarray(image).astype(int)
    assert np.abs(stored + INTERCEPT - hu).max() <= 0.5


def test_the_gallery_keeps_to_its_room(folder: Path) -> None:
    found = read_run(folder)
    whole = gallery_of(found)
    assert (len(whole.groups), whole.left_out) == (8, 0)
    assert list(whole.groups[0].images)[:2] == ["fbp|equidistant", "fbp|golden"]
    # The first patient of both tasks comes before anybody's second.
    assert {(g.panel, g.views, g.patient) for g in whole.groups[:2]} == {("chest", 8, 8), ("shoulder", 8, 8)}
    size = len(whole.groups[0].truth) + sum(map(len, whole.groups[0].images.values()))
    few = gallery_of(found, room=2 * size + size // 2)
    assert (len(few.groups), few.left_out) == (2, 6)


def test_text_of_a_run_is_no_markup(folder: Path) -> None:
    html = as_html(read_run(folder))
    assert "got 4096 &lt;all&gt;" in html
    assert "<all>" not in html


def test_what_cannot_be_reported(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataFileError, match=r"run\.json: expected a file of a run's folder"):
        read_run(tmp_path)
    copy = shutil.copytree(folder, tmp_path / "copy")
    broken = next((copy / "results.parquet").glob("*.parquet"))
    broken.write_bytes(b"PAR1")
    assert run(["report", str(copy)]) == 4
    assert "expected Parquet, one file or a folder" in capsys.readouterr().err
    about = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**about, "schema": "svct.run/9"}))
    with pytest.raises(InputError, match=r"expected the schema svct\.run/1, got svct\.run/9"):
        read_run(copy)
    (tmp_path / "report.html").touch()
    assert run(["report", str(folder), "--out", str(tmp_path / "report.html")]) == 7


def test_a_run_of_failures_alone_is_reported(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    shutil.rmtree(copy / "results.parquet")
    for path in (copy / "cells").glob("*.json"):
        if json.loads(path.read_text())["status"] == "done":
            path.unlink()
    html = as_html(read_run(copy))
    assert "1 cell, 1 failed" in html
    assert "No cell has finished." in html
    for path in (copy / "cells").glob("*.json"):
        path.unlink()
    with pytest.raises(InputError, match="expected at least one finished or failed cell"):
        read_run(copy)
