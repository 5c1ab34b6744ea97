import math

import pytest
import torch

from svct.errors import InputError
from svct.geometry import FanBeam, Grid, Projector
from svct.physics.chain import Scatter
from svct.physics.logarithm import log_data
from svct.physics.scatter import AntiScatterGrid, ForwardScatter
from svct.recon import fbp

ENERGY = torch.tensor([70.0])
WATER = 0.0193


def disc_scan(radius_mm: float) -> tuple[Projector, torch.Tensor]:
    scan = FanBeam(
        torch.arange(90).double().mul(2 * math.pi / 90).tolist(), bins=200, bin_mm=4.0, source_mm=540.0,
        detector_mm=410.0,
    )  # fmt: skip
    grid = Grid(shape=(100, 100), voxel_mm=4.0)
    axis = (torch.arange(100) - 49.5) * 4.0
    disc = ((axis[:, None] ** 2 + axis**2) < radius_mm**2).float() * WATER
    return Projector(scan, grid), disc


def test_scatter_behind_35_cm_of_water_is_that_of_the_published_model() -> None:
    A, disc = disc_scan(175.0)
    air = torch.full((1, *A.range_shape), 1e6)
    photons = air * torch.exp(-A(disc))
    model = ForwardScatter(bin_mm=4.0)
    assert isinstance(model, Scatter)
    ratio = (model.scattered(photons, air, ENERGY) / photons)[0, :, 99].mean()
    assert 0.12 < float(ratio) < 0.22


def test_scatter_darkens_water_and_its_subtraction_restores_it() -> None:
    A, disc = disc_scan(150.0)
    air = torch.full((1, *A.range_shape), 1e6)
    photons = air * torch.exp(-A(disc))
    scatter = ForwardScatter(bin_mm=4.0).scattered(photons, air, ENERGY)
    raw = fbp(log_data((photons + scatter)[0], air[0]), A)
    corrected = fbp(log_data((photons + scatter)[0], air[0], scatter=scatter[0]), A)
    plain = fbp(A(disc), A)
    lost = (plain - raw) / WATER
    # scatter to primary of 0.025 mu l takes off nearly that part of every line integral
    assert float(lost[40:60, 40:60].mean()) == pytest.approx(0.025, abs=0.005)
    assert float((corrected - plain).abs().max()) < 1e-4 * WATER + 1e-5


def test_a_grid_takes_scatter_relative_to_what_it_leaves_of_the_primary() -> None:
    air = torch.full((2, 3, 50), 1e4)
    photons = air * 0.1
    energies = torch.tensor([50.0, 70.0])
    bare = ForwardScatter(bin_mm=2.0).scattered(photons, air, energies)
    behind = ForwardScatter(bin_mm=2.0, grid=AntiScatterGrid(primary=0.8, scatter=0.2)).scattered(
        photons, air, energies
    )
    assert torch.allclose(behind, 0.25 * bare)


def test_rows_scatter_into_each_other_and_energies_keep_the_mean_spectrum() -> None:
    air = torch.ones(2, 21, 1, 41) * torch.tensor([300.0, 100.0])[:, None, None, None]
    photons = air.clone()
    photons[:, 10, 0, 20] *= 0.1
    scatter = ForwardScatter(bin_mm=1.0, row_mm=1.0).scattered(photons, air, torch.tensor([50.0, 70.0]))
    assert bool((scatter > 0).all())
    assert float(scatter[0, 0, 0, 20]) < float(scatter[0, 10, 0, 20])
    assert torch.allclose(scatter[0], 3 * scatter[1], rtol=1e-4)


def test_nothing_in_the_beam_scatters_nothing() -> None:
    air = torch.full((1, 2, 30), 1e4)
    assert float(ForwardScatter(bin_mm=1.0).scattered(air * 1.1, air, ENERGY).abs().max()) == 0.0
    assert float(ForwardScatter(bin_mm=1.0).scattered(air * 0.0, air, ENERGY).abs().max()) == 0.0


def test_scatter_follows_the_load_of_each_view() -> None:
    air = torch.full((2, 1, 40), 1e4)
    photons = air * torch.rand(2, 3, 40, generator=torch.Generator().manual_seed(0))
    load, energies = torch.tensor([0.0, 1.0, 2.5])[:, None], torch.tensor([50.0, 70.0])
    model = ForwardScatter(bin_mm=2.0)
    loaded = model.scattered(photons * load, air * load, energies)
    assert torch.allclose(loaded, model.scattered(photons, air, energies) * load, rtol=1e-4)


def test_scatter_is_differentiable() -> None:
    air = torch.full((1, 1, 8), 100.0, dtype=torch.float64)
    model = ForwardScatter(bin_mm=10.0)
    photons = (air * torch.linspace(0.1, 0.9, 8)).requires_grad_()
    assert torch.autograd.gradcheck(lambda n: model.scattered(n, air, ENERGY), (photons,))


def test_negative_counts_after_subtraction_are_raised_to_the_least() -> None:
    generator = torch.Generator().manual_seed(0)
    reading = torch.poisson(torch.full((200, 50), 12.0), generator=generator)
    y = log_data(reading, torch.tensor(1e4), scatter=torch.tensor(10.0), least=1e-4)
    negative = reading < 10
    assert bool(negative.any())
    assert bool(y.isfinite().all())
    assert torch.allclose(y[negative], torch.tensor(-math.log(1e-4)))


def test_impossible_scatter_is_refused() -> None:
    with pytest.raises(InputError, match="positive lengths in mm"):
        ForwardScatter(bin_mm=0.0)
    with pytest.raises(InputError, match="amplitude and powers of 0 or more"):
        ForwardScatter(bin_mm=1.0, amplitude=-0.1)
    with pytest.raises(InputError, match="parts between 0 and 1"):
        AntiScatterGrid(primary=0.0, scatter=0.1)
    with pytest.raises(InputError, match="air: expected a shape that broadcasts"):
        ForwardScatter(bin_mm=1.0).scattered(torch.ones(1, 2, 8), torch.ones(1, 3), ENERGY)
    with pytest.raises(InputError, match="least: expected a part"):
        log_data(torch.ones(2), torch.ones(2), least=0.0)
