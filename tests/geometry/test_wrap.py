import pickle
import sys
from typing import Any

import numpy as np
import pytest
from scipy.sparse.linalg import lsqr

from svct.errors import BackendUnavailable, InputError
from svct.geometry import ConeBeam, Grid, ParallelBeam, Projector
from svct.geometry.wrap import as_deepinv, as_pylops, as_scipy

OPERATORS = [
    Projector(ParallelBeam(np.arange(0, 3.1, 0.1), bins=13), Grid(shape=(7, 8))),
    Projector(
        ConeBeam(np.arange(0, 6.2, 0.4), rows=9, bins=11, row_mm=1.5, bin_mm=1.5, source_mm=60, detector_mm=40),
        Grid(shape=(3, 5, 6)),
    ),
]
two_and_three = pytest.mark.parametrize("A", OPERATORS, ids=["2D", "3D"])


def noise(*shape: int) -> Any:
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


@two_and_three
def test_scipy_has_the_values_of_the_projector(A: Projector) -> None:
    operator = as_scipy(A)
    assert operator.dtype == np.float32
    x, y = noise(*A.domain_shape), noise(*A.range_shape)
    np.testing.assert_array_equal(operator @ x.ravel(), A(x).ravel())
    np.testing.assert_array_equal(operator.T @ y.ravel(), A.T(y).ravel())
    np.testing.assert_array_equal(operator.matvec(x.reshape(-1, 1)), A(x).reshape(-1, 1))
    np.testing.assert_array_equal(as_scipy(A.T) @ y.ravel(), A.T(y).ravel())


@two_and_three
def test_scipy_adjoint_by_the_dot_test(A: Projector) -> None:
    operator = as_scipy(A)
    x = noise(operator.shape[1])
    y = operator.matvec(x)
    left, right = np.vdot(y.astype(float), y), np.vdot(x.astype(float), operator.rmatvec(y))
    assert abs(left - right) < 1e-5 * left


@two_and_three
@pytest.mark.parametrize("batch", [0, 1, 4])
def test_scipy_takes_columns_in_one_call(A: Projector, batch: int) -> None:
    operator = as_scipy(A)
    x, y = noise(operator.shape[1], batch), noise(operator.shape[0], batch)
    forward, back = operator.matmat(x), operator.rmatmat(y)
    assert forward.shape == y.shape
    assert back.shape == x.shape
    for i in range(batch):
        np.testing.assert_allclose(forward[:, i], operator.matvec(x[:, i]), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(back[:, i], operator.rmatvec(y[:, i]), rtol=1e-5, atol=1e-5)


@two_and_three
def test_lsqr_finds_the_image(A: Projector) -> None:
    x = noise(*A.domain_shape)
    found = lsqr(as_scipy(A), A(x).ravel(), iter_lim=300)[0]
    np.testing.assert_allclose(found.reshape(A.domain_shape), x, atol=2e-3)


def test_scipy_refuses_wrong_shapes_and_complex_numbers() -> None:
    operator = as_scipy(OPERATORS[0])
    with pytest.raises(ValueError, match="dimension mismatch"):
        operator.matvec(noise(57))
    with pytest.raises(ValueError, match="dimension mismatch"):
        operator.rmatmat(noise(56, 2))
    with pytest.raises(InputError, match="expected real numbers, got complex ones"):
        operator.matvec(np.ones(56, dtype=np.complex64))


def test_scipy_survives_pickling() -> None:
    operator = as_scipy(OPERATORS[0])
    x = noise(operator.shape[1])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(operator)) @ x, operator @ x)


@pytest.mark.parametrize(("wrap", "package"), [(as_pylops, "pylops"), (as_deepinv, "deepinv")])
def test_a_missing_package_is_named(wrap: Any, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        BackendUnavailable, match=f"{package}: expected the package to be installed.* pip install {package}"
    ):
        wrap(OPERATORS[0])
