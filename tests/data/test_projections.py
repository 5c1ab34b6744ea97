from pathlib import Path

import h5py
import numpy as np
import pytest

from svct.data import read_image, read_projections, write_image, write_projections
from svct.errors import DataFileError, InputError, OutputExistsError

SCAN = {"kind": "fan", "angles": [i * 0.001 for i in range(20000)]}
GRID = {"shape": [16, 16], "voxel_mm": 1.5}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    y = np.random.default_rng(0).normal(size=(2, 30, 40))
    return write_projections(tmp_path / "y.h5", y, SCAN, grid_dict=GRID, meta={"seed": 0})


def test_projections_round_trip(written: Path) -> None:
    read = read_projections(str(written))
    expected = np.random.default_rng(0).normal(size=(2, 30, 40)).astype(np.float32)
    np.testing.assert_array_equal(read.y, expected)
    assert read.y.dtype == np.float32
    assert (read.scan, read.grid, read.meta) == (SCAN, GRID, {"seed": 0})
    with h5py.File(written) as file:
        assert file.attrs["schema"] == "svct.projections/1"
        assert set(file) == {"projections"}


def test_image_round_trip(tmp_path: Path) -> None:
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    read = read_image(write_image(tmp_path / "x.h5", x, GRID))
    np.testing.assert_array_equal(read.x, x)
    assert (read.grid, read.meta) == (GRID, {})


def test_nothing_is_overwritten_unasked(written: Path) -> None:
    before = written.read_bytes()
    with pytest.raises(OutputExistsError, match="expected a free name"):
        write_projections(written, np.ones((2, 2)), {}, grid_dict={})
    assert written.read_bytes() == before
    write_projections(written, np.ones((2, 2)), {}, grid_dict={}, overwrite=True)
    assert read_projections(written).y.shape == (2, 2)


def test_bad_values_are_counted_and_nothing_is_left(tmp_path: Path) -> None:
    y = np.ones((4, 5))
    y[0, :2] = np.nan
    y[1, 0] = 1e300
    with pytest.raises(InputError, match="projections: expected finite float32 values, got 3 of 20"):
        write_projections(tmp_path / "y.h5", y, {}, grid_dict={})
    with pytest.raises(InputError, match=r"scan: expected a dictionary of plain JSON"):
        write_projections(tmp_path / "y.h5", np.ones((2, 2)), {"angles": np.ones(2)}, grid_dict={})
    with pytest.raises(InputError, match=r"got complex128"):
        write_image(tmp_path / "y.h5", np.ones((2, 2), complex), {})
    assert list(tmp_path.iterdir()) == []


def test_truncated_and_corrupt_files(written: Path) -> None:
    whole = written.read_bytes()
    written.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataFileError, match=r"expected a whole HDF5 file.*copy or write it again"):
        read_projections(written)
    first = read_offset(whole)
    written.write_bytes(whole[:first] + bytes(b ^ 255 for b in whole[first : first + 8]) + whole[first + 8 :])
    with pytest.raises(DataFileError, match=r"got a damaged file.*copy or write it again"):
        read_projections(written)


def read_offset(whole: bytes) -> int:
    start = np.random.default_rng(0).normal(size=(2, 30, 40)).astype("<f4").tobytes()[:16]
    return whole.index(start)


def test_foreign_files(tmp_path: Path, written: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["data"] = np.ones(3)
    with pytest.raises(DataFileError, match="an HDF5 file that svct did not write"):
        read_projections(tmp_path / "other.h5")
    with pytest.raises(DataFileError, match=r"expected a file of schema svct\.image/1, got svct\.projections/1"):
        read_image(written)
    (tmp_path / "text.h5").write_text("hello")
    with pytest.raises(DataFileError, match="expected a whole HDF5 file"):
        read_image(tmp_path / "text.h5")
    with pytest.raises(DataFileError, match="got nothing there"):
        read_image(tmp_path / "missing.h5")
    with pytest.raises(DataFileError, match="got a folder"):
        read_image(tmp_path)


def test_a_file_without_its_descriptions(written: Path) -> None:
    with h5py.File(written, "a") as file:
        del file.attrs["grid"]
    with pytest.raises(DataFileError, match="expected /projections and scan, grid, meta"):
        read_projections(written)


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"existing folder, got none at .*no; create it"):
        write_image(tmp_path / "no" / "x.h5", np.ones((2, 2)), {})
