import numpy as np
import pytest
import torch

import svct
from svct.errors import InputError
from svct.metrics import RANGE
from svct.units import MU_WATER


def test_range_is_fixed_and_stated() -> None:
    assert pytest.approx(2 * MU_WATER) == RANGE
    truth = torch.zeros(20, 20)
    assert svct.psnr(truth + RANGE / 100, truth) == pytest.approx(40)
    assert svct.psnr(truth + RANGE / 100, truth, data_range=RANGE / 10) == pytest.approx(20)
    # The truth's own maximum plays no part.
    assert svct.psnr(3 * RANGE + truth + RANGE / 100, 3 * RANGE + truth) == pytest.approx(40, abs=1e-3)


def test_equal_images() -> None:
    x = np.random.default_rng(0).random((16, 16)).astype(np.float32)
    assert svct.psnr(x, x) == float("inf")
    assert svct.ssim(x, x) == pytest.approx(1.0)


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="same shape, got"):
        svct.psnr(np.zeros((3, 3)), np.zeros((4, 4)))
    with pytest.raises(InputError, match="x: expected finite values, got NaN or infinity"):
        svct.psnr(np.full((3, 3), np.nan), np.zeros((3, 3)))
    with pytest.raises(InputError, match="at least 11 x 11"):
        svct.ssim(np.zeros((3, 30)), np.zeros((3, 30)))
