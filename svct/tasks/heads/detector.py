"""The head that says where lesions are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from svct.errors import InputError
from svct.geometry.grid import Grid
from svct.tasks.case import Case
from svct.tasks.heads.base import check_pairs
from svct.tasks.heads.froc import RATES, Mark, cpm, sensitivity_at_rate
from svct.tasks.heads.map_head import MapHead, map_loss, true_masks
from svct.tasks.heads.scores import Statistic, mean_of

FAINTEST = 0.003
"""Lowest peak of the map that is a detection."""
MOST = 20
"""Most detections in an image."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Detection:
    """A lesion found in an image.

    Args:
        centre: Row and column of its centroid, pixels from the middle of the first.
        box: First row, first column, last row and last column, inclusive.
        confidence: The peak of the map in it, 0 to 1.
    """

    centre: tuple[float, float]
    box: tuple[int, int, int, int]
    confidence: float


class Detector(MapHead[list[list[Detection]]]):
    """Where lesions are, each with a box and a confidence.

    Args:
        width: See `MapHead`; likewise `steps`, `learning_rate` and `weight_decay`.

    Notes:
        A detection is a peak of the map and the pixels around it above half its height. It hits a finding if its centre
        lies in the finding's box, enlarged by one pixel; further hits on the same finding count neither way (as in
        LUNA16: Setio et al. 2017, Med. Image Anal. 42:1). Benign lookalikes are false positives.
    """

    name = "detector"
    main = "cpm"

    def loss(self, images: Float[Tensor, "n *channel y x"], cases: Sequence[Case]) -> Float[Tensor, ""]:
        """Return one less the map's soft Dice; see `DifferentiableHead.loss`."""
        check_pairs(images, cases)
        return map_loss(self.logits(images), true_masks(cases))

    def predict(self, images: Float[Tensor, "n *channel y x"]) -> list[list[Detection]]:
        """Return the detections in each image, the surest first; see `Head.predict`."""
        with torch.inference_mode():
            maps = self.logits(images).double().sigmoid().numpy()
        return [detections_in(p) for p in maps]

    def statistics(self, predictions: list[list[Detection]], cases: Sequence[Case]) -> dict[str, Statistic]:
        """Return CPM, the sensitivity at each of `RATES`, and overlap and distance of what is hit."""
        if len(predictions) != len(cases):
            raise InputError(f"predictions: expected one list for each of {len(cases)} cases, got {len(predictions)}")
        marks, overlap, apart = [], np.full(len(cases), np.nan), np.full(len(cases), np.nan)
        for index, (found, case) in enumerate(zip(predictions, cases, strict=True)):
            grid, true = case.record.grid, [finding.box_mm for finding in case.findings]
            hits: set[int] = set()
            for detection in sorted(found, key=lambda d: -d.confidence):
                hit = _hit(detection, true, grid)
                if hit is None or hit not in hits:
                    marks.append(Mark(index, detection.confidence, hit is not None))
                if hit is not None and not hits:
                    overlap[index] = _overlap(_box_mm(detection, grid), true[hit])
                    apart[index] = np.hypot(*np.subtract(_centre_mm(detection, grid), case.findings[hit].centre_mm))
                hits |= {hit} if hit is not None else set()
        lesions = np.array([len(case.findings) for case in cases], np.float64)
        return {
            "cpm": cpm(marks, lesions),
            **{f"sensitivity_at_{rate:g}": sensitivity_at_rate(marks, lesions, rate=rate) for rate in RATES},
            "box_overlap": mean_of(overlap),
            "distance_mm": mean_of(apart),
        }


def detections_in(p: NDArray[np.float64]) -> list[Detection]:
    """Return the peaks of a map ``(ny, nx)``, highest first, each with what surrounds it above half its height."""
    from scipy import ndimage
    from skimage.feature import peak_local_max

    peaks = peak_local_max(  # type: ignore[no-untyped-call]
        p, min_distance=1, threshold_abs=FAINTEST, exclude_border=False, num_peaks=3 * MOST
    )
    taken = np.zeros(p.shape, bool)
    found: list[Detection] = []
    for row, column in peaks:
        if taken[row, column] or len(found) == MOST:
            continue
        labels, _ = ndimage.label(p >= p[row, column] / 2)
        region = labels == labels[row, column]
        taken |= region
        rows, columns = np.nonzero(region)
        weights = p[region] / p[region].sum()
        centre = (float(rows @ weights), float(columns @ weights))
        box = (int(rows.min()), int(columns.min()), int(rows.max()), int(columns.max()))
        found.append(Detection(centre, box, float(p[row, column])))
    return found


def _centre_mm(detection: Detection, grid: Grid) -> tuple[float, float]:
    return _world(*detection.centre, grid)


def _world(row: float, column: float, grid: Grid) -> tuple[float, float]:
    """Return x and y of a place in pixels, y pointing up."""
    x = grid.origin_mm[0] + (column - (grid.shape[1] - 1) / 2) * grid.voxel_mm
    y = grid.origin_mm[1] - (row - (grid.shape[0] - 1) / 2) * grid.voxel_mm
    return x, y


def _box_mm(detection: Detection, grid: Grid) -> Box:
    first_row, first_column, last_row, last_column = detection.box
    x0, y1 = _world(first_row - 0.5, first_column - 0.5, grid)
    x1, y0 = _world(last_row + 0.5, last_column + 0.5, grid)
    return x0, y0, x1, y1


def _hit(detection: Detection, boxes: Sequence[Box], grid: Grid) -> int | None:
    """Return the finding that a detection's centre lies in, the first of several."""
    x, y = _centre_mm(detection, grid)
    room = grid.voxel_mm
    inside = [x0 - room <= x <= x1 + room and y0 - room <= y <= y1 + room for x0, y0, x1, y1 in boxes]
    return inside.index(True) if any(inside) else None


def _overlap(a: Box, b: Box) -> float:
    """Return the area that two boxes share over the area that they cover together."""
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(wide, 0.0) * max(high, 0.0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)
