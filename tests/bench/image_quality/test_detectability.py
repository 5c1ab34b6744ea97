import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import ncx2

from svct.bench.image_quality import Disc, DiscTask, edge_transfer, noise_power, npw_detectability
from svct.bench.image_quality.transfer import Transfer
from svct.errors import InputError
from svct.geometry import Grid
from svct.tasks.observers import NonPrewhitening, assess


def test_white_noise_and_no_blur_give_the_matched_filter() -> None:
    """d'^2 is the energy of the signal over the noise power, C^2 area / (s^2 dx^2)."""
    noise = noise_power(np.random.default_rng(0).normal(0, 10, (400, 64, 64)), voxel_mm=0.5)
    ideal = Transfer(np.linspace(0, 1, 50), np.ones(50), 1.0)
    found = npw_detectability(DiscTask(8.0, 5.0), ideal, noise)
    assert found == pytest.approx(5 * np.sqrt(np.pi * 4**2) / (10 * 0.5), rel=0.03)


def test_it_is_what_the_observer_does_on_images() -> None:
    """Blur and coloured noise that are alike everywhere, where both are valid."""
    rng = np.random.default_rng(1)
    grid = Grid(shape=(64, 64), voxel_mm=0.8)
    task, sigma = DiscTask(7.0, 12.0), 1.1

    def disc(radius_mm: float, contrast: float) -> NDArray[np.float64]:
        r = Disc((0.0, 0.0), radius_mm).distance_mm(grid)
        image: NDArray[np.float64] = contrast * ncx2.cdf((radius_mm / sigma) ** 2, 2, (r / sigma) ** 2)
        return image

    noise = np.stack([ndimage.gaussian_filter(n, 0.9, mode="wrap") for n in rng.normal(0, 60, (600, 64, 64))])
    transfer = edge_transfer(disc(12.0, 100.0), grid, Disc((0.0, 0.0), 12.0))
    predicted = npw_detectability(task, transfer, noise_power(noise[:300], voxel_mm=0.8))
    signal = disc(3.5, 12.0)
    # Fitted without noise, so that the template is the signal itself; then it reads what it has not seen.
    observer = NonPrewhitening(eye=False).fit(
        torch.from_numpy(np.stack([signal] * 2)), torch.zeros(2, 64, 64, dtype=torch.float64)
    )
    read = [observer.decide(torch.from_numpy(n)).tolist() for n in (noise[300:450] + signal, noise[450:])]
    assert 1 < predicted < 6
    assert assess(*read).snr == pytest.approx(predicted, rel=0.12)


def test_small_regions_are_named() -> None:
    noise = noise_power(np.random.default_rng(0).normal(0, 1, (3, 8, 8)), voxel_mm=1.0)
    with pytest.raises(InputError, match="at least twice 5 mm, got 8 mm"):
        npw_detectability(DiscTask(5.0, 1.0), Transfer(np.array([0.0, 1.0]), np.ones(2), 1.0), noise)
