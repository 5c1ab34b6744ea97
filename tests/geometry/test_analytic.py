import math
from typing import Any

import numpy as np
import pytest
import torch

from svct.errors import InputError
from svct.geometry import ConeBeam, FanBeam, Grid, Helical, ParallelBeam, Projector, Scan, VectorBeam
from svct.geometry.analytic import ellipsoid_projections, ray_lines
from svct.geometry.paths import rays_in_voxels

ANGLES = (0.1, 1.3, 2.9, 4.4)
FLAT: dict[str, Any] = {"bins": 41, "bin_mm": 4.0, "source_mm": 200, "detector_mm": 150}
CONE: dict[str, Any] = {**FLAT, "rows": 30, "row_mm": 4.0}
SCANS: list[Scan] = [
    ParallelBeam(ANGLES, bins=41, bin_mm=2.0, offset_mm=3.0),
    FanBeam(ANGLES, **FLAT, tilt=0.2, offset_mm=5.0),
    FanBeam(ANGLES, **FLAT, curved=True, offset_mm=5.0),
    ParallelBeam(ANGLES, bins=41, bin_mm=2.0, rows=30, offset_mm=(3.0, 4.0)),
    ConeBeam(ANGLES, **CONE, tilt=(0.1, 0.2, 0.3), offset_mm=(5.0, 3.0)),
    ConeBeam(ANGLES, **CONE, curved=True, offset_mm=(5.0, 3.0), tilt=(0.1, 0.1, 0.0)),
    Helical(ANGLES, **CONE, pitch_mm=10.0),
]


@pytest.mark.parametrize("scan", SCANS, ids=lambda s: f"{s.kind}{s.ndim}{'-curved' * s.curved}")
def test_an_ellipsoid_is_what_the_projector_makes_of_its_voxels(scan: Scan) -> None:
    grid = Grid(shape=(120,) * scan.ndim, voxel_mm=0.5)
    centre, axes = (7.0, -4.0, 3.0)[: scan.ndim], (15.0, 10.0, 12.0)[: scan.ndim]
    fine = (torch.arange(240.0) - 119.5) / 4
    x, y = ((fine if scan.ndim == 3 or a == 0 else -fine) for a in (0, 1))
    square = ((x - centre[0]) / axes[0]) ** 2 + ((y[:, None] - centre[1]) / axes[1]) ** 2
    if scan.ndim == 3:
        square = square + ((fine[:, None, None] - centre[2]) / axes[2]) ** 2
    pool = torch.nn.functional.avg_pool2d if scan.ndim == 2 else torch.nn.functional.avg_pool3d
    image = 0.02 * pool((square < 1).float()[None, None], 2)[0, 0]
    exact = torch.from_numpy(ellipsoid_projections(scan, centre, axes, 0.02))
    assert exact.shape == (*scan.detector_shape[:-1], len(ANGLES), 41)
    assert float((Projector(scan, grid)(image) - exact).norm() / exact.norm()) < 0.03


@pytest.mark.parametrize("scan", SCANS, ids=lambda s: f"{s.kind}{s.ndim}{'-curved' * s.curved}")
def test_rays_are_those_of_the_projector(scan: Scan) -> None:
    rays = Projector(scan, Grid(shape=(11,) * scan.ndim)).rays
    bins, theirs_along = rays_in_voxels(rays.vectors, rays)
    points, along = (torch.from_numpy(r.reshape(-1, scan.ndim).copy()) for r in ray_lines(scan))
    if scan.divergent:
        points = points + along
    up = 1 if scan.ndim == 3 else -1  # voxels count z, y, x, and in an image y downwards
    for ours, theirs in ((points, bins - 5), (along, theirs_along)):
        assert torch.allclose(ours[:, 0], theirs[:, 2], atol=1e-9)
        assert torch.allclose(ours[:, 1] * up, theirs[:, 1], atol=1e-9)
        if scan.ndim == 3:
            assert torch.allclose(ours[:, 2], theirs[:, 0], atol=1e-9)


def test_a_ray_starts_at_its_source() -> None:
    scan = VectorBeam([[0, 0, 0, 50, 1, 0]], bins=1)
    assert float(ellipsoid_projections(scan, (0, 5), (20, 20), 0.02)[0, 0]) == pytest.approx(0.02 * 25)
    assert float(ellipsoid_projections(scan, (0, -30), (20, 20), 0.02)[0, 0]) == 0.0


def test_rays_of_a_curved_detector_are_at_equal_angles() -> None:
    _, along = ray_lines(FanBeam([0.4], **FLAT, curved=True))
    angles = np.arctan2(along[0, :, 0], along[0, :, 1])
    assert np.allclose(np.diff(angles), 4.0 / 350)
    assert np.allclose(np.linalg.norm(along, axis=-1), 350)


def test_bad_ellipsoids_are_named() -> None:
    with pytest.raises(
        InputError, match=r"centre_mm: expected 2 finite numbers in mm for this 2D scan, got \(0, 0, 0\)"
    ):
        ellipsoid_projections(SCANS[0], (0, 0, 0), (1, 1), 0.02)
    with pytest.raises(InputError, match="expected positive semi-axes"):
        ellipsoid_projections(SCANS[0], (0, 0), (1, 0), 0.02)
    with pytest.raises(InputError, match="value: expected a finite number in 1/mm"):
        ellipsoid_projections(SCANS[0], (0, 0), (1, 1), math.nan)
