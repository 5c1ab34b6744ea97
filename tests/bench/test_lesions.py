import numpy as np
import pytest
import torch

from svct.bench.lesions import SIDE, cross_read, detectability, detectability_gain, fit_observer, put_lesions
from svct.errors import InputError
from svct.units import MU_WATER


def test_lesions_lie_apart_in_soft_tissue_with_their_contrast() -> None:
    images = torch.zeros(3, 64, 64)
    images[:, 8:56, 8:56] = MU_WATER
    lesions = put_lesions(images, count=4, pixels=5.0, contrast_hu=100.0, seed=1)
    change = (lesions.present - images) / MU_WATER * 1000
    assert float(change.max()) == pytest.approx(100, rel=1e-4)
    assert float(change.sum()) == pytest.approx(3 * 4 * 100 * np.pi * 2.5**2, rel=0.05)
    for found in lesions.places:
        gaps = np.linalg.norm(found[:, None] - found, axis=2) + 1e9 * np.eye(4)
        assert gaps.min() > SIDE
        assert found.min() >= 8
        assert found.max() < 56
    with pytest.raises(InputError, match="expected room for 40 in soft tissue, patient 0 has it for"):
        put_lesions(images, count=40)


def test_the_observer_finds_more_where_there_is_less_noise() -> None:
    images = torch.zeros(12, 64, 64)
    images[:, 4:60, 4:60] = MU_WATER
    lesions = put_lesions(images, count=4, contrast_hu=60.0)
    generator = torch.Generator().manual_seed(0)
    decisions = []
    for spread in (0.05, 0.1):
        noisy = [x + MU_WATER * spread * torch.randn(x.shape, generator=generator) for x in (lesions.present, images)]
        decisions.append(cross_read(lesions, *noisy))
        observer = fit_observer(lesions, *noisy)
        assert lesions.decisions(observer, *noisy).shape == (2, 12, 4)
    gain, low, high = detectability_gain(*decisions)
    # white noise: d' of the matched filter, contrast x root of the area over the spread
    ideal = 0.06 * np.sqrt(np.pi) * 2.5 / 0.05
    assert detectability(decisions[0]) == pytest.approx(ideal, rel=0.3)
    assert 0 < low < gain < high
    assert detectability_gain(decisions[0], decisions[0]) == (0.0, 0.0, 0.0)
