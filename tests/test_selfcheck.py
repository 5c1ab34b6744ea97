import math
import sys
from unittest import mock

import numpy as np
import pytest
import torch
from torch import Tensor

from svct.ellipsoid import draw_ellipsoid, fit_ellipsoid
from svct.geometry import ConeBeam, FanBeam, Grid, Helical, ParallelBeam, Projector, Scan
from svct.geometry.backend import Rays
from svct.geometry.native import NativeBackend
from svct.selfcheck import levels, part, run
from svct.testing import check

ANGLES = (np.arange(12) * 2 * np.pi / 12).tolist()
SCANS: dict[str, tuple[Scan, Grid]] = {
    "parallel": (ParallelBeam(ANGLES, bins=61, bin_mm=0.7), Grid(shape=(31, 24), voxel_mm=1.3)),
    "fan": (
        FanBeam(ANGLES, bins=80, bin_mm=1.5, source_mm=300, detector_mm=200, curved=True, offset_mm=0.4),
        Grid(shape=(30, 40), origin_mm=(6, -3)),
    ),
    "parallel 3D": (ParallelBeam(ANGLES, rows=14, bins=40, bin_mm=1.1), Grid(shape=(12, 20, 22))),
    "cone": (
        ConeBeam(ANGLES, rows=20, bins=40, row_mm=2, bin_mm=2, source_mm=150, detector_mm=100, tilt=(0.1, 0.1, 0.1)),
        Grid(shape=(16, 24, 20), voxel_mm=1.2),
    ),
    "helix": (
        Helical(ANGLES, rows=9, bins=40, row_mm=4, bin_mm=2, source_mm=150, detector_mm=100, pitch_mm=20, curved=True),
        Grid(shape=(12, 20, 20)),
    ),
}


@pytest.mark.parametrize("name", SCANS)
def test_every_geometry_passes(name: str) -> None:
    report = check(Projector(*SCANS[name]))
    names = [row.name for row in report.rows]
    assert "units, length (mm) times 1/mm" in names
    assert sum("against exact lengths" in name for name in names) == 1
    assert sum(row.backend == "astra-cpu" for row in report.rows) == (3 if len(SCANS[name][1].shape) == 2 else 0)
    assert ("astra-cpu" in report.left_out) == (len(SCANS[name][1].shape) == 3)
    assert {name for name in names if "kernels" in name} == {
        f"{what}, {level} kernels" for level in levels.lower_levels() for what in ("projections", "back projection")
    }


def wrong_units(self: NativeBackend, x: Tensor, rays: Rays) -> Tensor:
    return 10 * project(self, x, rays)


def wrong_adjoint(self: NativeBackend, y: Tensor, rays: Rays) -> Tensor:
    return backproject(self, y, rays) * torch.linspace(0.9, 1.1, rays.shape[-1])


def crooked(self: NativeBackend, x: Tensor, rays: Rays) -> Tensor:
    return project(self, x, rays).square()


project, backproject = NativeBackend.project, NativeBackend.backproject


@pytest.mark.parametrize(
    ("method", "broken", "named"),
    [
        ("project", wrong_units, "units, length (mm) times 1/mm (native)"),
        ("project", wrong_units, "projections against native (astra-cpu)"),
        ("project", crooked, "linearity (native)"),
        ("backproject", wrong_adjoint, "adjoint (native)"),
        ("backproject", wrong_adjoint, "back projection against native (astra-cpu)"),
    ],
)
def test_a_broken_backend_is_found(method: str, broken: object, named: str) -> None:
    with mock.patch.object(NativeBackend, method, broken), pytest.raises(AssertionError) as error:
        check(Projector(*SCANS["parallel"]))
    assert str(error.value).startswith("parallel geometry: expected values below their limits, got others: ")
    assert named in str(error.value).splitlines()[0]
    assert "FAILED" in str(error.value)


def test_a_level_that_differs_or_ends_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    if not levels.lower_levels():
        pytest.skip("this machine has one instruction set only")
    real = levels.project_at
    monkeypatch.setattr(run, "project_at", lambda *arguments: [1.01 * array for array in real(*arguments)])
    with pytest.raises(AssertionError, match="projections, baseline kernels"):
        check(Projector(*SCANS["parallel"]))
    monkeypatch.setattr(run, "project_at", real)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(AssertionError, match="the process of the baseline kernels"):
        check(Projector(*SCANS["parallel"]))


def test_what_cannot_be_judged_is_left_out() -> None:
    report = check(Projector(ParallelBeam([0.3], bins=5), Grid(shape=(3, 9))))
    assert report.left_out["ellipse, units"] == "needs a grid of 8 voxels across, got (3, 9)"
    inside = FanBeam(ANGLES, bins=30, bin_mm=2.0, source_mm=5, detector_mm=40)
    report = check(Projector(inside, Grid(shape=(30, 30))))
    assert report.left_out["ellipse, units"] == "no ray comes from outside and passes near the middle of the grid"
    assert report.left_out["astra-cpu"].startswith("backend 'astra-cpu' needs the source more than")


def test_a_scan_beside_its_grid_fails() -> None:
    with pytest.raises(AssertionError, match=r"got others: share of rays beside the grid \(native\)"):
        check(Projector(ParallelBeam([0.0, 0.1], bins=5, offset_mm=500.0), Grid(shape=(20, 20))))


def test_large_scans_are_checked_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    scan, grid = SCANS["cone"]
    assert part.cheap_part(scan, grid) == (scan, "all 12 views")
    monkeypatch.setattr(part, "BOUND", 40 * 24 * 5 * 12)
    smaller, what = part.cheap_part(scan, grid)
    assert what == "all 12 views and 5 of 20 rows"
    assert smaller.detector_shape == (5, 40)
    assert np.allclose(smaller.vectors[:, :9], scan.vectors[:, :9])
    assert np.allclose(4 * smaller.vectors[:, 9:], 19 * scan.vectors[:, 9:])
    assert check(Projector(scan, grid)).extent == what
    monkeypatch.setattr(part, "BOUND", 61 * 31 * 4)
    assert part.cheap_part(*SCANS["parallel"])[1] == "4 of 12 views"


@pytest.mark.parametrize("shape", [(50, 40), (20, 24, 22)])
def test_the_drawn_ellipsoid_has_its_volume_and_place(shape: tuple[int, ...]) -> None:
    grid = Grid(shape=shape, voxel_mm=0.5, origin_mm=(3.0, -2.0, 1.0)[: len(shape)])
    centre, axes = fit_ellipsoid(grid)
    image = draw_ellipsoid(grid, centre_mm=centre, axes_mm=axes, value=1.0).astype(np.float64)
    volume = math.prod(axes) * (math.pi if len(shape) == 2 else 4 / 3 * math.pi)
    assert image.sum() * 0.5 ** len(shape) == pytest.approx(volume, rel=5e-3)
    for axis, (middle, origin) in enumerate(zip(centre, grid.origin_mm, strict=True)):
        k = len(shape) - 1 - axis
        sign = -1 if len(shape) == 2 and axis == 1 else 1
        steps = (np.arange(shape[k]) - (shape[k] - 1) / 2).reshape([-1 if i == k else 1 for i in range(len(shape))])
        assert origin + sign * 0.5 * (image * steps).sum() / image.sum() == pytest.approx(middle, abs=0.01)
