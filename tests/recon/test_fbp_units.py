import math
from typing import Any

import numpy as np
import pytest

from svct.geometry import ConeBeam, FanBeam, Grid, ParallelBeam, Projector, Scan
from svct.geometry.analytic import ellipsoid_projections
from svct.recon import fbp
from svct.units import MU_WATER

DEG = math.pi / 180
RANDOM = np.random.default_rng(7)
FAN: dict[str, Any] = {"bins": 260, "bin_mm": 1.5, "source_mm": 250, "detector_mm": 200}
CONE: dict[str, Any] = {**FAN, "bins": 160, "rows": 32, "row_mm": 2.5, "bin_mm": 2.5}


def full(views: int) -> Any:
    return np.arange(views) * 2 * np.pi / views


def fan(angles: Any, **options: Any) -> FanBeam:
    return FanBeam(angles, **{**FAN, **options})


def cone(angles: Any, **options: Any) -> ConeBeam:
    return ConeBeam(angles, **{**CONE, **options})


def parallel(angles: Any, **options: Any) -> ParallelBeam:
    return ParallelBeam(angles, **{"bins": 190, "bin_mm": 1.0, **options})


DIVERGENT: dict[str, Any] = {
    "fan": (fan, full(360), {}),
    "fan-odd": (fan, full(361), {}),
    "fan-irregular": (fan, RANDOM.uniform(-9, 9, 400), {}),
    "fan-quarter": (fan, full(360), {"offset_mm": 0.375}),
    "fan-offset": (fan, full(360), {"offset_mm": -7.0}),
    "fan-short": (fan, np.arange(240) * DEG + 2.0, {}),
    "fan-short-backwards": (fan, -np.arange(240) * DEG, {"offset_mm": 0.375}),
    "fan-overscan": (fan, np.arange(300) * DEG, {"offset_mm": -7.0}),
    "fan-short-irregular": (fan, RANDOM.uniform(0, 240 * DEG, 400), {}),
    "cone": (cone, full(180), {}),
    "cone-short": (cone, np.arange(230) * DEG, {}),
    "cone-offset": (cone, full(181), {"offset_mm": (1.25, 6.0)}),
}
OTHERS: dict[str, Any] = {
    "parallel": (parallel, np.arange(360) * DEG / 2, {}),
    "parallel-quarter": (parallel, full(360), {"offset_mm": 0.25}),
    "parallel-irregular": (parallel, RANDOM.uniform(-9, 9, 400), {}),
    "parallel-3d": (parallel, np.arange(180) * DEG, {"rows": 14, "row_mm": 2.5, "offset_mm": (0.5, 3.0)}),
    "fan-tilted": (fan, full(360), {"tilt": 0.2}),
    "fan-focal-spot": (fan, full(720), {"source_shift_mm": [[-0.5, 1.0], [0.5, -1.0]]}),
    "fan-on-axis": (fan, full(360), {"detector_mm": 0, "bin_mm": 0.9}),
}
CASES: dict[str, Any] = {
    **OTHERS,
    **{f"{name}-flat": case for name, case in DIVERGENT.items()},
    **{f"{name}-curved": (make, angles, {**more, "curved": True}) for name, (make, angles, more) in DIVERGENT.items()},
}


def error_of_a_ball(scan: Scan, centre: tuple[float, ...]) -> float:
    """Relative error of the mean within 90 % of the radius; in 3D near the plane of the source."""
    grid = Grid(shape=(128, 128)) if scan.ndim == 2 else Grid(shape=(6, 96, 96), voxel_mm=1.25)
    y = ellipsoid_projections(scan, centre[: scan.ndim], (30,) * scan.ndim, 0.02).astype(np.float32)
    x = fbp(y, Projector(scan, grid))
    assert x.shape == grid.shape
    places = list(np.meshgrid(*[(np.arange(n) - (n - 1) / 2) * grid.voxel_mm for n in grid.shape], indexing="ij"))
    if scan.ndim == 2:
        places[0] = -places[0]
    inside = sum((p - c) ** 2 for p, c in zip(places[::-1], centre, strict=False)) < 27**2
    return float(x[inside].mean()) / 0.02 - 1


@pytest.mark.parametrize("centre", [(0.0, 0.0, 0.0), (22.0, -15.0, 2.0)], ids=["centre", "off-centre"])
@pytest.mark.parametrize("case", CASES)
def test_a_ball_comes_back_in_its_units(case: str, centre: tuple[float, ...]) -> None:
    make, angles, options = CASES[case]
    assert abs(error_of_a_ball(make(angles, **options), centre)) < 0.005


WATER: dict[str, Scan] = {
    "parallel": parallel(np.arange(180) * DEG),
    "parallel-3d": parallel(np.arange(180) * DEG, rows=6, row_mm=2.0),
    **{
        f"{name}-{span}-{shape}": make(angles, curved=shape == "curved")
        for name, make in (("fan", fan), ("cone", cone))
        for span, angles in (("full", full(240)), ("short", np.arange(230) * DEG))
        for shape in ("flat", "curved")
    },
}


@pytest.mark.parametrize("case", WATER)
def test_water_comes_back_in_every_ring(case: str) -> None:
    scan = WATER[case]
    grid = Grid(shape=(4, 96, 96)[-scan.ndim :])
    size = (40.3, 40.3, 4000.0)[: scan.ndim]  # so long an ellipsoid stands in for a cylinder
    y = ellipsoid_projections(scan, (0.0,) * scan.ndim, size, MU_WATER).astype(np.float32)
    image = fbp(y, Projector(scan, grid)).reshape(-1, 96, 96) / MU_WATER - 1
    place = np.arange(96) - 47.5
    radius = np.hypot(place[:, None], place)
    errors = [image[:, (radius >= r) & (radius < r + 4)].mean(axis=1) for r in range(0, 36, 4)]
    assert float(np.abs(errors).max()) < 0.005


@pytest.mark.parametrize(
    "scan",
    [
        parallel(np.arange(90) * 2 * DEG),
        fan(full(90)),
        fan(full(91), curved=True),
        fan(np.arange(90) * 2.6 * DEG),
        cone(full(90)),
    ],
    ids=["parallel", "fan", "fan-curved", "fan-short", "cone"],
)
def test_fewer_views_keep_the_units(scan: Scan) -> None:
    assert abs(error_of_a_ball(scan, (22.0, -15.0, 2.0))) < 0.015


@pytest.mark.parametrize("views", [16, 24, 48])
def test_so_do_sparse_views_at_any_angles(views: int) -> None:
    chosen = np.sort(np.random.default_rng(views).permutation(360)[:views])
    for scan in (parallel(chosen * DEG / 2), fan(chosen * DEG), fan(chosen * DEG, curved=True)):
        assert abs(error_of_a_ball(scan, (0.0, 0.0, 0.0))) < 0.015
