from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from svct.tasks.heads.detector import Detection, Detector, detections_in
from svct.tasks.heads.map_head import true_mask
from svct.tasks.heads.overlap import dice, surface_distance_mm
from svct.tasks.heads.regressor import Regressor, explained, measured
from svct.tasks.heads.segmenter import Segmenter

if TYPE_CHECKING:
    from tests.tasks.heads.conftest import Study


def square(row: int, column: int, size: int) -> NDArray[np.bool_]:
    mask = np.zeros((32, 32), bool)
    mask[row : row + size, column : column + size] = True
    return mask


def test_dice_and_surface_distance_of_known_shapes() -> None:
    assert dice(square(4, 4, 6), square(4, 4, 6)) == 1.0
    assert dice(square(4, 4, 6), square(4, 7, 6)) == pytest.approx(0.5)
    assert dice(square(4, 4, 3), square(20, 20, 3)) == 0.0
    assert dice(square(0, 0, 0), square(0, 0, 0)) == 1.0
    assert surface_distance_mm(square(4, 4, 6), square(4, 4, 6), voxel_mm=1.5) == 0.0
    assert surface_distance_mm(square(4, 4, 1), square(4, 9, 1), voxel_mm=1.5) == pytest.approx(7.5)
    # A square within another, two pixels further in on each side: 12 and 28 edge pixels.
    inner, outer = square(10, 10, 4), square(8, 8, 8)
    corners = np.hypot(1, 1), np.hypot(2, 2)
    out = [np.hypot(max(10 - r, r - 13, 0), max(10 - c, c - 13, 0)) for r, c in np.argwhere(outer) if _edge(r, c)]
    assert surface_distance_mm(inner, outer, voxel_mm=2.0) == pytest.approx(2.0 * (12 * 2 + sum(out)) / 40)
    assert max(out) == pytest.approx(corners[1])
    assert np.isnan(surface_distance_mm(square(0, 0, 0), outer, voxel_mm=1.0))


def _edge(row: int, column: int) -> bool:
    return row in (8, 15) or column in (8, 15)


def test_peaks_become_detections() -> None:
    rows, columns = np.mgrid[:32, :32]
    p = 0.8 * np.exp(-((rows - 8.0) ** 2 + (columns - 20.0) ** 2) / 8)
    p += 0.3 * np.exp(-((rows - 25.0) ** 2 + (columns - 6.0) ** 2) / 4)
    strong, weak = detections_in(p)
    assert strong.centre == pytest.approx((8, 20), abs=0.05)
    assert strong.confidence == pytest.approx(0.8, abs=1e-6)
    assert strong.box == (6, 18, 10, 22)
    assert weak.centre == pytest.approx((25, 6), abs=0.05)
    assert detections_in(np.zeros((16, 16))) == []


def test_the_truth_read_as_a_detection_hits(testing: "Study") -> None:
    perfect, moved = [], []
    for case in testing.cases:
        found = detections_in(case.coverage)
        perfect.append(found)
        moved.append([Detection((-40.0, -40.0), d.box, d.confidence) for d in found])
    scores = Detector().judge(perfect, testing.cases)
    assert scores["cpm"].value == 1.0
    assert scores["distance_mm"].value < 0.2
    assert scores["box_overlap"].value > 0.75
    assert Detector().judge(moved, testing.cases)["cpm"].value == 0.0
    # A second mark on the same lesion counts neither way, a mark in a healthy case counts as false.
    twice = Detector().judge([found * 2 for found in perfect], testing.cases)
    assert twice["cpm"].value == 1.0
    everywhere = [found or [Detection((16.0, 16.0), (15, 15, 17, 17), 2.0)] for found in perfect]
    assert Detector().judge(everywhere, testing.cases)["cpm"].value == pytest.approx(5 / 7)


def test_the_truth_read_as_a_segmentation_and_a_measurement_is_right(testing: "Study") -> None:
    masks = np.stack([true_mask(case) for case in testing.cases]).astype(float)
    scores = Segmenter().judge(masks, testing.cases)
    assert scores["dice"].value == 1.0
    assert scores["surface_distance_mm"].value == 0.0
    assert scores["missed"].value == scores["false_area_mm2"].value == 0.0
    none = Segmenter().judge(0 * masks, testing.cases)
    assert none["dice"].value == 0.0
    assert none["missed"].value == 1.0
    assert np.isnan(none["surface_distance_mm"].value)
    full = Segmenter().judge(np.ones_like(masks), testing.cases)
    assert full["false_area_mm2"].value == 32 * 32 * 2.0**2

    true = measured(testing.cases)
    assert Regressor().judge(true, testing.cases)["diameter_explained"].value == 1.0
    off = Regressor().judge(true + np.array([1.0, 2.0, -3.0]), testing.cases)
    assert off["diameter_bias_mm"].value == pytest.approx(1.0)
    assert off["area_error_mm2"].value == pytest.approx(2.0)
    assert off["attenuation_bias_hu"].value == pytest.approx(-3.0)


def test_explained_variance_agrees_with_scikit_learn() -> None:
    from sklearn.metrics import r2_score

    rng = np.random.default_rng(0)
    true, times = rng.normal(size=30), rng.integers(0, 4, size=(5, 30)).astype(float)
    found = true + 0.5 * rng.normal(size=30)
    ours = explained(found, true, over=np.ones(30, bool))(times)
    assert ours == pytest.approx([r2_score(true, found, sample_weight=t) for t in times])
