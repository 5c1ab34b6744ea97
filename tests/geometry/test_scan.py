import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from svct.errors import InputError, UnknownNameError
from svct.geometry import FanBeam, Grid, ParallelBeam, Scan, scan_from_dict

FAN = FanBeam([0.0, 0.5, 1.0], bins=9, bin_mm=2.0, source_mm=500, detector_mm=300)


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=20), st.integers(1, 50))
def test_round_trips(angles: list[float], bins: int) -> None:
    for scan in (
        ParallelBeam(angles, bins=bins, bin_mm=0.7),
        FanBeam(angles, bins=bins, source_mm=500.0, detector_mm=300.0),
    ):
        assert scan_from_dict(scan.to_dict()) == scan
        assert eval(repr(scan)) == scan
        assert hash(scan_from_dict(scan.to_dict())) == hash(scan)


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


def test_vectors_mean_what_they_do_in_astra() -> None:
    import astra

    geometry = astra.create_proj_geom("fanflat", 2.0, 9, np.array(FAN.angles), 500, 300)
    assert np.allclose(FAN.vectors, astra.geom_2vec(geometry)["Vectors"])
    parallel = ParallelBeam(FAN.angles, bins=9, bin_mm=2.0)
    geometry = astra.create_proj_geom("parallel", 2.0, 9, np.array(FAN.angles))
    assert np.allclose(parallel.vectors, astra.geom_2vec(geometry)["Vectors"])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"angles": []}, "at least one finite angle"),
        ({"angles": [math.nan]}, "with NaN or infinity"),
        ({"angles": ["a"]}, "expected numbers in radians"),
        ({"bins": 0}, "bins: expected a positive whole number, got 0"),
        ({"bins": 2.5}, "bins: expected a positive whole number, got 2.5"),
        ({"bin_mm": -1.0}, "bin_mm: expected a positive length in mm, got -1.0"),
        ({"source_mm": 0.0}, "source_mm: expected a positive length"),
        ({"detector_mm": -1.0}, "detector_mm: expected a non-negative length"),
    ],
)
def test_impossible_values(values: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        scan_from_dict({**FAN.to_dict(), **values})


def test_unknown_geometries_and_views() -> None:
    with pytest.raises(UnknownNameError, match="unknown geometry 'helix': expected one of fan, parallel"):
        scan_from_dict({"kind": "helix"})
    with pytest.raises(InputError, match="parallel geometry: expected the fields angles, bin_mm, bins, got bins"):
        scan_from_dict({"kind": "parallel", "bins": 3})
    with pytest.raises(InputError, match="indices below 3, the number of views, got 7"):
        FAN[[0, 7]]
    with pytest.raises(InputError, match="at least one of the 3 views, got none"):
        FAN[[]]
    with pytest.raises(InputError, match="a mask of 3 booleans"):
        FAN[np.array([True])]


def test_scan_is_abstract() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Scan([0.0])  # type: ignore[abstract]
