import math
from typing import Any

import numpy as np
import pytest
import torch

from svct.errors import InputError
from svct.physics.chain import Detector
from svct.physics.counting import PhotonCounting

ENERGIES = torch.tensor([30.0, 50.0, 80.0])


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_windows_share_the_photons_between_thresholds() -> None:
    detector = PhotonCounting(thresholds_kev=(25.0, 45.0, 70.0), efficiency=0.5)
    assert isinstance(detector, Detector)
    counts = detector.mean(torch.tensor([10.0, 20.0, 30.0]).reshape(3, 1, 1), ENERGIES)
    assert counts[:, 0, 0].tolist() == [5.0, 10.0, 15.0]


@pytest.mark.parametrize("flux", [5.0, 200.0, 1e4])
def test_variance_without_pile_up_is_that_of_poisson(flux: float) -> None:
    detector = PhotonCounting(thresholds_kev=(20.0, 60.0))
    counts = detector.signal(torch.full((3, 1000, 200), flux), ENERGIES, seeded()).double()
    assert counts.mean(dim=(1, 2)).tolist() == pytest.approx([2 * flux, flux], rel=0.01)
    assert counts.var(dim=(1, 2)).tolist() == pytest.approx([2 * flux, flux], rel=0.03)


@pytest.mark.parametrize("kind", ["paralysable", "non-paralysable"])
@pytest.mark.parametrize("occupied", [0.2, 0.8])
def test_pile_up_follows_a_counter_simulated_photon_by_photon(kind: Any, occupied: float) -> None:
    dead, time, views = 1.0, 400.0, 3000
    rate = occupied / dead
    random = np.random.default_rng(0)
    counted = np.zeros(views)
    for view in range(views):
        arrivals = np.cumsum(random.exponential(1 / rate, size=int(rate * time * 1.5) + 50))
        arrivals = arrivals[arrivals < time]
        if kind == "paralysable":
            counted[view] = 1 + (np.diff(arrivals) > dead).sum()
        else:
            free = -math.inf
            for arrival in arrivals:
                if arrival >= free:
                    counted[view] += 1
                    free = arrival + dead
    detector = PhotonCounting(thresholds_kev=(20.0,), dead_time_ns=1e6 * dead, exposure_ms=time, pile_up=kind)
    expected = torch.full((1, views, 10), rate * time)
    energies = torch.tensor([60.0])
    counts = detector.signal(expected, energies, seeded()).double()
    assert float(detector.mean(expected, energies).mean()) == pytest.approx(counted.mean(), rel=0.01)
    assert float(counts.mean()) == pytest.approx(counted.mean(), rel=0.01)
    assert float(counts.var()) == pytest.approx(counted.var(), rel=0.1)  # 3000 views know it to 2.6 %


def test_charge_sharing_counts_twice_below_half_the_energy_and_loses_above() -> None:
    detector = PhotonCounting(thresholds_kev=(20.0,), cloud_mm=0.02, pixel_mm=0.3)
    per_photon = detector.response(torch.tensor([15.0, 25.0, 40.0, 80.0]))[0].tolist()
    assert per_photon[0] == 0.0
    assert per_photon[1] < 1 < per_photon[3]
    assert per_photon[2] == pytest.approx(1.0, abs=1e-5)


def test_charge_sharing_is_that_of_photons_on_a_strip() -> None:
    # one direction: photons everywhere on a line of pixels, those of one pixel counted where its share is enough
    position = np.linspace(-3, 3, 600_001)  # in pixels
    cloud, energy, threshold = 0.08, 70.0, 20.0
    erf = np.vectorize(math.erf)
    coarse = position[::50]
    share = 0.5 * (erf((coarse + 0.5) / (math.sqrt(2) * cloud)) - erf((coarse - 0.5) / (math.sqrt(2) * cloud)))
    width = (share * energy >= threshold).mean() * 6
    detector = PhotonCounting(thresholds_kev=(threshold,), cloud_mm=cloud, pixel_mm=1.0)
    assert float(detector.response(torch.tensor([energy]))[0, 0]) == pytest.approx(width**2, rel=0.002)


def test_resolution_blurs_the_threshold() -> None:
    detector = PhotonCounting(thresholds_kev=(50.0,), resolution_kev=4.0)
    below, at, above = detector.response(torch.tensor([38.0, 50.0, 62.0]))[0].tolist()
    assert below < 0.01
    assert at == pytest.approx(0.5, abs=0.25)
    assert above > 0.99


def test_mean_is_differentiable_through_pile_up() -> None:
    detector = PhotonCounting(
        thresholds_kev=(25.0, 60.0), dead_time_ns=50.0, exposure_ms=0.3, cloud_mm=0.02, pixel_mm=0.3, pixels_per_bin=4
    )
    expected = torch.full((3, 2, 2), 900.0, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda n: detector.mean(n, ENERGIES.double()), (expected,))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"thresholds_kev": (50.0, 20.0)}, "thresholds_kev: expected ascending"),
        ({"thresholds_kev": (20.0,), "dead_time_ns": 5.0}, "exposure_ms: expected the time of a view"),
        ({"thresholds_kev": (20.0,), "cloud_mm": 0.1}, "pixel_mm: expected the width of a pixel"),
        ({"thresholds_kev": (20.0,), "pixels_per_bin": 0}, "pixels_per_bin: expected 1 or more"),
    ],
)
def test_impossible_counters_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        PhotonCounting(**values)
