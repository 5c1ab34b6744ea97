import numpy as np
import pytest
import torch
from scipy import ndimage

from svct.bench.image_quality import noise_power
from svct.errors import InputError
from svct.geometry import Grid, ParallelBeam, Projector
from svct.recon import fbp
from svct.units import MU_WATER


@pytest.mark.parametrize("shape", [(16, 16), (15, 16), (9, 21)])
def test_the_integral_is_the_variance(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    object_hu = rng.normal(0, 500, shape)
    regions = object_hu + rng.normal(0, 10, (7, *shape))
    found = noise_power(regions, voxel_mm=0.7)
    assert found.variance == pytest.approx(regions.var(axis=0, ddof=1).mean(), rel=1e-12)


def test_white_noise_is_flat_and_blur_shapes_it() -> None:
    noise = np.random.default_rng(1).normal(0, 20, (200, 32, 32))
    f, flat = noise_power(noise, voxel_mm=0.5).radial()
    assert flat == pytest.approx(np.full(len(f), 20**2 * 0.5**2), rel=0.06)
    assert f[-1] == pytest.approx(1.0, abs=0.02)
    blurred = np.stack([ndimage.gaussian_filter(region, 1.2, mode="wrap") for region in noise])
    f, shaped = noise_power(blurred, voxel_mm=0.5).radial()
    expected = 20**2 * 0.5**2 * np.exp(-4 * np.pi**2 * f**2 * 0.6**2)
    low = f < 0.6
    assert shaped[low] == pytest.approx(expected[low], rel=0.1)


def test_the_noise_of_fbp_follows_the_ramp() -> None:
    """NPS(f) = pi / views s^2 d f sinc(f d)^4 in 1/mm^2 mm^2, s the noise of a ray and d the pitch of the bins."""
    views, bins, pitch, ray = 360, 128, 2.0, 0.05
    A = Projector(
        ParallelBeam(np.arange(views) * np.pi / views, bins=bins, bin_mm=pitch), Grid(shape=(96, 96), voxel_mm=pitch)
    )
    noise = ray * torch.randn(48, views, bins, generator=torch.Generator().manual_seed(0))
    images = fbp(noise, A)[:, 16:80, 16:80].numpy() * (1000 / MU_WATER)
    f, found = noise_power(images, voxel_mm=pitch).radial()
    expected = np.pi / views * ray**2 * pitch * f * np.sinc(f * pitch) ** 4 * (1000 / MU_WATER) ** 2
    middle = (f > 0.045) & (f < 0.6 * 0.5 / pitch)
    assert middle.sum() > 10
    assert found[middle] == pytest.approx(expected[middle], rel=0.1)
    slope = np.polyfit(f[middle], found[middle] / np.sinc(f[middle] * pitch) ** 4, 1)
    assert abs(slope[1]) < 0.03 * slope[0] * f[middle].max()


def test_bad_regions_are_named() -> None:
    with pytest.raises(InputError, match=r"two or more finite regions \(repeat, ny, nx\)"):
        noise_power(np.zeros((1, 8, 8)), voxel_mm=1.0)
