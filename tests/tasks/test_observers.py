import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

from svct.errors import InputError
from svct.tasks.observers import (
    ChannelisedHotelling,
    Hotelling,
    LinearObserver,
    NonPrewhitening,
    assess,
    gabor_channels,
    laguerre_gauss_channels,
)

SIZE = 12
ROW, COLUMN = torch.meshgrid(torch.arange(SIZE) - 5.5, torch.arange(SIZE) - 5.5, indexing="ij")
SIGNAL = 1.5 * torch.exp(-(ROW**2 + COLUMN**2) / (2 * 2.0**2)).double()
# Noise that is smooth: white noise through a filter, as a matrix of pixels by pixels.
DISTANCE = (ROW.flatten()[:, None] - ROW.flatten()) ** 2 + (COLUMN.flatten()[:, None] - COLUMN.flatten()) ** 2
SMOOTH = (torch.exp(-DISTANCE / 8) + 0.5 * torch.eye(SIZE**2)).double()
SMOOTH = SMOOTH / SMOOTH.square().sum(dim=1).mean().sqrt()
COVARIANCE = SMOOTH @ SMOOTH.T


def regions(count: int, seed: int, *, coloured: bool) -> torch.Tensor:
    noise = torch.randn(count, SIZE**2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (noise @ SMOOTH.T if coloured else noise).reshape(count, SIZE, SIZE)


def snr(observer: LinearObserver, *, coloured: bool, train: int = 1500) -> float:
    fit = [regions(train, seed, coloured=coloured) for seed in (0, 1)]
    test = [regions(4000, seed, coloured=coloured) for seed in (2, 3)]
    observer.fit(fit[0] + SIGNAL, fit[1])
    return assess(observer.decide(test[0] + SIGNAL).tolist(), observer.decide(test[1]).tolist(), resamples=2).snr


def ideal(*, coloured: bool) -> float:
    s = SIGNAL.flatten()
    return float(torch.sqrt(s @ torch.linalg.solve(COVARIANCE, s) if coloured else s @ s))


@pytest.mark.parametrize("coloured", [False, True])
def test_hotelling_reaches_the_ideal_linear_observer(coloured: bool) -> None:
    found = snr(Hotelling(), coloured=coloured)
    assert 0.9 * ideal(coloured=coloured) < found < 1.05 * ideal(coloured=coloured)


@pytest.mark.parametrize("ramp", [False, True])
def test_hotelling_is_within_two_percent_of_the_closed_form(ramp: bool) -> None:
    # Periodic noise of a spectrum N on 6 by 6 pixels: d'^2 = sum |S|^2 / N over the frequencies (Barrett and Myers
    # 2004, section 13.2.13). N = 1, or rises with the frequency as in filtered back-projection, from a small floor.
    side, count = 6, 1500
    f = torch.fft.fftfreq(side, dtype=torch.float64)
    spectrum = torch.hypot(f[:, None], f) + 0.05 if ramp else torch.ones(side, side, dtype=torch.float64)
    middle = torch.arange(side) - 2.5
    signal = 1.5 * torch.exp(-(middle[:, None] ** 2 + middle**2) / 4).double()
    closed = float((torch.fft.fft2(signal, norm="ortho").abs().square() / spectrum).sum().sqrt())
    generator = torch.Generator().manual_seed(4)
    white = torch.randn(2 * count, side, side, generator=generator, dtype=torch.float64)
    noise = torch.fft.ifft2(torch.fft.fft2(white) * spectrum.sqrt()).real
    observer = Hotelling(shrinkage=0.0).fit(noise[:count] + signal, noise[count:])
    assert observer.template is not None
    w = observer.template
    spread = float((torch.fft.fft2(w, norm="ortho").abs().square() * spectrum).sum().sqrt())
    assert float((w * signal).sum()) / spread == pytest.approx(closed, rel=0.02)


def test_hotelling_is_fit_for_fewer_regions_than_pixels() -> None:
    few = snr(Hotelling(), coloured=True, train=60)
    assert few > 0.5 * ideal(coloured=True)
    assert few > snr(Hotelling(shrinkage=0.0), coloured=True, train=60)


def test_without_prewhitening_only_white_noise_is_seen_ideally() -> None:
    s = SIGNAL.flatten()
    assert snr(NonPrewhitening(eye=False), coloured=False) == pytest.approx(ideal(coloured=False), rel=0.08)
    expected = float((s @ s) / torch.sqrt(s @ COVARIANCE @ s))
    assert snr(NonPrewhitening(eye=False), coloured=True) == pytest.approx(expected, rel=0.08)
    assert expected < 0.95 * ideal(coloured=True)


def test_the_eye_filter_sees_no_offset() -> None:
    observer = NonPrewhitening(voxel_mm=0.7)
    observer.fit(regions(10, 0, coloured=False) * 0 + SIGNAL, regions(10, 1, coloured=False) * 0)
    assert observer.template is not None
    assert abs(float(observer.template.sum())) < 0.2 * float(observer.template.abs().sum())


def test_laguerre_gauss_channels_are_all_that_a_round_signal_needs() -> None:
    channels = laguerre_gauss_channels((SIZE, SIZE), width_mm=6.0, voxel_mm=1.0, count=6)
    found = snr(ChannelisedHotelling(channels), coloured=True)
    assert 0.9 * ideal(coloured=True) < found < 1.05 * ideal(coloured=True)
    noisy = snr(ChannelisedHotelling(channels, internal_noise=1.0), coloured=True)
    assert noisy < 0.85 * found


def test_gabor_channels() -> None:
    channels = gabor_channels((SIZE, SIZE), voxel_mm=0.5)
    assert channels.shape == (40, SIZE, SIZE)
    assert torch.allclose(channels.flatten(1).norm(dim=1), torch.ones(40, dtype=torch.float64))
    assert torch.allclose(channels, gabor_channels((SIZE, SIZE), voxel_mm=2.0))  # frequencies are per pixel
    assert snr(ChannelisedHotelling(channels), coloured=True) > 0.6 * ideal(coloured=True)


def test_figures_of_normal_decisions() -> None:
    rng = np.random.default_rng(0)
    found = assess(rng.normal(1.5, 1, 2500).tolist(), rng.normal(0, 1, 2500).tolist(), resamples=50)
    assert found.auc == pytest.approx(float(norm.cdf(1.5 / math.sqrt(2))), abs=0.01)
    assert found.detectability == pytest.approx(1.5, abs=0.08)
    assert found.snr == pytest.approx(1.5, abs=0.08)
    assert found.sensitivity == pytest.approx(float(norm.cdf(1.5 - norm.ppf(0.9))), abs=0.03)
    assert found.auc_interval[0] < found.auc < found.auc_interval[1]


def test_the_area_is_that_of_scikit_learn_and_of_d_prime() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(3)
    observer = Hotelling().fit(regions(300, 5, coloured=True) + SIGNAL, regions(300, 6, coloured=True))
    absent = observer.decide(regions(300, 7, coloured=True)).numpy()
    present = observer.decide(regions(300, 8, coloured=True) + 0.5 * SIGNAL).numpy()
    for ill, well in ((present, absent), (rng.integers(3, size=40) + 1.0, rng.integers(3, size=50) + 0.0)):
        found = assess(ill.tolist(), well.tolist(), resamples=300)
        truth = [1] * len(ill) + [0] * len(well)
        assert found.auc == pytest.approx(roc_auc_score(truth, [*ill, *well]), abs=1e-12)
        if ill is present:
            assert found.auc_interval[0] <= norm.cdf(found.snr / math.sqrt(2)) <= found.auc_interval[1]


def test_the_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    truth = float(norm.cdf(1 / math.sqrt(2)))
    held = 0
    for trial in range(120):
        found = assess(rng.normal(1, 1, 60).tolist(), rng.normal(0, 1, 60).tolist(), resamples=300, seed=trial)
        held += found.auc_interval[0] <= truth <= found.auc_interval[1]
    assert held / 120 >= 0.88


def test_decisions_of_one_patient_are_drawn_together() -> None:
    rng = np.random.default_rng(2)
    patient = rng.normal(0, 1, (30, 1))
    decisions = [(patient * sign + 0.5 * sign + 0.05 * rng.normal(size=(30, 8))).ravel().tolist() for sign in (1, -1)]
    groups = (np.repeat(np.arange(30), 8).tolist(),) * 2
    widths = [np.ptp(assess(*decisions, groups=g, resamples=300).auc_interval) for g in (None, groups)]
    assert widths[1] > 2 * widths[0]


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="expected one that is fitted"):
        Hotelling().decide(torch.zeros(1, 4, 4))
    with pytest.raises(InputError, match="expected two or more regions"):
        Hotelling().fit(torch.zeros(1, 4, 4), torch.zeros(3, 4, 4))
    with pytest.raises(InputError, match="expected two or more finite decisions"):
        assess([1.0, float("nan")], [0.0, 1.0])
    with pytest.raises(InputError, match="as the channels have"):
        ChannelisedHotelling(gabor_channels((4, 4), voxel_mm=1.0)).fit(torch.zeros(3, 5, 5), torch.zeros(3, 5, 5))
