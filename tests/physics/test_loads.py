"""A step down the gradient by the loads of the views, at the same dose, against fresh noise."""

import numpy as np
import pytest
import torch

from svct.geometry import Grid, ParallelBeam, Projector
from svct.physics.beam import Beam
from svct.physics.chain import IdealCounter
from svct.physics.logarithm import log_data
from svct.physics.poly import PolychromaticModel
from svct.physics.spectrum import Spectrum
from svct.physics.tissue import hu_to_materials
from svct.physics.water import water_correction
from svct.recon import fbp
from svct.tasks.cohort import Cohort
from svct.units import mu_to_hu

VIEWS, TOTAL = 60, 60.0


def test_a_gradient_step_on_the_loads_lowers_the_error_of_the_shoulder() -> None:
    grid = Grid((64, 64), voxel_mm=8.4)
    truth = Cohort("shoulder", grid).patient(3).image
    scan = ParallelBeam(np.arange(VIEWS) * np.pi / VIEWS, bins=64, bin_mm=8.4)
    A, beam = Projector(scan, grid), Beam(Spectrum((50.0, 70.0, 90.0), (300.0, 300.0, 150.0)), row_mm=8.4)
    air, detector = beam.photons(scan).float(), IdealCounter()
    model = PolychromaticModel(A, ("adipose", "water", "muscle", "bone"), air, beam.energies_kev)
    correct = water_correction(air, beam.energies_kev, detector, longest_mm=600)
    x = hu_to_materials(mu_to_hu(truth))

    def loads(logits: torch.Tensor) -> torch.Tensor:
        return TOTAL * torch.softmax(logits, dim=0)

    def error(mas: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Squared error of FBP with the counts' own variance put into the log data."""
        counts = detector.mean(model(x, mas), beam.energies_kev)
        clean = log_data(counts, detector.mean(air * mas[:, None], beam.energies_kev), least=1e-6)
        y = correct(clean + noise / counts.clamp(min=1).sqrt())
        found: torch.Tensor = (fbp(y, A) - truth).square().mean()
        return found

    def measured(mas: torch.Tensor, seeds: range) -> float:
        """The same of real Poisson counts."""
        total = 0.0
        for seed in seeds:
            signal = detector.signal(model(x, mas), beam.energies_kev, torch.Generator().manual_seed(seed))
            empty = detector.mean(air * mas[:, None], beam.energies_kev)
            total += float((fbp(correct(log_data(signal, empty, least=1e-6)), A) - truth).square().mean())
        return total / len(seeds)

    logits = torch.zeros(VIEWS, requires_grad=True)
    noise = torch.randn((8, *A.range_shape), generator=torch.Generator().manual_seed(0))
    (gradient,) = torch.autograd.grad(error(loads(logits), noise), logits)
    step = -gradient / gradient.abs().max()
    before, after = loads(torch.zeros(VIEWS)), loads(step)
    assert float(after.sum()) == pytest.approx(TOTAL, rel=1e-6)
    assert measured(after, range(100, 120)) < 0.9 * measured(before, range(100, 120))
    along = A(truth).amax(dim=-1)
    assert float(np.corrcoef(after.log(), along)[0, 1]) > 0.7  # more to the views through the shoulders
