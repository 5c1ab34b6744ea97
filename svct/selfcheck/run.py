"""The checks of a projector."""

import math
import subprocess
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from svct.ellipsoid import draw_ellipsoid, fit_ellipsoid
from svct.errors import BackendUnavailable
from svct.geometry.analytic import ellipsoid_projections
from svct.geometry.backend import BACKENDS
from svct.geometry.grid import Grid
from svct.geometry.projector import Projector
from svct.geometry.scan import Scan
from svct.selfcheck.levels import lower_levels, project_at
from svct.selfcheck.part import cheap_part
from svct.selfcheck.report import Report, Row

ATTENUATION = 0.02
FEWEST_VOXELS = 8
LARGEST_FOR_LEVELS = 1 << 24
"""Voxels of an image that is handed to other processes."""


def run_checks(A: Projector) -> Report:
    """Check a projector on its own scan and grid, on a part of the views and rows where it is large.

    Args:
        A: The projector; ``"auto"`` means the native backend here.
    """
    backend = "native" if A.backend == "auto" else A.backend
    scan, extent = cheap_part(A.scan, A.grid)
    A = Projector(scan, A.grid, backend)
    left_out: dict[str, str] = {}
    x = torch.rand(A.domain_shape, generator=torch.Generator().manual_seed(0)) + 0.5
    y = A(x)
    beside = float((y == 0).double().mean())
    rows = [Row("share of rays beside the grid", backend, beside, 1.0)]
    if rows[0].ok:
        rows += _algebra(A, x, y)
        rows += _ellipsoid(A, left_out)
        rows += _other_backends(A, x, y, left_out)
        rows += _other_levels(A, x, y, left_out)
    return Report(tuple(rows), left_out, extent)


def _limit(backend: str, limit: float) -> float:
    # CUDA interpolates with few bits, and its adjoint otherwise than its projection.
    return 5e-3 if backend == "astra-cuda" else limit


def _algebra(A: Projector, x: Tensor, y: Tensor) -> Iterator[Row]:
    from svct.testing import adjoint_error

    yield Row("adjoint", A.backend, adjoint_error(A, batch=_batch(A)), _limit(A.backend, 1e-5))
    other = torch.randn(A.domain_shape, generator=torch.Generator().manual_seed(1))
    apart = _apart(A(0.7 * x - 1.9 * other), 0.7 * y - 1.9 * A(other))
    yield Row("linearity", A.backend, apart, _limit(A.backend, 1e-5))


def _batch(A: Projector) -> tuple[int, ...]:
    # The noise along the single ray of a tiny scan may add up to next to nothing.
    return (8,) if math.prod(A.domain_shape) < 1000 else ()


def _ellipsoid(A: Projector, left_out: dict[str, str]) -> Iterator[Row]:
    name = "ellipse" if A.scan.ndim == 2 else "ellipsoid"
    if min(A.grid.shape) < FEWEST_VOXELS:
        left_out[f"{name}, units"] = f"needs a grid of {FEWEST_VOXELS} voxels across, got {A.grid.shape}"
        return
    centre, axes = fit_ellipsoid(A.grid)
    exact = ellipsoid_projections(A.scan, centre, axes, ATTENUATION)
    y = A(draw_ellipsoid(A.grid, centre_mm=centre, axes_mm=axes, value=ATTENUATION)).astype(np.float64)
    outside = _views_from_outside(A.scan, A.grid)
    exact, y = exact[..., outside, :], y[..., outside, :]
    # Rays that touch the edge alone say little: there the length changes within a voxel.
    if not exact.size or exact.max() < ATTENUATION * min(axes):
        left_out[f"{name}, units"] = "no ray comes from outside and passes near the middle of the grid"
        return
    coarse = A.grid.voxel_mm / min(axes)
    error = float(np.linalg.norm(y - exact) / np.linalg.norm(exact))
    yield Row(f"{name}, against exact lengths", A.backend, error, max(coarse, _limit(A.backend, 1e-3)))
    middle = exact > 0.9 * exact.max()
    scale = abs(float(y[middle].mean() / exact[middle].mean()) - 1)
    yield Row("units, length (mm) times 1/mm", A.backend, scale, max(coarse / 2, _limit(A.backend, 1e-3)))


def _views_from_outside(scan: Scan, grid: Grid) -> list[int]:
    """Return the views whose source is not within the ellipsoid, where a ray would begin inside a voxel."""
    if not scan.divergent:
        return list(range(len(scan)))
    centre, axes = fit_ellipsoid(grid)
    reach = np.array(axes) + grid.voxel_mm
    distance = np.linalg.norm((scan.vectors[:, : scan.ndim] - np.array(centre)) / reach, axis=1)
    return np.flatnonzero(distance > 1).tolist()


def _other_backends(A: Projector, x: Tensor, y: Tensor, left_out: dict[str, str]) -> Iterator[Row]:
    from svct.testing import adjoint_error

    for name in BACKENDS:
        if name == A.backend:
            continue
        try:
            other = Projector(A.scan, A.grid, name)
        except BackendUnavailable as reason:
            left_out[name] = str(reason)
            continue
        loose = "astra-cuda" if "astra-cuda" in (name, A.backend) else name
        yield Row("adjoint", name, adjoint_error(other, batch=_batch(A)), _limit(name, 1e-5))
        yield Row(f"projections against {A.backend}", name, _apart(other(x), y), _limit(loose, 1e-4))
        yield Row(f"back projection against {A.backend}", name, _apart(other.T(y), A.T(y)), _limit(loose, 1e-4))


def _other_levels(A: Projector, x: Tensor, y: Tensor, left_out: dict[str, str]) -> Iterator[Row]:
    if A.backend != "native" or not lower_levels():
        return
    if math.prod(A.domain_shape) > LARGEST_FOR_LEVELS:
        left_out["other instruction sets"] = f"left out for images above {LARGEST_FOR_LEVELS} voxels"
        return
    rays = A.rays
    options = (rays.divergent, rays.curved, rays.sharp, rays.voxel_mm, rays.origin_mm, torch.get_num_threads())
    for level in lower_levels():
        try:
            results = project_at(level, x[None].numpy(), y[None].numpy(), rays.vectors.numpy(), options)
        except subprocess.CalledProcessError:
            yield Row(f"the process of the {level} kernels", A.backend, math.inf, 1e-4)
            continue
        for what, result, own in zip(("projections", "back projection"), results, (y, A.T(y)), strict=True):
            yield Row(f"{what}, {level} kernels", A.backend, _apart(torch.from_numpy(result[0]), own), 1e-4)


def _apart(first: Tensor, second: Tensor) -> float:
    return float((first.double() - second.double()).norm() / second.double().norm())
