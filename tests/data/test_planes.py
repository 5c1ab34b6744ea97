import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest

from svct.data import read_image, write_projections
from svct.data.planes import open_projections, write_image_planes
from svct.errors import DataFileError, InputError

SCAN = {"kind": "fan"}
GRID = {"voxel_mm": 1.5}


@pytest.mark.parametrize("lead", [(), (6,), (2, 3)])
def test_planes_are_counted_over_all_leading_axes(tmp_path: Path, lead: tuple[int, ...]) -> None:
    y = np.random.default_rng(0).normal(size=(*lead, 5, 7)).astype(np.float32)
    path = write_projections(tmp_path / "y.h5", y, SCAN, grid_dict=GRID, meta={"seed": 0})
    with open_projections(path) as file:
        assert (file.shape, file.scan, file.grid, file.meta) == (y.shape, SCAN, GRID, {"seed": 0})
        planes = y.reshape(-1, 5, 7)
        assert file.planes == len(planes)
        for part in (range(0, 1), range(len(planes) // 2, len(planes))):
            np.testing.assert_array_equal(file.read(part), planes[part.start : part.stop])


def test_reading_a_part_takes_the_memory_of_a_part(tmp_path: Path) -> None:
    path = write_projections(tmp_path / "y.h5", np.ones((64, 200, 256), np.float32), SCAN, grid_dict=GRID)
    plane = 4 * 200 * 256
    tracemalloc.start()
    try:
        with open_projections(path) as file:
            for i in range(0, 64, 2):
                assert file.read(range(i, i + 2)).all()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 2 * plane < peak < 8 * plane


def test_a_plane_is_stored_by_itself(tmp_path: Path) -> None:
    path = write_projections(tmp_path / "y.h5", np.ones((9, 30, 40)), SCAN, grid_dict=GRID)
    with h5py.File(path) as file:
        assert file["projections"].chunks == (1, 30, 40)


def test_damage_is_found_where_it_is_read(tmp_path: Path) -> None:
    y = np.random.default_rng(0).normal(size=(4, 30, 40)).astype("<f4")
    path = write_projections(tmp_path / "y.h5", y, SCAN, grid_dict=GRID)
    whole = path.read_bytes()
    at = whole.index(y[2].tobytes()[:16])
    path.write_bytes(whole[:at] + b"\xff\xff" + whole[at + 2 :])
    with open_projections(path) as file:
        np.testing.assert_array_equal(file.read(range(2)), y[:2])
        with pytest.raises(DataFileError, match=r"in planes 1 to 2, got a damaged file"):
            file.read(range(1, 3))
    with h5py.File(path, "a") as raw:
        del raw.attrs["grid"]
    with pytest.raises(DataFileError, match="expected /projections, scan, grid and meta"), open_projections(path):
        pass


@pytest.mark.parametrize("lead", [(), (5,), (5, 1)])
def test_images_written_in_parts_read_as_whole(tmp_path: Path, lead: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(size=(*lead, 4, 6)).astype(np.float32)
    planes = x.reshape(-1, 4, 6)
    slabs = (planes[i : i + 2] for i in range(0, len(planes), 2))
    write_image_planes(tmp_path / "x.h5", slabs, shape=x.shape, grid_dict=GRID, meta={"a": 1})
    read = read_image(tmp_path / "x.h5")
    np.testing.assert_array_equal(read.x, x)
    assert (read.grid, read.meta) == (GRID, {"a": 1})


def test_bad_parts_leave_no_file(tmp_path: Path) -> None:
    parts = [np.ones((2, 4, 6), np.float32), np.full((1, 4, 6), np.nan, np.float32)]
    with pytest.raises(InputError, match="image: expected finite float32 values, got 24 of 24"):
        write_image_planes(tmp_path / "x.h5", parts, shape=(3, 4, 6), grid_dict=GRID, meta={})
    with pytest.raises(InputError, match="expected 3 planes"):
        write_image_planes(tmp_path / "x.h5", parts[:1], shape=(3, 4, 6), grid_dict=GRID, meta={})
    assert list(tmp_path.iterdir()) == []
