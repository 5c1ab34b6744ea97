import numpy as np
import pytest

from svct.geometry import ConeBeam, Grid, ParallelBeam, Projector
from svct.geometry.wrap import as_pylops

pylops = pytest.importorskip("pylops")

OPERATORS = [
    Projector(ParallelBeam(np.arange(0, 3.1, 0.1), bins=13), Grid(shape=(7, 8))),
    Projector(
        ConeBeam(np.arange(0, 6.2, 0.4), rows=9, bins=11, row_mm=1.5, bin_mm=1.5, source_mm=60, detector_mm=40),
        Grid(shape=(3, 5, 6)),
    ),
]
two_and_three = pytest.mark.parametrize("A", OPERATORS, ids=["2D", "3D"])


@two_and_three
def test_values_and_shapes(A: Projector) -> None:
    operator = as_pylops(A)
    assert (operator.dims, operator.dimsd) == (A.domain_shape, A.range_shape)
    assert operator.dtype == np.float32
    x = np.random.default_rng(0).standard_normal((2, *A.domain_shape), dtype=np.float32)
    np.testing.assert_array_equal(operator @ x[0], A(x[0]))
    np.testing.assert_array_equal(operator.H @ A(x[0]), A.T(A(x[0])))
    np.testing.assert_array_equal(as_pylops(A.T) @ A(x[0]), A.T(A(x[0])))
    columns = operator.matmat(x.reshape(2, -1).T)
    np.testing.assert_allclose(columns.T.reshape(2, *A.range_shape), A(x), rtol=1e-5, atol=1e-5)


@two_and_three
def test_adjoint_by_the_dot_test(A: Projector) -> None:
    # The inner products are of the order of 1000, and may by chance lie near zero.
    assert pylops.utils.dottest(as_pylops(A), rtol=1e-5, atol=1e-2)


@two_and_three
def test_cgls_finds_the_image(A: Projector) -> None:
    x = np.random.default_rng(0).standard_normal(A.domain_shape, dtype=np.float32)
    found = pylops.optimization.basic.cgls(as_pylops(A), A(x), niter=300, tol=0)[0]
    np.testing.assert_allclose(found, x, atol=2e-3)


def test_combines_with_a_regularizer() -> None:
    (A, _) = OPERATORS
    x = np.ones(A.domain_shape, dtype=np.float32)
    smooth = pylops.Gradient(A.domain_shape, dtype="float32")
    (found, *_) = pylops.optimization.leastsquares.regularized_inversion(
        as_pylops(A), A(x).ravel(), [smooth], epsRs=[1.0], iter_lim=200
    )
    np.testing.assert_allclose(found.reshape(x.shape), x, atol=1e-3)
