from typing import Any

import astra
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from svct.errors import InputError, UnknownNameError
from svct.geometry import ConeBeam, FanBeam, Grid, Helical, ParallelBeam, Projector, Scan, VectorBeam
from svct.geometry.convert.astra import from_astra, to_astra

ANGLES = [0.0, 0.5, 1.0, 4.5, -0.3]
CONE: dict[str, Any] = {"rows": 4, "bins": 9, "row_mm": 1.5, "bin_mm": 2.0, "source_mm": 500, "detector_mm": 300}
FAN: dict[str, Any] = {"bins": 120, "bin_mm": 1.1, "source_mm": 200, "detector_mm": 120}
PLANE, VOLUME = Grid(shape=(40, 61), voxel_mm=0.8, origin_mm=(3.0, -5.0)), Grid(shape=(5, 6, 7), voxel_mm=1.3)
SCANS: list[tuple[Scan, str]] = [
    (ParallelBeam(ANGLES, bins=90), "parallel"),
    (ParallelBeam(ANGLES, bins=90, offset_mm=2.3), "parallel_vec"),
    (FanBeam(ANGLES, **FAN), "fanflat"),
    (FanBeam(ANGLES, **FAN, offset_mm=2.3, tilt=0.1, source_shift_mm=((1, 2), (0, -1))), "fanflat_vec"),
    (ParallelBeam(ANGLES, bins=9, rows=4, bin_mm=0.7), "parallel3d"),
    (ParallelBeam(ANGLES, bins=9, rows=4, offset_mm=(0.2, 0.0)), "parallel3d_vec"),
    (ConeBeam(ANGLES, **CONE), "cone"),
    (ConeBeam(ANGLES, **CONE, tilt=0.1), "cone_vec"),
    (ConeBeam(ANGLES, **CONE, offset_mm=30, tilt=(0.1, 0.2, 0), curved=True), "cyl_cone_vec"),
    (Helical(ANGLES, **CONE, pitch_mm=10), "cone_vec"),
    (VectorBeam([[0, -500, 0, 300, 2, 0]], bins=9), "fanflat_vec"),
]


@pytest.mark.parametrize(("scan", "kind"), SCANS, ids=[kind for _, kind in SCANS])
def test_round_trips(scan: Scan, kind: str) -> None:
    grid = PLANE if scan.ndim == 2 else VOLUME
    projections, volume = to_astra(scan, grid)
    assert projections["type"] == kind
    back, same_grid = from_astra(projections, volume)
    assert same_grid is not None
    assert same_grid.shape == grid.shape
    assert np.allclose([same_grid.voxel_mm, *same_grid.origin_mm], [grid.voxel_mm, *grid.origin_mm])
    assert np.array_equal(back.vectors, scan.vectors)
    assert (back.divergent, back.curved, back.detector_shape) == (scan.divergent, scan.curved, scan.detector_shape)
    if not kind.endswith("_vec"):
        assert back == scan
    assert from_astra(projections) == (back, None)
    if kind != "cyl_cone_vec":
        assert np.allclose(astra.geom_2vec(projections)["Vectors"], scan.vectors, rtol=0, atol=1e-9)


lengths = st.floats(0.01, 1e4)


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=9), st.integers(1, 9), st.integers(1, 9), lengths, lengths)
def test_any_circular_scan_and_grid(angles: list[float], rows: int, bins: int, near: float, far: float) -> None:
    sizes: dict[str, Any] = {"bins": bins, "bin_mm": near, "source_mm": far, "detector_mm": near}
    flat, deep = Grid(shape=(rows, bins), voxel_mm=near), Grid(shape=(bins, rows, 3), voxel_mm=far)
    for scan in (
        ParallelBeam(angles, bins=bins, bin_mm=near),
        FanBeam(angles, **sizes),
        ParallelBeam(angles, bins=bins, rows=rows, bin_mm=near, row_mm=far),
        ConeBeam(angles, rows=rows, row_mm=far, **sizes),
    ):
        grid = flat if scan.ndim == 2 else deep
        back, same_grid = from_astra(*to_astra(scan, grid))
        assert back == scan
        assert same_grid is not None
        assert same_grid.shape == grid.shape
        assert same_grid.voxel_mm == pytest.approx(grid.voxel_mm)


@pytest.mark.parametrize(("scan", "kind"), SCANS[:4], ids=[kind for _, kind in SCANS[:4]])
def test_astra_projects_what_svct_does(scan: Scan, kind: str) -> None:
    projections, volume = to_astra(scan, PLANE)
    image = np.zeros(PLANE.shape, np.float32)
    image[4:19, 41:50] = 0.02  # top right
    image[22:39, 5:50] = 0.01
    name = "linear" if kind.startswith("parallel") else "line_fanflat"
    projector = astra.create_projector(name, projections, volume)
    number, expected = astra.create_sino(image, projector)
    astra.data2d.delete(number)
    astra.projector.delete(projector)
    y = Projector(scan, PLANE, "native")(torch.from_numpy(image)).numpy()
    error = np.linalg.norm(y - expected) / np.linalg.norm(expected)
    assert error < (1e-4 if name == "linear" else 0.03)  # exact lengths in pixels is another ray model


def test_errors() -> None:
    with pytest.raises(InputError, match=r"expected a 2D grid for a 2D scan, got shape \(5, 6, 7\)"):
        to_astra(SCANS[0][0], VOLUME)
    with pytest.raises(InputError, match="expected a flat detector, got a curved one in 2D, which ASTRA has not"):
        to_astra(FanBeam(ANGLES, **FAN, curved=True), PLANE)
    with pytest.raises(UnknownNameError, match="unknown ASTRA geometry 'sparse_matrix': expected one of cone, "):
        from_astra({"type": "sparse_matrix"})
    with pytest.raises(InputError, match="expected 'DetectorCount' in the geometry, got none"):
        from_astra({"type": "parallel", "ProjectionAngles": [0.0]})
    volume = astra.create_vol_geom(4, 4, -2, 2, -4, 4)
    with pytest.raises(InputError, match=r"expected square or cubic voxels, got edges of \[1.0, 2.0\] mm"):
        from_astra(to_astra(SCANS[0][0], PLANE)[0], volume)
    cylinder, _ = to_astra(SCANS[8][0], VOLUME)
    cylinder["Vectors"][1, 12] = 9.0
    with pytest.raises(InputError, match=r"a cylinder around the source, of radius 784.053 mm in view 1, got 9 mm"):
        from_astra(cylinder)
