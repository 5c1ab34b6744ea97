import numpy as np
import pytest
import torch

from svct.errors import BackendUnavailable, InputError
from svct.geometry import ConeBeam, Grid, ParallelBeam, Projector
from svct.geometry.wrap import as_deepinv
from svct.geometry.wrap.require import require

try:
    deepinv = require("deepinv", "pip")
except BackendUnavailable as error:
    pytest.skip(str(error), allow_module_level=True)

OPERATORS = [
    Projector(ParallelBeam(np.arange(0, 3.1, 0.1), bins=13), Grid(shape=(7, 8))),
    Projector(
        ConeBeam(np.arange(0, 6.2, 0.4), rows=9, bins=11, row_mm=1.5, bin_mm=1.5, source_mm=60, detector_mm=40),
        Grid(shape=(3, 5, 6)),
    ),
]
two_and_three = pytest.mark.parametrize("A", OPERATORS, ids=["2D", "3D"])


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@two_and_three
def test_values_and_adjoint(A: Projector) -> None:
    physics = as_deepinv(A)
    x = noise(2, 1, *A.domain_shape)
    assert isinstance(physics, deepinv.physics.LinearPhysics)
    assert torch.equal(physics(x), A(x))
    assert torch.equal(physics.A_adjoint(A(x)), A.T(A(x)))
    assert float(physics.adjointness_test(num_samples=20)) < 1e-5


@two_and_three
def test_gradients_are_the_adjoint_and_the_operator(A: Projector) -> None:
    physics = as_deepinv(A)
    x = noise(2, 1, *A.domain_shape).requires_grad_()
    y = noise(2, 1, *A.range_shape).requires_grad_()
    (by_x,) = torch.autograd.grad((physics.A(x) * y.detach()).sum(), x)
    (by_y,) = torch.autograd.grad((physics.A_adjoint(y) * x.detach()).sum(), y)
    torch.testing.assert_close(by_x, A.T(y.detach()))
    torch.testing.assert_close(by_y, A(x.detach()))


@two_and_three
def test_pseudoinverse_finds_the_image(A: Projector) -> None:
    physics = as_deepinv(A)
    physics.max_iter, physics.tol = 300, 1e-6
    x = noise(2, 1, *A.domain_shape)
    torch.testing.assert_close(physics.A_dagger(physics(x)), x, atol=5e-3, rtol=0)


def test_noise_models_get_their_numbers() -> None:
    physics = as_deepinv(OPERATORS[0])
    physics.set_noise_model(deepinv.physics.GaussianNoise(sigma=0.0))
    x = noise(1, 1, *OPERATORS[0].domain_shape)
    assert not torch.allclose(physics(x, sigma=0.5), OPERATORS[0](x))


def test_wrong_shapes_are_refused() -> None:
    physics = as_deepinv(OPERATORS[0])
    with pytest.raises(InputError, match=r"x: expected image of shape \(..., 7, 8\), got \(1, 1, 8, 8\)"):
        physics(torch.ones(1, 1, 8, 8))
