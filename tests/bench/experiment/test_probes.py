import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from svct.bench.experiment.probes import CONTRAST_HU, PROBES, disc_of
from svct.bench.image_quality.phantom import QualityPhantom
from svct.geometry import Grid, ParallelBeam, Projector
from svct.units import MU_WATER

GRID = Grid(shape=(128, 128), voxel_mm=2.0)
HU = MU_WATER / 1000


def test_noise_is_that_of_tissue_alone() -> None:
    draw = torch.Generator().manual_seed(0)
    truth = torch.full(GRID.shape, MU_WATER)
    truth[40:60, 40:70] = 10 * MU_WATER  # metal, noisier by far
    x, second = (truth + 20 * HU * torch.randn(GRID.shape, generator=draw) * (truth / MU_WATER) for _ in range(2))
    (name, noise, unit), (_, frequency, _) = PROBES["nps"].figures(x, second, truth, GRID)
    assert (name, unit) == ("noise", "HU")
    assert noise == pytest.approx(20, rel=0.05)
    # White noise: the mean distance from the middle of a square of half the sampling rate, 0.3826 of its edge.
    assert frequency == pytest.approx(0.3826 / GRID.voxel_mm, rel=0.02)


@pytest.mark.parametrize("blur_mm", [2.5, 3.5])
def test_sharpness_is_that_of_what_the_disc_changes(blur_mm: float) -> None:
    # Up to a fifth of the radius: beyond, the rim is no straight edge any more.
    anatomy = torch.rand(GRID.shape, generator=torch.Generator().manual_seed(1)) * MU_WATER
    phantoms = [QualityPhantom.that_fits(GRID, contrast).image(GRID) for contrast in (CONTRAST_HU, 1e-9)]
    change = gaussian_filter((phantoms[0] - phantoms[1]).numpy(), blur_mm / GRID.voxel_mm)
    figures = PROBES["ttf"].figures(anatomy, anatomy + torch.from_numpy(change), anatomy, GRID)
    found = {name: value for name, value, _ in figures}
    for name, level in (("ttf50", 0.5), ("ttf10", 0.1)):
        assert found[name] == pytest.approx(np.sqrt(-np.log(level) / 2) / (np.pi * blur_mm), rel=0.06), name


def test_a_transfer_that_never_falls_is_given_half_the_sampling_rate() -> None:
    disc = torch.from_numpy(disc_of(GRID).mask(GRID).astype(np.float32)) * CONTRAST_HU * HU
    found = {name: value for name, value, _ in PROBES["ttf"].figures(0 * disc, disc, disc, GRID)}
    assert found["ttf10"] == 0.5 / GRID.voxel_mm


def test_the_disc_is_added_to_the_data_as_they_are() -> None:
    A = Projector(ParallelBeam(np.arange(7) * np.pi / 7, bins=128, bin_mm=2.0), GRID)
    y = torch.rand((2, *A.range_shape), generator=torch.Generator().manual_seed(2))
    added = PROBES["ttf"].data(y, lambda: y, A) - y
    with_it, without = (QualityPhantom.that_fits(GRID, c).projections(A.scan) for c in (CONTRAST_HU, 1e-9))
    assert torch.allclose(added, (with_it - without).expand(2, -1, -1), atol=1e-5)
    assert float(added.max()) == pytest.approx(2 * disc_of(GRID).radius_mm * CONTRAST_HU * HU, rel=0.02)
