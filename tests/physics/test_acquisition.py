import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from svct.errors import InputError
from svct.physics import Acquisition, Spectrum, monochromatic


def test_the_same_seed_gives_the_same_scan() -> None:
    ideal = torch.rand(3, 4, 5) * 6
    physics = Acquisition(photons=1e4)
    assert torch.equal(physics.measure(ideal, seed=3), physics.measure(ideal, seed=3))
    assert not torch.equal(physics.measure(ideal, seed=3), physics.measure(ideal, seed=4))


@pytest.mark.parametrize("line", [0.0, 2.0, 5.0])
def test_mean_and_spread_follow_the_counts(line: float) -> None:
    physics = Acquisition(photons=1e5, electronic_noise=10.0)
    y = physics.measure(torch.full((200, 1000), line), seed=0).double()
    counts = 1e5 * np.exp(-line)
    variance = (counts + 100) / counts**2
    assert float(y.var()) == pytest.approx(variance, rel=0.03)
    assert float(y.mean()) == pytest.approx(line + variance / 2, abs=4 * (variance / 2e5) ** 0.5)


def test_flux_per_view() -> None:
    y = Acquisition(photons=(1e3, 1e5), electronic_noise=0.0).measure(torch.ones(400, 2, 200), seed=0)
    assert float(y[:, 0].std() / y[:, 1].std()) == pytest.approx(10, rel=0.03)
    with pytest.raises(InputError, match="expected one number per view, 3, got 2"):
        Acquisition(photons=(1e3, 1e5)).measure(torch.ones(3, 4), seed=0)


@given(st.floats(0, 200), st.floats(1, 1e6), st.floats(0, 100))
@settings(max_examples=40, deadline=None)
def test_starved_rays_stay_finite(line: float, photons: float, noise: float) -> None:
    y = Acquisition(photons=photons, electronic_noise=noise).measure(torch.full((2, 50), line), seed=1)
    assert bool(y.isfinite().all())
    assert float(y.max()) <= np.log(photons) + 1e-4


def test_numpy_in_numpy_out() -> None:
    assert isinstance(Acquisition().measure(np.ones((2, 3), np.float32), seed=0), np.ndarray)


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="photons: expected positive numbers"):
        Acquisition(photons=0)
    with pytest.raises(InputError, match="electronic_noise: expected photons, 0 or more"):
        Acquisition(electronic_noise=-1)
    with pytest.raises(InputError, match="least_count: expected more than 0 and at most the flux"):
        Acquisition(photons=10, least_count=11)
    with pytest.raises(InputError, match=r"finite projections .* with NaN or infinity"):
        Acquisition().measure(torch.tensor([[float("nan")]]), seed=0)


def test_views_without_load_measure_nothing() -> None:
    physics = Acquisition(photons=1e4, mas=(1.0, 0.0, 4.0))
    y = physics.measure(torch.ones(500, 3, 200), seed=0)
    assert physics.exposed == (True, False, True)
    assert float(y[:, 1].abs().max()) == 0
    assert float(y[:, 0].std() / y[:, 2].std()) == pytest.approx(2, rel=0.03)
    assert Acquisition(photons=1e4, mas=2.0).exposed is None
    for loads in ((0.0, 0.0), (1.0, -1.0)):
        with pytest.raises(InputError, match="mas: expected 0 mAs or more for every view, and not 0 for all"):
            Acquisition(mas=loads)
    with pytest.raises(InputError, match="mas: expected one number per view, 3, got 2"):
        Acquisition(mas=(1.0, 2.0)).measure(torch.ones(3, 4), seed=0)


def test_loads_multiply_photons() -> None:
    ideal = torch.rand(2, 3, 4)
    loads = Acquisition(photons=1e3, mas=(1.0, 2.0, 3.0)).measure(ideal, seed=5)
    assert torch.equal(loads, Acquisition(photons=(1e3, 2e3, 3e3)).measure(ideal, seed=5))


def test_one_energy_at_the_water_value_is_the_plain_model() -> None:
    spectrum = monochromatic(70.0)
    ideal = torch.linspace(0, 6, 50)[None].repeat(2, 1)
    y = Acquisition(photons=1e9, spectrum=spectrum, electronic_noise=0.0).measure(ideal, seed=0)
    assert float((y - ideal).abs().max()) < 5e-3


def test_a_spectrum_keeps_the_scale_and_adds_noise() -> None:
    spectrum = Spectrum((40.0, 60.0, 80.0, 100.0), (3.0, 4.0, 2.0, 1.0))
    thick = torch.full((400, 500), 5.0)
    poly = Acquisition(photons=1e5, spectrum=spectrum, electronic_noise=0.0).measure(thick, seed=0)
    mono = Acquisition(photons=1e5, electronic_noise=0.0).measure(thick, seed=0)
    assert float(poly.mean()) == pytest.approx(5.0, rel=3e-3)
    assert float(poly.std()) != pytest.approx(float(mono.std()), rel=0.03)
    assert bool(poly.isfinite().all())
