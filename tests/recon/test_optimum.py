"""The iterative methods against optima that SciPy and CVXPY find in float64 from the operator's matrix."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import lsq_linear, minimize
from scipy.special import xlogy

from svct.errors import InputError
from svct.geometry import ConeBeam, FanBeam, Grid, ParallelBeam, Projector, Scan
from svct.recon import QGGMRF, Huber, Prior, Quadratic, cgls, count_weights, mlem, pwls, sart, sirt, tgv, tv
from svct.recon.differences import add_adjoint_gradient_, add_adjoint_symmetric_, gradient, symmetric_gradient

GRID = Grid(shape=(12, 12), voxel_mm=2.0)
A = Projector(ParallelBeam(np.arange(24) * np.pi / 24, bins=20, bin_mm=1.5), GRID)
MATRIX = A(torch.eye(144).reshape(144, 12, 12)).reshape(144, -1).T.double().numpy()


def truth() -> torch.Tensor:
    x = torch.zeros(12, 12)
    x[2:9, 3:10] = 0.02
    x[4:6, 5:8] = 0.035
    return x


def noisy(seed: int = 0) -> torch.Tensor:
    clean: torch.Tensor = A(truth())
    return clean.add(torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed)), alpha=0.05)


def ray_weights() -> torch.Tensor:
    return torch.rand(A.range_shape, generator=torch.Generator().manual_seed(1)).mul(1.6).add(0.2)


def distance(got: torch.Tensor, best: np.ndarray) -> float:
    return float(np.linalg.norm(got.numpy().ravel() - best.ravel()) / np.linalg.norm(best))


class Problem:
    """A penalised least-squares problem as CVXPY states it, with nothing of ours but the matrix."""

    def __init__(self, penalty: Callable[[Any, Any], Any], weights: torch.Tensor | None) -> None:
        self.cp = pytest.importorskip("cvxpy")
        self.penalty = penalty
        self.root = np.ones(MATRIX.shape[0]) if weights is None else weights.double().sqrt().numpy().ravel()
        x = self.cp.Variable((12, 12))
        self.least = self.minimise(x, [x >= 0])
        self.best: np.ndarray = x.value

    def minimise(self, x: Any, constraints: list[Any]) -> float:
        """Over x where it is a variable, and over what the penalty minimises for itself."""
        y = noisy().double().numpy().ravel()
        residual = self.cp.multiply(self.root, MATRIX @ self.cp.vec(x, order="C") - y)
        objective = self.cp.sum_squares(residual) / 2 + self.penalty(self.cp, x)
        return float(self.cp.Problem(self.cp.Minimize(objective), constraints).solve(solver="CLARABEL"))

    def check(self, got: torch.Tensor) -> None:
        assert distance(got, self.best) < 1e-3
        assert self.minimise(self.cp.Constant(got.double().numpy()), []) < self.least * (1 + 1e-3)


def norms(cp: Any, *parts: Any) -> Any:
    """The sum of the norms over all parts at each pixel; parts that end before an axis does are 0 there."""
    rows = []
    for part in parts:
        down, across = np.eye(12, part.shape[0]), np.eye(part.shape[1], 12)
        rows.append(cp.vec(down @ part @ across, order="C"))
    return cp.sum(cp.norm(cp.vstack(rows), 2, axis=0))


def down(x: Any) -> Any:
    return x[1:] - x[:-1]


def across(x: Any) -> Any:
    return x[:, 1:] - x[:, :-1]


@pytest.mark.parametrize("prior", [Quadratic(), Huber(1e-3)], ids=lambda p: type(p).__name__)
@pytest.mark.parametrize("weighted", [False, True])
def test_pwls_reaches_the_minimum(prior: Prior, weighted: bool) -> None:
    w = ray_weights() if weighted else None

    def penalty(cp: Any, x: Any) -> Any:
        pairs = cp.hstack([cp.vec(down(x), order="C"), cp.vec(across(x), order="C")])
        # CVXPY's Huber function is twice ours; in units of delta it is well scaled.
        psi = cp.sum(cp.huber(pairs / 1e-3)) * 1e-6 if isinstance(prior, Huber) else cp.sum_squares(pairs)
        return 20.0 * psi / 2

    Problem(penalty, w).check(pwls(noisy(), A, prior=prior, strength=20.0, iterations=600, weights=w))


def test_tv_reaches_the_minimum_with_weights() -> None:
    w = ray_weights()
    problem = Problem(lambda cp, x: 0.3 * norms(cp, down(x), across(x)), w)
    problem.check(tv(noisy(), A, strength=0.3, iterations=500, weights=w))
    problem.check(tv(noisy(), A, strength=0.3, iterations=500, weights=w, start=torch.full((12, 12), 0.05)))


def test_tgv_reaches_the_minimum_with_weights() -> None:
    w = ray_weights()

    def penalty(cp: Any, x: Any) -> Any:
        v, u = cp.Variable((11, 12)), cp.Variable((12, 11))
        bend = norms(cp, down(v), across(u), (across(v) + down(u)) / np.sqrt(2))
        return 0.3 * norms(cp, down(x) - v, across(x) - u) + 0.3 * 1.5 * bend

    Problem(penalty, w).check(tgv(noisy(), A, strength=0.3, ratio=1.5, iterations=1000, weights=w))


@pytest.mark.parametrize("shape", [(5, 6), (3, 4, 5), (1, 4)])
def test_gradients_have_their_adjoints(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)

    def random_like(field: list[torch.Tensor]) -> list[torch.Tensor]:
        return [torch.randn(part.shape, generator=generator, dtype=torch.float64) for part in field]

    def dot(a: list[torch.Tensor], b: list[torch.Tensor]) -> float:
        return sum(float((p * q).sum()) for p, q in zip(a, b, strict=True))

    (x,) = random_like([torch.empty(2, *shape)])
    v = random_like(gradient(x, len(shape)))
    e = random_like(symmetric_gradient(v))
    image, field = torch.zeros_like(x), [torch.zeros_like(part) for part in v]
    add_adjoint_gradient_(image, v)
    add_adjoint_symmetric_(field, e)
    assert dot([image], [x]) == pytest.approx(dot(v, gradient(x, len(shape))))
    assert dot(field, v) == pytest.approx(dot(e, symmetric_gradient(v)))


def test_tgv_has_fewer_steps_on_a_ramp_than_tv() -> None:
    B = Projector(ParallelBeam(np.arange(20) * np.pi / 20, bins=40, bin_mm=2.0), Grid(shape=(32, 32), voxel_mm=2.0))
    row, col = torch.meshgrid(torch.arange(32.0) - 15.5, torch.arange(32.0) - 15.5, indexing="ij")
    x = torch.where(torch.hypot(row, col) < 13, 0.012 + 6e-4 * col, 0.0)
    y = B(x)
    y = y + 0.02 * torch.randn(y.shape, generator=torch.Generator().manual_seed(0))
    inside = torch.hypot(row, col) < 9

    def judge(got: torch.Tensor) -> tuple[float, float]:
        flat = got.diff(dim=1)[inside[:, 1:] & inside[:, :-1]] < 2e-4
        return float(flat.float().mean()), float((got - x)[inside].norm() / x[inside].norm())

    stairs, error = judge(tv(y, B, strength=0.3))
    smooth, less = judge(tgv(y, B, strength=0.3))
    assert stairs > 0.1
    assert smooth < 0.02
    assert less < error / 2


@pytest.mark.parametrize("weighted", [False, True])
def test_pwls_reaches_the_minimum_with_qggmrf(weighted: bool) -> None:
    y, w = noisy(), ray_weights() if weighted else None
    prior, strength, rays = QGGMRF(1e-3), 20.0, np.ones(MATRIX.shape[0]) if w is None else w.double().numpy().ravel()

    pairs = np.vstack([np.diff(np.eye(144).reshape(12, 12, 144), axis=axis).reshape(-1, 144) for axis in (0, 1)])

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        d = torch.from_numpy(pairs @ flat)
        residual = MATRIX @ flat - y.double().numpy().ravel()
        slope = MATRIX.T @ (rays * residual) + strength * pairs.T @ prior.slope(d).numpy()
        return 0.5 * float(rays @ residual**2) + strength * float(prior.value(d).sum()), slope

    bounds = [(0, None)] * 144
    options = {"maxiter": 5000, "maxfun": 20000, "ftol": 1e-15, "gtol": 1e-9}
    # In units of 0.02/mm the search is well scaled.
    best = minimize(
        lambda u: (objective(0.02 * u)[0], 0.02 * objective(0.02 * u)[1]),
        np.full(144, 0.5),
        jac=True,
        bounds=bounds,
        method="L-BFGS-B",
        options=options,
    )
    got = pwls(y, A, prior=prior, strength=strength, iterations=600, weights=w)
    assert distance(got, 0.02 * best.x) < 1e-3


@pytest.mark.parametrize("prior", [Quadratic(), Huber(1e-3), QGGMRF(1e-3), QGGMRF(1e-3, q=2.0)], ids=repr)
def test_slopes_are_those_of_the_penalties(prior: Prior) -> None:
    d = torch.linspace(-5e-3, 5e-3, 40, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(prior.value(d).sum(), d)
    assert torch.allclose(prior.slope(d), slope, atol=1e-9)
    assert bool((prior.slope(d) / d <= prior.curvature + 1e-9).all())


@pytest.mark.parametrize("damping", [0.0, 5.0])
def test_cgls_reaches_least_squares(damping: float) -> None:
    w = ray_weights()
    root = w.double().sqrt().numpy().ravel()
    left = np.vstack([root[:, None] * MATRIX, damping * np.eye(144)])
    right = np.concatenate([root * noisy().double().numpy().ravel(), np.zeros(144)])
    best = np.linalg.lstsq(left, right)[0]
    # A batch of two, whose images take step lengths of their own.
    got = cgls(torch.stack([noisy(), 3 * noisy()]), A, damping=damping, iterations=200, weights=w)
    assert distance(got[0], best) < 1e-3
    assert distance(got[1], 3 * best) < 1e-3


def test_sirt_reaches_its_weighted_minimum() -> None:
    rows = MATRIX.sum(axis=1)
    w = ray_weights().double().numpy().ravel()
    root = np.sqrt(np.where(rows > 2e-3, w / np.maximum(rows, 2e-3), 0))
    best = lsq_linear(root[:, None] * MATRIX, root * noisy().double().numpy().ravel(), bounds=(0, np.inf)).x
    got = sirt(noisy(), A, weights=ray_weights(), iterations=20000)
    assert distance(got, best) < 1e-3


def test_sart_finds_the_solution_of_consistent_data() -> None:
    for subsets in (None, 6):
        got = sart(A(truth()), A, subsets=subsets, iterations=1500)
        assert distance(got, truth().numpy()) < 1e-3


def test_mlem_reaches_the_likeliest_image() -> None:
    counts = torch.poisson(500 * A(truth()), generator=torch.Generator().manual_seed(0))
    seen = counts.double().numpy().ravel()

    def objective(x: np.ndarray) -> tuple[float, np.ndarray]:
        mean = MATRIX @ x + 1e-9
        return float((mean - xlogy(seen, mean)).sum()), MATRIX.T @ (1 - seen / mean)

    best = minimize(
        objective,
        np.full(144, 5.0),
        jac=True,
        bounds=[(1e-9, None)] * 144,
        method="L-BFGS-B",
        options={"maxiter": 20000, "maxfun": 40000, "ftol": 1e-16, "gtol": 1e-9},
    )
    assert distance(mlem(counts, A, iterations=20000), best.x) < 1e-3
    first = mlem(A(truth()), A, subsets=6, iterations=30)
    assert distance(first, truth().numpy()) < 0.05


METHODS: list[Callable[..., Any]] = [sirt, sart, cgls, mlem, pwls, tv, tgv]
SCANS = [
    ParallelBeam(np.arange(90) * np.pi / 90, bins=48, bin_mm=2.0),
    FanBeam(np.arange(90) * np.pi / 45, bins=64, bin_mm=2.5, source_mm=200, detector_mm=150),
    FanBeam(np.arange(90) * np.pi / 45, bins=64, bin_mm=2.5, source_mm=200, detector_mm=150, curved=True),
    ConeBeam(np.arange(60) * np.pi / 30, rows=16, bins=64, row_mm=2.5, bin_mm=2.5, source_mm=200, detector_mm=150),
]
LAYERS = ParallelBeam(np.arange(60) * np.pi / 60, rows=8, bins=48, bin_mm=2.0)


@pytest.mark.parametrize(("scan", "method"), [*product(SCANS, METHODS), (LAYERS, cgls), (LAYERS, pwls), (LAYERS, tgv)])
def test_water_comes_back_with_its_value(scan: Scan, method: Callable[..., Any]) -> None:
    B = Projector(scan, Grid(shape=(40, 40) if scan.ndim == 2 else (6, 40, 40), voxel_mm=2.0))
    row, col = torch.meshgrid(torch.arange(40.0), torch.arange(40.0), indexing="ij")
    radius = torch.hypot(row - 19.5, col - 19.5)
    x = (0.0193 * (16.5 - radius).clamp(0, 1)).expand(B.domain_shape).contiguous()
    options = {"strength": 0.01} if method in (tv, tgv, pwls) else {}
    rounds = {sirt: 300, mlem: 300, tv: 300, tgv: 300, pwls: 200, sart: 20, cgls: 60}[method]
    got = method(B(x), B, iterations=rounds, **options)
    inside = got[..., radius < 12]
    assert float(inside.mean()) == pytest.approx(0.0193, rel=5e-3)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.__name__)
def test_start_tolerance_and_callback(method: Callable[..., Any]) -> None:
    y = A(truth()).clamp(min=0)
    steps: list[int] = []
    method(y, A, iterations=500, tolerance=1e-2, each=steps.append)
    assert steps == list(range(1, len(steps) + 1))
    assert 1 <= len(steps) < 500
    near = method(y, A, iterations=1, start=truth() + 1e-6)
    assert distance(near, truth().numpy()) < 0.05
    array = method(y.numpy(), A, iterations=2)
    assert isinstance(array, np.ndarray)
    assert np.allclose(array, method(y, A, iterations=2), atol=1e-7)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.__name__)
def test_wrong_input_is_named(method: Callable[..., Any]) -> None:
    y = A(truth())
    with pytest.raises(InputError, match="iterations: expected at least 1, got 0"):
        method(y, A, iterations=0)
    with pytest.raises(InputError, match="tolerance: expected a finite number"):
        method(y, A, tolerance=-1.0)
    with pytest.raises(InputError, match=r"start: expected an image of shape \(12, 12\), got \(5, 5\)"):
        method(y, A, start=torch.ones(5, 5))
    if method is not mlem:
        with pytest.raises(InputError, match=r"weights: expected one weight per ray.*\(views, 1\)"):
            method(y, A, weights=torch.ones(3))
        with pytest.raises(InputError, match="weights: expected finite weights of 0 or more"):
            method(y, A, weights=-torch.ones_like(y))


def test_count_weights_follow_the_counts() -> None:
    y = A(truth())
    w = count_weights(y)
    assert torch.allclose(w / w[0, 0], torch.exp(y[0, 0] - y))
    assert float((w * y.square()).sum()) == pytest.approx(float(y.square().sum()), rel=1e-5)
    assert bool(count_weights(torch.zeros(2, 3)).isfinite().all())


def test_wrong_settings_are_named() -> None:
    y = A(truth())
    with pytest.raises(InputError, match="subsets: expected 1 to 24, the number of views, got 25"):
        sart(y, A, subsets=25)
    with pytest.raises(InputError, match="relaxation: expected more than 0"):
        sart(y, A, relaxation=0.0)
    with pytest.raises(InputError, match="y: expected data of 0 or more"):
        mlem(y - 1, A)
    with pytest.raises(InputError, match="start: expected an image above 0"):
        mlem(y, A, start=torch.zeros(12, 12))
    with pytest.raises(InputError, match="delta: expected a positive number"):
        Huber(0.0)
    with pytest.raises(InputError, match="q: expected 1 to 2"):
        QGGMRF(q=3.0)
    with pytest.raises(InputError, match="damping"):
        cgls(y, A, damping=-1.0)
