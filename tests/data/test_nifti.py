import gzip
from collections.abc import Callable
from itertools import permutations, product
from pathlib import Path

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray

from svct.data import read_volume
from svct.data.nifti import file_sha256
from svct.errors import DataFileError, InputError

SPACING = (2.5, 1.5, 0.75)

ALL_AXES = ["".join(p) for order in permutations(["RL", "AP", "SI"]) for p in product(*order)]


def save(values: NDArray[np.generic], affine: NDArray[np.float64] | None, path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(values, affine), path)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("axes", ALL_AXES)
def test_every_stored_orientation_is_undone(
    tmp_path: Path, axes: str, patient: NDArray[np.int16], write_nifti: Callable[..., Path]
) -> None:
    read = read_volume(write_nifti(tmp_path / "a.nii", axes))
    np.testing.assert_array_equal(read.hu, patient)
    assert read.spacing_mm == pytest.approx(SPACING)
    assert read.orientation == f"NIfTI affine, stored as {axes}"


def test_compressed_file_and_its_hash(tmp_path: Path, write_nifti: Callable[..., Path]) -> None:
    path = write_nifti(tmp_path / "a.nii.gz", "LAS")
    read = read_volume(str(path))
    assert read.hu.dtype == np.int16
    assert (read.source, read.sha256) == ("a.nii.gz", file_sha256(path))


def test_intercept_is_applied_and_keeps_int16(tmp_path: Path) -> None:
    save(np.full((2, 2, 2), 1024, np.int16), np.eye(4), tmp_path / "a.nii")
    raw = bytearray((tmp_path / "a.nii").read_bytes())
    raw[112:120] = np.array([1, -1024], "<f4").tobytes()  # slope and intercept, which nibabel resets
    (tmp_path / "a.nii").write_bytes(raw)
    read = read_volume(tmp_path / "a.nii")
    assert read.hu.dtype == np.int16
    assert (np.unique(read.hu) == [0]).all()


def test_lengths_in_metres(tmp_path: Path, write_nifti: Callable[..., Path]) -> None:
    read = read_volume(write_nifti(tmp_path / "a.nii", "RAS", unit="meter"))
    assert read.spacing_mm == pytest.approx([1000 * s for s in SPACING])


def test_an_unstated_orientation_is_said(tmp_path: Path, patient: NDArray[np.int16]) -> None:
    save(patient, None, tmp_path / "a.nii")
    assert "does not state it" in read_volume(tmp_path / "a.nii").orientation


def test_a_small_tilt_is_kept_and_said_a_large_one_refused(tmp_path: Path, patient: NDArray[np.int16]) -> None:
    for degrees, path in [(12, tmp_path / "small.nii"), (40, tmp_path / "large.nii")]:
        a = np.radians(degrees)
        affine = np.eye(4)
        affine[1:3, 1:3] = [[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]
        save(patient, affine, path)
    assert "tilted by 12.0 degrees" in read_volume(tmp_path / "small.nii").orientation
    with pytest.raises(DataFileError, match=r"got 40.0 degrees; resample"):
        read_volume(tmp_path / "large.nii")


def test_damaged_files_name_cause_and_remedy(tmp_path: Path, write_nifti: Callable[..., Path]) -> None:
    whole = write_nifti(tmp_path / "whole.nii", "RAS").read_bytes()
    packed = gzip.compress(whole)
    bad = {
        "short.nii": whole[:-100],
        "short.nii.gz": packed[:-40],
        "flipped.nii.gz": packed[:60] + bytes(b ^ 255 for b in packed[60:80]) + packed[80:],
        "empty.nii": b"",
        "text.nii": b"patient 7, see the other folder\n" * 40,
        "text.nii.gz": b"not compressed at all",
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataFileError, match=rf"{name}: expected a whole NIfTI .*; copy or convert it again"):
            read_volume(tmp_path / name)


def test_several_volumes_and_nan_are_refused(tmp_path: Path) -> None:
    save(np.zeros((2, 2, 2, 3), np.int16), np.eye(4), tmp_path / "four.nii")
    with pytest.raises(DataFileError, match="expected one volume"):
        read_volume(tmp_path / "four.nii")
    hu = np.zeros((2, 2, 2), np.float32)
    hu[0, 0] = np.nan
    save(hu, np.eye(4), tmp_path / "nan.nii")
    with pytest.raises(DataFileError, match=r"2 of 8 voxels NaN.*replace those voxels"):
        read_volume(tmp_path / "nan.nii")


def test_paths_of_other_kinds(tmp_path: Path, write_nifti: Callable[..., Path]) -> None:
    with pytest.raises(DataFileError, match="got nothing there"):
        read_volume(tmp_path / "missing.nii")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DataFileError, match="another kind of file; convert it to NIfTI"):
        read_volume(tmp_path / "notes.txt")
    with pytest.raises(InputError, match="expected none for a NIfTI file"):
        read_volume(write_nifti(tmp_path / "a.nii", "RAS"), series="2")
