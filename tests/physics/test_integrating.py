import math
from typing import Any

import pytest
import torch

from svct.errors import InputError
from svct.physics.blur import spread, spread_kernel
from svct.physics.chain import Detector
from svct.physics.converter import Converter
from svct.physics.integrating import EnergyIntegrating
from svct.physics.lag import Lag
from svct.physics.logarithm import log_data
from svct.physics.pixels import gain_drift, repair
from svct.physics.quanta import Efficiency

ENERGIES = torch.tensor([40.0, 60.0, 90.0])
SHARES = torch.tensor([0.3, 0.5, 0.2])


def photons(flux: float, *shape: int) -> torch.Tensor:
    return flux * SHARES.reshape(-1, *[1] * len(shape)) * torch.ones(shape)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_it_is_a_detector() -> None:
    assert isinstance(EnergyIntegrating(), Detector)


@pytest.mark.parametrize("flux", [20.0, 1e3, 1e5])
@pytest.mark.parametrize("exact", [False, True])
def test_variance_is_that_of_the_compound_model(flux: float, exact: bool) -> None:
    efficiency = Efficiency((40.0, 60.0, 90.0), (0.95, 0.9, 0.7))
    detector = EnergyIntegrating(
        efficiency=efficiency, electrons_per_kev=17.0, swank=0.85, electronic_noise=900.0, exact=exact
    )
    readings = detector.signal(photons(flux, 1000, 4, 50), ENERGIES, seeded()).double()
    absorbed = flux * SHARES.double() * torch.tensor([0.95, 0.9, 0.7])
    pulses = 17.0 * ENERGIES.double()
    variance = float((absorbed * pulses**2).sum() / 0.85 + 900.0**2)
    mean = float((absorbed * pulses).sum())
    assert float(readings.var(dim=0).mean()) == pytest.approx(variance, rel=0.03)
    assert float(readings.mean()) == pytest.approx(mean, abs=5 * (variance / readings.numel()) ** 0.5)
    assert float(detector.mean(photons(flux, 2, 3), ENERGIES).mean()) == pytest.approx(mean, rel=1e-5)


def test_exact_draws_have_the_compound_skewness() -> None:
    flux, swank = 5.0, 0.8
    readings = EnergyIntegrating(swank=swank, exact=True).signal(photons(flux, 1000, 400), ENERGIES, seeded()).double()
    k = swank / (1 - swank)
    third = (flux * SHARES.double() * ENERGIES.double() ** 3).sum() * (k + 1) * (k + 2) / k**2
    centred = readings - readings.mean()
    assert float((centred**3).mean()) == pytest.approx(float(third), rel=0.05)


def test_the_same_seed_gives_the_same_reading() -> None:
    detector = EnergyIntegrating(electronic_noise=5.0)
    first, again, other = (detector.signal(photons(50.0, 3, 4), ENERGIES, seeded(s)) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_mean_is_differentiable() -> None:
    detector = EnergyIntegrating(efficiency=0.8, blur_bins=0.6, crosstalk=0.03, lag=Lag())
    expected = photons(50.0, 3, 6).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda n: detector.mean(n, ENERGIES.double()), (expected,))


def test_blur_and_lag_keep_a_flat_signal_and_correlate_noise() -> None:
    detector = EnergyIntegrating(blur_bins=0.8, crosstalk=0.05, lag=Lag())
    flat = photons(1e3, 20, 64)
    assert torch.allclose(detector.mean(flat, ENERGIES), EnergyIntegrating().mean(flat, ENERGIES), rtol=1e-5)
    noise = detector.signal(flat.expand(3, 20, 64), ENERGIES, seeded()) - detector.mean(flat, ENERGIES)
    inner = noise[:, 8:-8]
    assert float((inner[:, 1:] * inner[:, :-1]).mean() / (inner**2).mean()) > 0.5
    kernel = spread_kernel(blur_bins=0.8, crosstalk=0.05)
    assert float(inner.var()) == pytest.approx(float((kernel**2).sum() * (flat[:, 0, 0] * ENERGIES**2).sum()), rel=0.15)


def test_blur_reaches_along_rows_when_asked() -> None:
    point = torch.zeros(1, 5, 1, 5)
    point[0, 2, 0, 2] = 1.0
    energies = torch.tensor([1.0])
    rows = EnergyIntegrating(crosstalk=0.1, rows=True).mean(point, energies)
    assert float(rows[1, 0, 2]) == pytest.approx(0.08)
    assert float(rows.sum()) == pytest.approx(1.0)
    assert float(EnergyIntegrating(crosstalk=0.1).mean(point, energies)[1].abs().max()) == 0.0
    assert torch.allclose(spread(point[0], spread_kernel(crosstalk=0.1), axis=-3).movedim(-3, -1),
                          spread(point[0].movedim(-3, -1), spread_kernel(crosstalk=0.1)))  # fmt: skip


def test_lag_is_the_recursion_of_its_exponentials() -> None:
    lag = Lag(settled=False)
    signal = torch.rand(2, 60, 3, generator=seeded(), dtype=torch.float64)
    stored = torch.zeros(4, 2, 3, dtype=torch.float64)
    rates, amounts = (torch.tensor(n, dtype=torch.float64)[:, None, None] for n in (lag.rates, lag.amounts))
    expected = []
    for view in range(60):
        expected.append((1 - lag.tail) * signal[:, view] + stored.sum(dim=0))
        stored = torch.exp(-rates) * (stored + amounts * signal[:, view])
    assert torch.allclose(lag.apply(signal), torch.stack(expected, dim=1), atol=1e-12)


def test_lag_goes_forward_in_time() -> None:
    signal = torch.zeros(10, 1)
    signal[4] = 1.0
    lagged = Lag().apply(signal)[:, 0]
    assert bool((lagged[:4] == 0).all())
    assert bool((lagged[5:] > 0).all())


def test_starved_saturated_and_dead_bins_give_finite_log_data() -> None:
    detector = EnergyIntegrating(
        electronic_noise=400.0, dead=(3, 4), gain=gain_drift((12,), spread=0.02, seed=1),
        converter=Converter(full=5e4, bits=14, pedestal=2000.0),
    )  # fmt: skip
    expected = photons(2000.0, 5, 12)
    air = detector.mean(expected, ENERGIES)
    expected[:, 1] = 0.0  # starved
    expected[:, 2] *= 1e-6
    reading = detector.signal(expected, ENERGIES, seeded())
    assert float(reading.max()) == pytest.approx(5e4)  # air of 1e5 saturates
    assert float(reading[:, 3:5].abs().max()) <= 52000 / (2**14 - 1)  # zero, to the nearest level
    y = log_data(reading, air)
    assert bool(y.isfinite().all())
    assert float(y.max()) == pytest.approx(-math.log(1e-5), rel=1e-5)
    assert bool((repair(y, (3, 4))[0, 3:5] < 2).all())


def test_drifted_gain_makes_columns_that_calibration_does_not_know() -> None:
    gain = gain_drift((30,), spread=0.05, seed=0)
    detector = EnergyIntegrating(gain=gain)
    flat = photons(1e7, 20, 30)
    y = log_data(detector.signal(flat, ENERGIES, seeded()), detector.mean(flat, ENERGIES))
    assert torch.allclose(y.mean(dim=0), -gain.log(), atol=1e-3)


def test_quantisation_rounds_to_levels_and_keeps_the_mean() -> None:
    converter = Converter(full=1000.0, bits=6, pedestal=8.0)
    readings = converter.convert(torch.linspace(-20, 1100, 5001))
    levels = (readings + 8) / converter.step
    assert torch.allclose(levels, levels.round(), atol=1e-3)
    assert (float(readings.min()), float(readings.max())) == pytest.approx((-8.0, 1000.0))
    inside = torch.linspace(100, 900, 10001)
    assert float((converter.convert(inside) - inside).mean()) == pytest.approx(0.0, abs=0.1)


def test_views_without_load_give_no_line_integral() -> None:
    assert log_data(torch.tensor([5.0, 1.0]), torch.tensor([0.0, 1.0])).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"efficiency": 1.2}, "efficiency: expected a part between 0 and 1"),
        ({"swank": 0.0}, "swank: expected a factor above 0"),
        ({"electronic_noise": -1.0}, "electronic_noise: expected electrons, 0 or more"),
        ({"crosstalk": 0.6}, "crosstalk of 0 to 0.5"),
        ({"electrons_per_kev": 0.0}, "electrons_per_kev: expected a positive number"),
    ],
)
def test_impossible_detectors_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        EnergyIntegrating(**values)


def test_impossible_parts_are_refused() -> None:
    with pytest.raises(InputError, match="ascending energies"):
        Efficiency((50.0, 40.0), (1.0, 1.0))
    with pytest.raises(InputError, match="tails that hold less"):
        Lag(rates=(0.1,), amounts=(0.5,))
    with pytest.raises(InputError, match="bits: expected 1 to 32 and a finite full reading"):
        Converter(bits=12)
    with pytest.raises(InputError, match="expected bins between 0 and 3"):
        repair(torch.ones(2, 4), (4,))
