import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from svct.errors import InputError, UnknownNameError
from svct.geometry import Grid
from svct.tasks import Cohort
from svct.tasks.cases import _upright
from svct.tasks.findings import Finding, Part, finding_kind, finding_names, insert
from svct.tasks.findings.metal import METALS_PER_MM
from svct.tasks.findings.outline import band, blob, coverage, outline_of
from svct.tasks.phantoms.truth import ORGANS
from svct.units import hu_to_mu, mu_to_hu

# Longest diameter (mm), whether the range is one of contrast, and mean attenuation or contrast (HU) as the sources in
# each module's docstring have them, with room for an uneven edge.
PUBLISHED = {
    ("chest", "solid nodule"): (3.5, 17, False, -20, 80),
    ("chest", "part-solid nodule"): (7, 30, False, -760, -100),
    ("chest", "ground-glass nodule"): (5, 30, False, -800, -350),
    ("chest", "calcified granuloma"): (2.8, 10, False, 200, 1000),
    ("chest", "vessel end-on"): (2.8, 7.6, False, 10, 60),
    ("chest", "consolidation"): (18, 85, False, -150, 60),
    ("chest", "dependent atelectasis"): (12, 75, False, -250, 60),
    ("chest", "emphysema"): (30, 220, False, -1000, -900),
    ("chest", "air trapping"): (30, 220, False, -960, -700),
    ("chest", "bulla"): (8, 56, False, -1000, -980),
    ("chest", "effusion"): (20, 200, False, -60, 45),
    ("chest", "pleural thickening"): (15, 160, False, -200, 75),
    ("chest", "pneumothorax"): (30, 220, False, -1000, -980),
    ("chest", "enhanced vessel"): (8, 130, False, 150, 460),
    ("chest", "embolus"): (3, 40, False, 25, 95),
    ("chest", "contrast mixing"): (3, 40, False, 150, 450),
    ("abdomen", "hypodense liver lesion"): (7, 42, True, -50, -15),
    ("abdomen", "hyperdense liver lesion"): (7, 42, True, 15, 55),
    ("abdomen", "liver cyst"): (4.5, 28, False, 0, 16),
    ("abdomen", "kidney stone"): (1.9, 11.5, False, 195, 1505),
    ("abdomen", "renal artery calcification"): (2.8, 10, False, 195, 705),
    ("abdomen", "metal screw"): (12, 75, False, 11000, 40000),
    ("chest", "metal rod"): (4.9, 6.6, False, 11000, 40000),
    ("shoulder", "metal disc"): (26, 53, False, 11000, 40000),
    ("chest", "bone island"): (3.5, 14, False, 880, 1420),
    ("hips", "osteolysis"): (4, 30, False, 18, 62),
    ("part", "delamination"): (5.9, 24.1, False, -1000, -1000),
    ("head", "intraparenchymal haemorrhage"): (7, 50, False, 48, 87),
    ("head", "subdural haemorrhage"): (30, 180, False, 40, 100),
    ("head", "epidural haemorrhage"): (20, 90, False, 40, 100),
    ("head", "ischaemia"): (12, 130, True, -14.5, -3.5),
    ("head", "brain calcification"): (2.3, 10, False, 85, 305),
    ("head", "lacune"): (2.7, 14, False, 5, 15),
    ("head", "dural calcification"): (5, 60, False, 80, 420),
    ("head", "skull fracture"): (3, 18, False, -70, 70),
    ("head", "suture"): (3, 18, False, 150, 900),
}


@cache
def upright(anatomy: str, index: int) -> tuple[NDArray[np.int16], Grid, NDArray[np.float64]]:
    """Return labels, grid and CT numbers of a patient on the grid on which findings are placed."""
    labels, grid = _upright(anatomy, 0, index)
    image = Cohort(anatomy, grid, size=index + 1).patient(index, findings=False).image
    return labels, grid, mu_to_hu(image.double()).numpy()


def some(anatomy: str, name: str, *, count: int = 2) -> list[tuple[Finding, int]]:
    kind, found = finding_kind(name), []
    for index in range(12):
        finding = kind.propose(*upright(anatomy, index)[:2], np.random.default_rng([7, index]))
        found += [(finding, index)] if finding is not None else []
        if len(found) == count:
            return found
    raise AssertionError(f"{name}: a place in only {len(found)} of 12 patients")


def test_every_kind_is_tested() -> None:
    assert {name for _, name in PUBLISHED} == set(finding_names())


@pytest.mark.parametrize(("anatomy", "name"), PUBLISHED)
def test_a_finding_is_where_and_what_it_says(anatomy: str, name: str) -> None:
    kind = finding_kind(name, anatomy=anatomy)
    shortest, longest, relative, low, high = PUBLISHED[anatomy, name]
    for finding, index in some(anatomy, name):
        labels, grid, before = upright(anatomy, index)
        put = kind.insert(before, grid, finding)
        step = grid.voxel_mm
        assert finding.type == name
        assert shortest <= finding.size_mm[0] <= longest
        assert finding.size_mm[1] <= finding.size_mm[0] + 1e-6
        measured = put.finding.contrast_hu if relative else put.finding.attenuation_hu
        assert low - 1 <= measured <= high + 1

        share = put.coverage
        inside = np.isin(labels, [ORGANS.index(organ) for organ in kind.organs])
        assert float((share * ndimage.binary_dilation(inside)).sum() / share.sum()) > 0.9
        x = grid.origin_mm[0] + (np.arange(grid.shape[1]) - (grid.shape[1] - 1) / 2) * step
        y = grid.origin_mm[1] - (np.arange(grid.shape[0]) - (grid.shape[0] - 1) / 2) * step
        centroid = (share.sum(0) @ x / share.sum(), share.sum(1) @ y / share.sum())
        assert centroid == pytest.approx(finding.centre_mm, abs=0.6)
        x0, y0, x1, y1 = finding.box_mm
        half = share > 0.5
        if half.any():
            columns, rows = x[half.any(0)], y[half.any(1)]
            assert x0 - step <= columns.min() <= columns.max() <= x1 + step
            assert y0 - step <= rows.min() <= rows.max() <= y1 + step
        middle = (x[(labels > 0).any(0)].min() + x[(labels > 0).any(0)].max()) / 2
        assert finding.side == "middle" or (finding.side == "left") == (finding.centre_mm[0] > middle)


@pytest.mark.parametrize(
    "name", ["solid nodule", "calcified granuloma", "vessel end-on", "bulla", "effusion", "ground-glass nodule"]
)
def test_the_inside_measures_what_was_asked_for(name: str) -> None:
    for finding, index in some("chest", name, count=2):
        _, grid, before = upright("chest", index)
        put = insert(before, grid, finding)
        full = put.coverage > 0.99
        part = next(p for p in finding.parts if p.role == "sign")
        if not full.any():
            continue
        wanted = part.opacity * part.hu + (1 - part.opacity) * before[full].mean()
        assert put.hu[full].mean() == pytest.approx(wanted, abs=2 + 0.6 * part.opacity * part.ripple_hu)


def test_coverage_is_the_area_of_each_pixel() -> None:
    grid = Grid((40, 40), voxel_mm=1.3, origin_mm=(3.0, -2.0))
    turn = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    circle = outline_of(np.stack([4.1 + 7 * np.cos(turn), -3.3 + 7 * np.sin(turn)], 1))
    hole = outline_of(np.stack([4.1 + 3 * np.cos(turn), -3.3 + 3 * np.sin(turn)], 1))
    for outlines, area in (([circle], 49 * np.pi), ([circle, hole], 40 * np.pi)):
        for soft in (0.0, 0.8):
            window, share = coverage(outlines, grid, soft_mm=soft)
            assert share.min() >= 0
            assert share.max() <= 1 + 1e-6
            assert share.sum() * 1.3**2 == pytest.approx(area, rel=0.01)
    edge = outline_of(np.array([[-50.0, -50.0], [3.25, -50.0], [3.25, 50.0], [-50.0, 50.0]]))
    window, share = coverage([edge], grid)
    column = 20 - window[1].start
    assert share[20, column - 1 : column + 2] == pytest.approx([1, 0.25 / 1.3, 0], abs=0.11)


def test_a_coarse_image_is_the_mean_of_a_fine_one() -> None:
    rng = np.random.default_rng(3)
    part = Part((outline_of(blob(rng, (1.0, 2.0), (7.0, 5.0), roughness=0.1)),), 40.0, soft_mm=0.5)
    finding = Finding("spot", "lung", "left", (part,), 40.0, 900.0, "solid", "mild", "possible")
    fine, coarse = Grid((96, 96), voxel_mm=0.5), Grid((16, 16), voxel_mm=3.0)
    small = insert(np.full((96, 96), -860.0), fine, finding)
    large = insert(np.full((16, 16), -860.0), coarse, finding)
    assert large.hu == pytest.approx(small.hu.reshape(16, 6, 16, 6).mean((1, 3)), abs=20)
    assert large.finding.contrast_hu == pytest.approx(900, abs=0.01)
    assert large.finding.attenuation_hu == pytest.approx(40, abs=0.01)


def test_untouched_pixels_keep_their_bits_and_a_sham_touches_none() -> None:
    for name in ("solid nodule", "effusion", "pneumothorax"):
        ((finding, index),) = some("chest", name, count=1)
        _, grid, before = upright("chest", index)
        put = insert(before, grid, finding)
        far = ndimage.binary_dilation(put.coverage > 0, iterations=8)
        assert np.array_equal(put.hu[~far], before[~far])
        assert not np.array_equal(put.hu, before)
        sham = insert(before, grid, finding, strength=0.0)
        assert np.array_equal(sham.hu, before)
        assert np.array_equal(sham.coverage, put.coverage)
        assert sham.finding.contrast_hu == 0


def test_contrast_medium_is_there_without_the_clot() -> None:
    ((finding, index),) = some("chest", "embolus", count=1)
    _, grid, before = upright("chest", index)
    with_clot, without = (insert(before, grid, finding, strength=s) for s in (1.0, 0.0))
    clot = with_clot.coverage > 0.95
    assert without.hu[clot].mean() > 230
    assert with_clot.hu[clot].mean() < 100
    assert np.array_equal(with_clot.hu[with_clot.coverage == 0], without.hu[with_clot.coverage == 0])


def test_a_turn_turns_everything() -> None:
    ((finding, _),) = some("head", "intraparenchymal haemorrhage", count=1)
    grid = Grid((200, 200), voxel_mm=1.0)
    image = np.full((200, 200), 30.0)
    upright_one, turned = insert(image, grid, finding), insert(image, grid, finding.turned(90.0))
    assert turned.hu == pytest.approx(np.rot90(upright_one.hu), abs=0.5)
    assert turned.coverage == pytest.approx(np.rot90(upright_one.coverage), abs=0.05)
    odd = finding.turned(33.0, about=(5.0, -4.0))
    x, y = finding.centre_mm[0] - 5, finding.centre_mm[1] + 4
    c, s = math.cos(math.radians(33)), math.sin(math.radians(33))
    assert odd.centre_mm == pytest.approx((5 + c * x - s * y, -4 + s * x + c * y), abs=0.01)
    assert odd.size_mm == pytest.approx(finding.size_mm, abs=0.1)
    assert odd.turned(-33.0, about=(5.0, -4.0)).outlines[0] == pytest.approx(np.array(finding.outlines[0]), abs=0.01)


def test_metal_is_far_above_bone() -> None:
    seen = set()
    for index in range(5):
        labels, grid, before = upright("abdomen", index)
        finding = finding_kind("metal screw").propose(labels, grid, np.random.default_rng(index))
        assert finding is not None
        seen.add(finding.texture)
        full = insert(before, grid, finding)
        inside = full.coverage > 0.999
        assert hu_to_mu(full.hu[inside]) == pytest.approx(METALS_PER_MM[finding.texture], rel=1e-6)
        assert float(hu_to_mu(before).max()) < 0.2 * METALS_PER_MM[finding.texture]
        assert not (inside & (labels == ORGANS.index("cord"))).any()
    assert seen == set(METALS_PER_MM)


def test_json_round_trip_and_edits() -> None:
    ((finding, _),) = some("chest", "part-solid nodule", count=1)
    values = finding.to_dict()
    assert Finding.from_dict(values) == finding
    with pytest.raises(
        InputError, match=r"centre_mm: expected .* which the outlines give, got .*; the file was edited"
    ):
        Finding.from_dict({**values, "centre_mm": [0.0, 0.0]})
    with pytest.raises(InputError, match=r"expected the fields of svct\.case/1"):
        Finding.from_dict({**values, "colour": "red"})


def test_bad_input_is_named() -> None:
    with pytest.raises(
        UnknownNameError, match=r"unknown finding in the head 'solid nodule': expected one of .*ischaemia"
    ):
        finding_kind("solid nodule", anatomy="head")
    with pytest.raises(UnknownNameError, match=r"unknown finding 'solid nodle': .* Did you mean 'solid nodule'"):
        finding_kind("solid nodle")
    outline = outline_of(band(np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]), 1.0))
    part = Part((outline,), 40.0)
    with pytest.raises(InputError, match="3 points or more"):
        Part((outline[:2],), 40.0)
    with pytest.raises(InputError, match="0 < opacity <= 1"):
        replace(part, opacity=0.0)
    with pytest.raises(InputError, match="expected finite numbers"):
        replace(part, hu=math.nan)
    finding = Finding("spot", "lung", "left", (part,), 40.0, 900.0, "solid", "mild", "possible")
    with pytest.raises(InputError, match="expected at least one part with role 'sign'"):
        replace(finding, parts=(replace(part, role="beside"),))
    with pytest.raises(InputError, match="side: expected right, left, middle, got 'up'"):
        replace(finding, side="up")
    with pytest.raises(InputError, match="outside of it"):
        insert(np.zeros((8, 8)), Grid((8, 8), voxel_mm=1.0, origin_mm=(90.0, 0.0)), finding)
    with pytest.raises(InputError, match=r"the 2D grid's shape \(8, 8\), got \(8, 9\)"):
        insert(np.zeros((8, 9)), Grid((8, 8)), finding)
