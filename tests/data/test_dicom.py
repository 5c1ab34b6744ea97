import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from svct.data import read_volume
from svct.errors import DataFileError

SPACING = (2.5, 1.5, 0.75)

ORIENTATIONS = [(1, 0, 0, 0, 1, 0), (-1, 0, 0, 0, 1, 0), (1, 0, 0, 0, -1, 0), (-1, 0, 0, 0, -1, 0)]


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("seed", [0, 1])
def test_shuffled_files_of_any_flip_give_the_patient(
    tmp_path: Path,
    orientation: tuple[float, ...],
    seed: int,
    patient: NDArray[np.int16],
    write_dicom: Callable[..., list[Path]],
) -> None:
    write_dicom(tmp_path / "a" / "b", orientation=orientation, seed=seed)
    read = read_volume(tmp_path)
    np.testing.assert_array_equal(read.hu, patient)
    assert read.hu.dtype == np.int16
    assert read.spacing_mm == pytest.approx(SPACING)
    assert read.orientation == "DICOM ImageOrientationPatient"


def test_hash_does_not_depend_on_file_names(tmp_path: Path, write_dicom: Callable[..., list[Path]]) -> None:
    paths = write_dicom(tmp_path)
    before = read_volume(tmp_path).sha256
    for index, path in enumerate(paths):
        path.rename(tmp_path / f"{9 - index}.dcm")
    assert read_volume(tmp_path).sha256 == before


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_hash_is_that_of_the_files_from_inferior_to_superior(
    tmp_path: Path, orientation: tuple[float, ...], write_dicom: Callable[..., list[Path]]
) -> None:
    paths = write_dicom(tmp_path, orientation=orientation)
    expected = hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()
    assert read_volume(tmp_path).sha256 == expected


def test_single_file_is_one_slice(
    tmp_path: Path, patient: NDArray[np.int16], write_dicom: Callable[..., list[Path]]
) -> None:
    read = read_volume(write_dicom(tmp_path)[2])
    np.testing.assert_array_equal(read.hu, patient[2:3])
    assert read.spacing_mm == pytest.approx((5.0, *SPACING[1:]))


def test_padding_value_becomes_air(
    tmp_path: Path,
    patient: NDArray[np.int16],
    write_dicom: Callable[..., list[Path]],
    edit_dicom: Callable[..., None],
) -> None:
    path = write_dicom(tmp_path)[0]
    stored = int(patient[0, 0, 0]) + 1024
    edit_dicom(path, PixelPaddingValue=stored)
    read = read_volume(path)
    assert read.hu[0, 0, 0] == -1000
    assert (read.hu == -1000).sum() == 1


def test_missing_slice(tmp_path: Path, write_dicom: Callable[..., list[Path]]) -> None:
    paths = write_dicom(tmp_path)
    paths[3].unlink()
    message = rf"every 2.5 mm, got 5 mm between {paths[2].name} and {paths[4].name}.*slices are missing"
    with pytest.raises(DataFileError, match=message):
        read_volume(tmp_path)


def test_two_images_in_one_place(tmp_path: Path, write_dicom: Callable[..., list[Path]]) -> None:
    paths = write_dicom(tmp_path)
    (tmp_path / "copy").write_bytes(paths[1].read_bytes())
    with pytest.raises(DataFileError, match="another in the same place"):
        read_volume(tmp_path)


def test_several_series_are_listed_and_one_can_be_chosen(
    tmp_path: Path, patient: NDArray[np.int16], write_dicom: Callable[..., list[Path]]
) -> None:
    write_dicom(tmp_path / "a", uid="1.2.3.4", number=2)
    write_dicom(tmp_path / "b", uid="1.2.3.5", number=7, orientation=ORIENTATIONS[1])
    with pytest.raises(DataFileError) as caught:
        read_volume(tmp_path)
    message = str(caught.value)
    assert "1.2.3.4 (number 2, 'thorax 2' 6 images); 1.2.3.5 (number 7, 'thorax 7' 6 images)" in message
    assert "--series" in message
    for wanted in ("1.2.3.5", "7"):
        read = read_volume(tmp_path, series=wanted)
        np.testing.assert_array_equal(read.hu, patient)
        assert read.source.endswith("series 1.2.3.5")
    with pytest.raises(DataFileError, match="that '9' names"):
        read_volume(tmp_path, series="9")


def test_other_files_and_modalities_are_passed_over(
    tmp_path: Path,
    patient: NDArray[np.int16],
    write_dicom: Callable[..., list[Path]],
    edit_dicom: Callable[..., None],
) -> None:
    write_dicom(tmp_path)
    (tmp_path / "README.txt").write_text("scans")
    structures = write_dicom(tmp_path / "rt", uid="1.2.9")[0]
    for path in (tmp_path / "rt").iterdir():
        edit_dicom(path, Modality="RTSTRUCT")
    np.testing.assert_array_equal(read_volume(tmp_path).hu, patient)
    with pytest.raises(DataFileError, match="expected DICOM CT images, got 1 DICOM RTSTRUCT"):
        read_volume(structures)


def test_folder_without_dicom(tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(b"")
    with pytest.raises(DataFileError, match=r"expected DICOM CT images, got 1 \.nii"):
        read_volume(tmp_path)


def test_multi_frame_is_refused(
    tmp_path: Path, write_dicom: Callable[..., list[Path]], edit_dicom: Callable[..., None]
) -> None:
    edit_dicom(write_dicom(tmp_path)[0], NumberOfFrames=4)
    with pytest.raises(DataFileError, match="of 4 frames; convert it"):
        read_volume(tmp_path)


@pytest.mark.parametrize("tag", ["ImagePositionPatient", "RescaleSlope", "PixelData"])
def test_missing_tags_are_named(
    tmp_path: Path, tag: str, write_dicom: Callable[..., list[Path]], edit_dicom: Callable[..., None]
) -> None:
    edit_dicom(write_dicom(tmp_path)[0], **{tag: None})
    with pytest.raises(DataFileError, match=r"cannot be used \(.*; copy it again"):
        read_volume(tmp_path)


@pytest.mark.filterwarnings("ignore:End of file reached:UserWarning")
def test_truncated_file(tmp_path: Path, write_dicom: Callable[..., list[Path]]) -> None:
    path = write_dicom(tmp_path)[0]
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(DataFileError, match=f"{path.name}: expected a whole CT image"):
        read_volume(tmp_path)


def test_a_slice_of_another_spacing(
    tmp_path: Path, write_dicom: Callable[..., list[Path]], edit_dicom: Callable[..., None]
) -> None:
    edit_dicom(write_dicom(tmp_path)[4], PixelSpacing=[1.0, 1.0])
    with pytest.raises(DataFileError, match="expected the shape, pixel spacing and orientation"):
        read_volume(tmp_path)


def test_gantry_tilt_is_said(
    tmp_path: Path, write_dicom: Callable[..., list[Path]], edit_dicom: Callable[..., None]
) -> None:
    for path in write_dicom(tmp_path):
        edit_dicom(path, ImageOrientationPatient=[1, 0, 0, 0, np.cos(0.2), np.sin(0.2)])
    assert "tilted by 11.5 degrees" in read_volume(tmp_path).orientation
