import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from svct.tasks.heads.froc import RATES, Mark, sensitivity_at_rate
from svct.tasks.heads.overlap import dice, surface_distance_mm

metrics = pytest.importorskip("monai.metrics")


def square(row: int, column: int, size: int) -> NDArray[np.bool_]:
    mask = np.zeros((32, 32), bool)
    mask[row : row + size, column : column + size] = True
    return mask


def test_froc_agrees_with_monai() -> None:
    rng = np.random.default_rng(0)
    marks = [Mark(int(rng.integers(20)), float(rng.random()), bool(hit)) for hit in np.arange(60) % 3 == 0]
    lesions = np.full(20, 2.0)
    false, true = (np.array([m.confidence for m in marks if m.hit == hit]) for hit in (False, True))
    rates, parts = metrics.compute_froc_curve_data(false, true, 40, 20)
    for rate in RATES:
        assert sensitivity_at_rate(marks, lesions, rate=rate)(np.ones((1, 20)))[0] == pytest.approx(
            parts[rates <= rate].max()
        )


@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")  # MONAI of itself
def test_dice_and_surface_distance_agree_with_monai() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        rows, columns = rng.integers(0, 20, size=(2, 4))
        first, second = (square(r, c, 9) | square(r2, c2, 6) for r, c, r2, c2 in (rows, columns))
        pair = [torch.from_numpy(mask)[None, None] for mask in (first, second)]
        assert dice(first, second) == pytest.approx(float(metrics.compute_dice(pair[0], pair[1])), abs=1e-6)
        theirs = metrics.compute_average_surface_distance(
            pair[0], pair[1], include_background=True, symmetric=True, spacing=1.7
        )
        assert surface_distance_mm(first, second, voxel_mm=1.7) == pytest.approx(float(theirs), rel=1e-5)
