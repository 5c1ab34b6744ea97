from typing import Any

import numpy as np
import pytest

from svct.errors import InputError
from svct.geometry import ConeBeam, FanBeam, Grid, Helical, ParallelBeam, Scan
from svct.geometry.convert.tomosipo import from_tomosipo, to_tomosipo

ts = pytest.importorskip("tomosipo")

ANGLES = [0.0, 0.5, 1.9, 4.5]
DETECTOR: dict[str, Any] = {"rows": 4, "bins": 9, "row_mm": 1.5, "bin_mm": 2.0}
CONE: dict[str, Any] = {**DETECTOR, "source_mm": 500.0, "detector_mm": 300.0}
GRID = Grid(shape=(3, 4, 5), voxel_mm=0.5, origin_mm=(1.0, 2.0, 3.0))
SCANS: list[tuple[Scan, str]] = [
    (ParallelBeam(ANGLES, **DETECTOR), "ParallelGeometry"),
    (ParallelBeam(ANGLES, **DETECTOR, offset_mm=1.0), "ParallelVectorGeometry"),
    (ConeBeam(ANGLES, **CONE), "ConeGeometry"),
    (ConeBeam(ANGLES, **CONE, tilt=(0.1, 0.2, 0.3)), "ConeVectorGeometry"),
    (Helical(ANGLES, **CONE, pitch_mm=20.0), "ConeVectorGeometry"),
]


@pytest.mark.parametrize(("scan", "name"), SCANS)
def test_round_trips(scan: Scan, name: str) -> None:
    projections, volume = to_tomosipo(scan, GRID)
    assert type(projections).__name__ == name
    back, grid = from_tomosipo(projections, volume)
    assert grid == GRID
    assert np.allclose(back.vectors, scan.vectors)
    assert back.detector_shape == scan.detector_shape


def test_positions_are_where_tomosipo_has_them() -> None:
    scan = ConeBeam(ANGLES, **CONE, offset_mm=(3.0, -1.0))
    projections, volume = to_tomosipo(scan, GRID)
    assert np.allclose(projections.src_pos[:, ::-1], scan.vectors[:, :3])
    assert np.allclose(projections.det_pos[:, ::-1], scan.vectors[:, 3:6])
    assert np.allclose(volume.pos, [[3.0, 2.0, 1.0]])
    assert volume.shape == GRID.shape


def test_what_tomosipo_has_not() -> None:
    with pytest.raises(InputError, match="expected a 3D scan with a flat detector, got a 2D one"):
        to_tomosipo(FanBeam(ANGLES, bins=3, source_mm=5, detector_mm=3), Grid(shape=(3, 3)))
    with pytest.raises(InputError, match="got a 3D one with a curved detector"):
        to_tomosipo(ConeBeam(ANGLES, **CONE, curved=True), GRID)
    with pytest.raises(InputError, match="expected tomosipo geometries, got something else"):
        from_tomosipo(3)
