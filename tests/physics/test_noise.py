"""Noise of images: how it falls with the load, and its spectrum."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from svct.geometry import Grid, ParallelBeam, Projector
from svct.physics.integrating import EnergyIntegrating
from svct.physics.logarithm import log_data
from svct.recon import fbp

VIEWS, BINS, SIZE = 180, 96, 64
A = Projector(ParallelBeam([k * math.pi / VIEWS for k in range(VIEWS)], bins=BINS, bin_mm=1.0), Grid((SIZE, SIZE), 1.0))
ENERGIES = torch.tensor([50.0, 80.0])


def noise_of(detector: EnergyIntegrating, photons: float, *, images: int = 12, seed: int = 0) -> Tensor:
    """Reconstructed noise without its mean behind an even 3.0 of attenuation, ``(image, y, x)``."""
    air = torch.full((2, images, VIEWS, BINS), photons / 2)
    reading = detector.signal(air * math.exp(-3.0), ENERGIES, torch.Generator().manual_seed(seed))
    image: Tensor = fbp(log_data(reading, detector.mean(air, ENERGIES)), A)
    image -= image.mean(dim=0)
    return image


def spread_of(detector: EnergyIntegrating, photons: float) -> float:
    return float(noise_of(detector, photons)[:, 16:48, 16:48].std())


def test_image_noise_falls_with_the_root_of_the_load_over_a_factor_of_64() -> None:
    quiet = EnergyIntegrating(electrons_per_kev=17.0, swank=0.9)
    spreads = [spread_of(quiet, 2e4 * load) for load in (1, 4, 16, 64)]
    assert [spreads[0] / s for s in spreads] == pytest.approx([1, 2, 4, 8], rel=0.03)


def test_image_noise_departs_from_the_root_where_electronics_matter() -> None:
    loud = EnergyIntegrating(electrons_per_kev=17.0, electronic_noise=30_000.0)
    low, high = (spread_of(loud, photons) for photons in (2e4, 64 * 2e4))
    assert low / high > 9.5  # on the way from 8 to 64, the law of electronic noise alone
    absorbed, pulses = 2e4 / 2 * math.exp(-3.0), 17.0 * ENERGIES.double()
    variances = [
        (float((load * absorbed * pulses**2).sum()) + 3e4**2) / float((load * absorbed * pulses).sum()) ** 2
        for load in (1, 64)
    ]
    assert low / high == pytest.approx(math.sqrt(variances[0] / variances[1]), rel=0.05)


def test_the_noise_power_of_fbp_follows_the_ramp() -> None:
    noise = noise_of(EnergyIntegrating(), 1e6, images=60)[:, 8:56, 8:56].double().numpy()
    power = (np.abs(np.fft.fft2(noise)) ** 2).mean(axis=0)
    frequency = np.hypot(np.fft.fftfreq(48)[:, None], np.fft.fftfreq(48))
    rings = [(low, low + 0.05) for low in (0.05, 0.1, 0.15)]
    radial = np.array([power[(frequency >= low) & (frequency < high)].mean() for low, high in rings])
    middle = np.array([frequency[(frequency >= low) & (frequency < high)].mean() for low, high in rings])
    # interpolation in the back projection takes off (sinc f)^4
    expected = middle * np.sinc(middle) ** 4
    assert radial / radial[0] == pytest.approx(expected / expected[0], rel=0.12)
    assert power[0, 0] < 0.2 * radial[-1]
