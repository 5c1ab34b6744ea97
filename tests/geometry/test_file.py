from pathlib import Path
from typing import Any

import numpy as np
import pytest

from svct.errors import DataFileError, InputError, OutputExistsError, SvctError, UnknownNameError
from svct.geometry import ConeBeam, FanBeam, Grid, Helical, ParallelBeam, Scan, VectorBeam
from svct.geometry.file import load_geometry, save_geometry

ANGLES = [0.0, 0.5, 1.0]
CONE: dict[str, Any] = {"rows": 4, "bins": 9, "row_mm": 1.5, "bin_mm": 2.0, "source_mm": 500, "detector_mm": 300}
SCANS = [
    ParallelBeam(ANGLES, bins=9, bin_mm=0.7),
    FanBeam(ANGLES, bins=9, source_mm=500, detector_mm=300, tilt=0.1, source_shift_mm=((1, 0), (-1, 0))),
    ConeBeam(ANGLES, **CONE, offset_mm=(0.5, -3.0), tilt=(0.1, -0.2, 0.3)),
    Helical(ANGLES, **CONE, pitch_mm=-20.0, curved=True),
    VectorBeam([[0, -500, 0, 300, 2, 0], [500, 0, -300, 0, 0, 2]], bins=9),
]
EXAMPLE = Path(__file__).parents[2] / "docs" / "scan.toml"


@pytest.mark.parametrize("scan", SCANS, ids=lambda s: s.kind)
def test_round_trips(scan: Scan, tmp_path: Path) -> None:
    grid = Grid(shape=(4, 5) if scan.ndim == 2 else (3, 4, 5), voxel_mm=1.1)
    save_geometry(tmp_path / "scan.toml", scan, grid)
    back, same_grid = load_geometry(tmp_path / "scan.toml")
    assert same_grid == grid
    assert back.kind == scan.kind
    assert back.detector_shape == scan.detector_shape
    assert np.allclose(back.vectors, scan.vectors, rtol=0, atol=1e-10)
    with pytest.raises(OutputExistsError, match=r"scan\.toml: expected a free name"):
        save_geometry(tmp_path / "scan.toml", scan, grid)


def test_the_example() -> None:
    scan, grid = load_geometry(EXAMPLE)
    assert isinstance(scan, ConeBeam)
    assert len(scan) == 360
    assert scan.angles[90] == pytest.approx(np.pi / 2)
    assert scan.offset_mm == (0.325, 0.0)
    assert grid == Grid(shape=(32, 256, 256), voxel_mm=1.6)


SCAN = '[scan]\nkind = "fan"\nangle_deg = [0, 90]\nbins = 9\nbin_mm = 1\nsource_mm = 500\ndetector_mm = 300\n'
GRID = "[grid]\nshape = [3, 4]\n"


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("", DataFileError, r"expected the tables \[scan\] and \[grid\], got an empty file"),
        ("[scan", DataFileError, "got text that is not TOML"),
        (SCAN, InputError, r"expected the tables \[scan\] and \[grid\], got no \[grid\]"),
        (SCAN + "[gird]", UnknownNameError, "unknown table 'gird': .* Did you mean 'grid'"),
        ("[scan]\n" + GRID, InputError, "kind: expected one of cone, fan, helical, parallel, vector, got none"),
        ('[scan]\nkind = "con"\n' + GRID, UnknownNameError, "unknown geometry 'con': .* Did you mean 'cone'"),
        (
            SCAN + "binmm = 3\n" + GRID,
            UnknownNameError,
            r"unknown key in \[scan\] 'binmm': expected one of angle_deg, bin",
        ),
        (SCAN + "angles = [3]\n" + GRID, UnknownNameError, "unknown key in .* 'angles': expected one of angle_deg"),
        (SCAN + "views = 3\n" + GRID, InputError, "expected angle_deg = .*, got views, angle_deg"),
        (SCAN.replace("angle_deg = [0, 90]", "") + GRID, InputError, "expected angle_deg .* got none"),
        (SCAN.replace("[0, 90]", '["a"]') + GRID, InputError, "angle_deg: expected numbers in degrees"),
        (SCAN.replace("[0, 90]", "[]") + GRID, InputError, "angles: expected at least one finite angle"),
        (SCAN.replace("bins = 9", "bins = 9.5") + GRID, InputError, "bins: expected a positive whole number, got 9.5"),
        (SCAN.replace("bins = 9\n", "") + GRID, InputError, "fan geometry: expected the fields angles, bin_mm, bins"),
        (SCAN + "[grid]\nvoxel_mm = 3", InputError, r"shape: expected \[ny, nx\] or \[nz, ny, nx\], got none"),
        (SCAN + "[grid]\nshape = 3", InputError, "shape: expected a list of numbers, got 3"),
        (SCAN + GRID + "voxel_mm = '3'", InputError, "expected numbers"),
        (SCAN + GRID + "voxel = 3", UnknownNameError, r"unknown key in \[grid\] 'voxel': .* Did you mean 'voxel_mm'"),
    ],
)
def test_what_is_wrong_is_said(text: str, kind: type[SvctError], message: str, tmp_path: Path) -> None:
    path = tmp_path / "scan.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(kind, match=message) as caught:
        load_geometry(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"expected a readable geometry file in TOML \(No such file"):
        load_geometry(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataFileError, match=r"expected a readable geometry file in TOML \(not text"):
        load_geometry(tmp_path / "bytes.toml")


def test_an_arc_of_views(tmp_path: Path) -> None:
    path = tmp_path / "scan.toml"
    arc = SCAN.replace("angle_deg = [0, 90]", "start_deg = 10\nstop_deg = 190\nviews = 4")
    path.write_text(arc + GRID, encoding="utf-8")
    assert np.allclose(np.rad2deg(load_geometry(path)[0].angles), [10, 55, 100, 145])
    path.write_text(arc.replace("views = 4", "views = 0") + GRID, encoding="utf-8")
    with pytest.raises(InputError, match="views: expected a positive whole number, got 0"):
        load_geometry(path)
