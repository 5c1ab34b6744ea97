import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import ncx2

from svct.bench.image_quality import Disc, edge_transfer
from svct.errors import InputError
from svct.geometry import Grid


def blurred_disc(grid: Grid, disc: Disc, sigma_mm: float, contrast: float) -> NDArray[np.float64]:
    """A disc under a Gaussian blur, exactly: the chance that a point drawn around a pixel lies in the disc."""
    r = disc.distance_mm(grid)
    image: NDArray[np.float64] = contrast * ncx2.cdf((disc.radius_mm / sigma_mm) ** 2, 2, (r / sigma_mm) ** 2)
    return image


@pytest.mark.parametrize(("sigma_mm", "contrast"), [(0.6, 100.0), (1.0, -30.0), (1.5, 900.0)])
def test_a_gaussian_blur_is_found(sigma_mm: float, contrast: float) -> None:
    grid = Grid(shape=(128, 112), voxel_mm=0.8)
    disc = Disc((3.1, -2.3), 18.0)
    found = edge_transfer(40 + blurred_disc(grid, disc, sigma_mm, contrast), grid, disc)
    expected = np.exp(-2 * (np.pi * sigma_mm * found.frequencies) ** 2)
    assert np.abs(found.values - expected).max() < 0.03
    strong = expected > 0.1
    assert found.values[strong] == pytest.approx(expected[strong], rel=0.03)
    assert found.contrast_hu == pytest.approx(contrast, rel=0.01)
    half = np.sqrt(np.log(2) / 2) / np.pi / sigma_mm
    if half < found.frequencies[-1]:
        assert found.frequency_at(0.5) == pytest.approx(half, rel=0.03)
    assert np.isnan(found.frequency_at(-1.0))


def test_noise_leaves_the_low_frequencies() -> None:
    grid = Grid(shape=(128, 128), voxel_mm=0.8)
    disc = Disc((0.0, 0.0), 20.0)
    image = blurred_disc(grid, disc, 1.2, 100.0) + np.random.default_rng(0).normal(0, 3, grid.shape)
    found = edge_transfer(image, grid, disc)
    assert found.frequency_at(0.5) == pytest.approx(np.sqrt(np.log(2) / 2) / np.pi / 1.2, rel=0.06)


def test_what_cannot_be_measured_is_named() -> None:
    grid = Grid(shape=(64, 64))
    with pytest.raises(InputError, match="expected a disc with contrast"):
        edge_transfer(np.zeros((64, 64)), grid, Disc((0.0, 0.0), 12.0))
    with pytest.raises(InputError, match="inside the grid"):
        edge_transfer(np.zeros((64, 64)), grid, Disc((20.0, 0.0), 12.0))
    with pytest.raises(InputError, match="got gaps"):
        edge_transfer(np.zeros((64, 64)), grid, Disc((0.0, 0.0), 0.4))
    with pytest.raises(InputError, match="a reach of at most the radius"):
        edge_transfer(np.zeros((64, 64)), grid, Disc((0.0, 0.0), 9.0), reach_mm=10.0)
