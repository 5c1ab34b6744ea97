from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from svct.errors import InputError
from svct.geometry import ConeBeam, FanBeam, Grid, Helical, ParallelBeam, Scan, VectorBeam

ANGLES = np.linspace(0, 2 * np.pi, 8, endpoint=False)
CONE: dict[str, Any] = {"rows": 4, "bins": 9, "row_mm": 1.5, "bin_mm": 2.0, "source_mm": 50, "detector_mm": 30}
FLAT, DEEP = Grid(shape=(8, 9)), Grid(shape=(4, 8, 9), voxel_mm=2.0, origin_mm=(1, 2, 3))
SCANS: list[Scan] = [
    ParallelBeam(ANGLES, bins=9, offset_mm=1.0),
    ParallelBeam(ANGLES[:1], bins=9, rows=3),
    FanBeam(ANGLES, bins=9, source_mm=50, detector_mm=30, curved=True),
    ConeBeam(ANGLES, **CONE, tilt=(0.1, 0.2, 0.3)),
    Helical(-ANGLES, **CONE, pitch_mm=30, curved=True),
    VectorBeam([[0, 0, -50, 0, 0, 30, 2, 0, 0, 0, 2, 0]] * 2, bins=9, rows=4),  # along the axis
]


@pytest.mark.parametrize("with_grid", [False, True])
@pytest.mark.parametrize("scan", SCANS, ids=lambda s: s.kind)
def test_every_geometry_can_be_drawn(scan: Scan, with_grid: bool, tmp_path: Path) -> None:
    grid = (FLAT if scan.ndim == 2 else DEEP) if with_grid else None
    figure = scan.plot(grid)
    assert isinstance(figure, Figure)
    assert len(figure.axes) == scan.ndim - 1
    assert len(figure.axes[0].patches) == with_grid
    figure.savefig(tmp_path / "scan.png")


def test_what_is_drawn_is_where_it_is() -> None:
    figure = Figure()
    ax = figure.subplots()
    assert FanBeam(ANGLES, bins=10, source_mm=50, detector_mm=30).plot(FLAT, ax) is figure
    lines = {str(line.get_label()): np.array(line.get_xydata()) for line in ax.lines}
    assert np.allclose(lines["source, view 0"], [[0, -50]])
    assert np.allclose(lines["detector, view 0"][[0, -1]], [[-5, 30], [5, 30]])
    assert np.allclose(lines["sources"], 50 * np.stack([np.sin(ANGLES), -np.cos(ANGLES)], axis=1))


def test_the_ends_of_a_curved_detector_are_as_far_as_its_middle() -> None:
    figure = FanBeam([0.0], bins=40, source_mm=50, detector_mm=30, curved=True).plot()
    detector = next(line for line in figure.axes[0].lines if str(line.get_label()).startswith("detector"))
    assert np.allclose(np.linalg.norm(np.array(detector.get_xydata()) - [0, -50], axis=1), 80)


def test_a_grid_of_other_dimension() -> None:
    with pytest.raises(InputError, match=r"plot: expected a 2D grid for a 2D scan, got shape \(4, 8, 9\)"):
        SCANS[0].plot(DEEP)
