import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from svct.errors import InputError, UnknownNameError
from svct.geometry import ConeBeam, FanBeam, Grid, Helical, ParallelBeam, Scan, VectorBeam, scan_from_dict

ANGLES = [0.0, 0.5, 1.0, 4.5, -0.3]
CONE: dict[str, Any] = {"rows": 4, "bins": 9, "row_mm": 1.5, "bin_mm": 2.0, "source_mm": 500, "detector_mm": 300}
FAN = FanBeam([0.0, 0.5, 1.0], bins=9, bin_mm=2.0, source_mm=500, detector_mm=300)
SHIFTS = ((0.5, 0.0, 0.3), (-0.5, 0.1, -0.3))
SCANS = [
    ParallelBeam(ANGLES, bins=9, bin_mm=0.7, offset_mm=0.2),
    ParallelBeam(ANGLES, bins=9, bin_mm=0.7, rows=3, offset_mm=(0.2, -1.0)),
    FanBeam(ANGLES, bins=9, bin_mm=2.0, source_mm=500, detector_mm=300, offset_mm=0.5, tilt=0.1),
    FanBeam(ANGLES, bins=9, source_mm=500, detector_mm=300, curved=True, offset_mm=3.0, source_shift_mm=((1, 0),)),
    ConeBeam(ANGLES, **CONE),
    ConeBeam(ANGLES, **CONE, offset_mm=(0.5, -3.0), tilt=(0.1, -0.2, 0.3), source_shift_mm=SHIFTS),
    ConeBeam(ANGLES, **CONE, curved=True, offset_mm=40.0, tilt=(0.1, 0.2, 0.0), source_shift_mm=SHIFTS),
    Helical(ANGLES, **CONE, pitch_mm=20.0),
    Helical(ANGLES, **CONE, pitch_mm=-20.0, start_z_mm=3.0, curved=True),
    VectorBeam([[0, -500, 0, 300, 2, 0], [500, 0, -300, 0, 0.1, 2]], bins=9),
    VectorBeam([[0, 1, 0.1, 0, 0, 0, 2, 0, 0, 0, 0.1, 2]], bins=9, rows=3, divergent=False),
]


@pytest.mark.parametrize("scan", SCANS, ids=lambda s: s.kind)
def test_values(scan: Scan) -> None:
    again = scan_from_dict(scan.to_dict())
    assert again == scan
    assert again is not scan
    assert eval(repr(scan)) == scan
    assert hash(again) == hash(scan)
    assert np.array_equal(again.vectors, scan.vectors)
    assert scan.vectors.dtype == np.float64
    assert scan.vectors.shape == (len(scan), 6 if scan.ndim == 2 else 12)
    assert len(scan.detector_shape) == scan.ndim - 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        scan.bins = 3  # type: ignore[attr-defined]


@pytest.mark.parametrize("scan", SCANS, ids=lambda s: s.kind)
@pytest.mark.parametrize("views", [[0], [-1, 0, 0], slice(None, None, 2)])
@pytest.mark.parametrize("seen", [False, True])
def test_some_views_are_rows_of_all(scan: Scan, views: slice, seen: bool) -> None:
    scan = dataclasses.replace(scan)
    if seen:
        assert scan.vectors.size
    part = scan[views]
    assert np.array_equal(part.vectors, scan.vectors[views])
    assert part.angles == tuple(np.array(scan.angles)[views])
    assert part == scan_from_dict(part.to_dict())


def test_vectors_are_a_copy() -> None:
    FAN.vectors[:] = 0
    assert FAN.vectors.any()


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=20), st.integers(1, 50))
def test_round_trips(angles: list[float], bins: int) -> None:
    for scan in (
        ParallelBeam(angles, bins=bins, bin_mm=0.7),
        FanBeam(angles, bins=bins, source_mm=500.0, detector_mm=300.0),
        Helical(angles, **{**CONE, "bins": bins}, pitch_mm=7.7),
    ):
        assert scan_from_dict(scan.to_dict()) == scan
        assert eval(repr(scan)) == scan
        assert hash(scan_from_dict(scan.to_dict())) == hash(scan)


def test_a_dictionary_written_by_the_first_version_is_read() -> None:
    first = {"kind": "fan", "angles": [0.0, 0.5, 1.0], "bins": 9, "bin_mm": 2.0, "source_mm": 500, "detector_mm": 300}
    assert scan_from_dict(first) == FAN
    assert FAN.to_dict() == first


def test_grid_round_trip() -> None:
    grid = Grid(shape=(4, 5), voxel_mm=2.0, origin_mm=(1.0, -1.0))
    assert Grid.from_dict(grid.to_dict()) == grid
    with pytest.raises(InputError, match="grid: expected origin_mm, shape, voxel_mm, got shape"):
        Grid.from_dict({"shape": [3, 3]})


@pytest.mark.parametrize("angles", [[0.0, 1.0], (0.0, 1.0), np.array([0.0, 1.0]), torch.tensor([0.0, 1.0])])
def test_any_sequence_of_angles(angles: list[float]) -> None:
    assert ParallelBeam(angles, bins=3).angles == (0.0, 1.0)


@pytest.mark.parametrize(
    "views", [[2, 0], slice(0, 3, 2), np.array([True, False, True]), torch.tensor([0, 2]), (0, -1)]
)
def test_restricting_views(views: slice) -> None:
    assert set(FAN[views].angles) == {0.0, 1.0}
    assert FAN[views].source_mm == 500


@pytest.mark.parametrize(
    ("scan", "values", "message"),
    [
        (FAN, {"angles": []}, "at least one finite angle"),
        (FAN, {"angles": [math.nan]}, "with NaN or infinity"),
        (FAN, {"angles": ["a"]}, "expected numbers in radians"),
        (FAN, {"bins": 0}, "bins: expected a positive whole number, got 0"),
        (FAN, {"bins": 2.5}, "bins: expected a positive whole number, got 2.5"),
        (FAN, {"bin_mm": -1.0}, "bin_mm: expected a positive length in mm, got -1.0"),
        (FAN, {"source_mm": 0.0}, "source_mm: expected a positive length"),
        (FAN, {"detector_mm": -1.0}, "detector_mm: expected a non-negative length"),
        (FAN, {"curved": "yes"}, "curved: expected True or False, got 'yes'"),
        (FAN, {"offset_mm": (1.0, 2.0)}, "offset_mm: expected a finite number in mm, got"),
        (FAN, {"curved": True, "tilt": 0.1}, "tilt: expected 0 with a curved detector, got 0.1; move it with offset"),
        (FAN, {"source_shift_mm": [[0, 0]] * 4}, "expected one entry for each of the 3 views, .* got 4"),
        (FAN, {"source_shift_mm": [[0, 0, 0]]}, r"expected \(tangential, radial\) in mm, finite"),
        (SCANS[4], {"rows": 0}, "rows: expected a positive whole number, got 0"),
        (SCANS[4], {"row_mm": 0}, "row_mm: expected a positive length in mm, got 0"),
        (SCANS[4], {"offset_mm": (1, math.nan)}, r"offset_mm: expected \(along bins, along rows\), finite numbers"),
        (SCANS[4], {"tilt": (0, 0)}, r"tilt: expected \(in plane, about bins, about rows\), .* in radians"),
        (SCANS[4], {"curved": True, "tilt": (0, 0, 0.1)}, "expected 0 about the rows' axis with a curved detector"),
        (SCANS[7], {"pitch_mm": "3"}, "pitch_mm: expected a finite number in mm, got '3'"),
        (ParallelBeam([0.0], bins=3), {"row_mm": 2.0}, "row_mm: expected rows too"),
        (SCANS[9], {"table": [[0, 1, 2]]}, r"table: expected shape \(views, 6\) in 2D; give rows for 3D, got shape"),
        (SCANS[9], {"table": [[0, 1], [2]]}, "table: expected rows of 6 numbers in mm"),
        (SCANS[9], {"table": [[0, 1, 2, 3, 4, math.inf]]}, "table: expected finite numbers"),
        (SCANS[9], {"table": [[0, 1, 0, 1, 1, 0]]}, "a direction for every ray, got one of length 0 in view 0"),
        (SCANS[9], {"table": [[0, 1, 0, 2, 0, 0]]}, "a direction for every bin step"),
        (SCANS[9], {"curved": True, "divergent": False}, "expected a source for a curved detector"),
        (SCANS[9], {"curved": True}, "perpendicular to its row step .*, got 2.86 deg off"),
    ],
)
def test_impossible_values(scan: Scan, values: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        scan_from_dict({**scan.to_dict(), **values})


def test_unknown_geometries_and_views() -> None:
    kinds = "cone, fan, helical, parallel, vector"
    with pytest.raises(UnknownNameError, match=f"unknown geometry 'helix': expected one of {kinds}"):
        scan_from_dict({"kind": "helix"})
    with pytest.raises(InputError, match="parallel geometry: expected the fields angles, bin_mm, bins, got bins"):
        scan_from_dict({"kind": "parallel", "bins": 3})
    with pytest.raises(InputError, match=r"got angle, .*; offset_mm, row_mm, rows may be given too"):
        scan_from_dict({"kind": "parallel", "bins": 3, "bin_mm": 1.0, "angle": [0.0]})
    with pytest.raises(InputError, match="indices below 3, the number of views, got 7"):
        FAN[[0, 7]]
    with pytest.raises(InputError, match="at least one of the 3 views, got none"):
        FAN[[]]
    with pytest.raises(InputError, match="a mask of 3 booleans"):
        FAN[np.array([True])]


def test_scan_is_abstract() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Scan([0.0])  # type: ignore[abstract]
