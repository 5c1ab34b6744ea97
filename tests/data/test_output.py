"""Every format gives back the same patient, in svct's readers and in nibabel's and pydicom's own terms."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from svct.data import read_image, read_volume
from svct.data.output import Result, output_format, require_output, write_result
from svct.data.placement import place
from svct.errors import DataFileError, InputError, OutputExistsError
from svct.geometry import Grid
from svct.units import MU_WATER, hu_to_mu

META = {
    "svct": "1",
    "method": "fbp",
    "views": 24,
    "projections": "scan.h5",
    "projections_sha256": "ab" * 32,
    "settings": {},
    "seconds": 1.5,
}
STACK = Result((6, 8, 10), Grid((8, 10), 1.5), META, slice_mm=2.5)
VOLUME = Result((6, 8, 10), Grid((6, 8, 10), 1.5, (3.0, 4.0, 5.0)), META)


@pytest.fixture
def mu(patient: NDArray[np.int16]) -> NDArray[np.float32]:
    return np.asarray(hu_to_mu(patient.astype(np.float32)), np.float32)


def parts(x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    return [x[:4], x[4:]]


@pytest.mark.parametrize("name", ["x.nii", "x.NII.gz", "series"])
@pytest.mark.parametrize("result", [STACK, VOLUME], ids=["stack", "volume"])
def test_the_patient_comes_back_as_it_stands(
    tmp_path: Path, patient: NDArray[np.int16], mu: NDArray[np.float32], name: str, result: Result
) -> None:
    stored = mu if result is STACK else mu[:, ::-1]
    write_result(tmp_path / name, parts(stored), result)
    read = read_volume(tmp_path / name)
    assert np.abs(read.hu.astype(np.float64) - patient).max() < 0.01
    assert read.spacing_mm == pytest.approx((2.5 if result is STACK else 1.5, 1.5, 1.5))


def test_hdf5_keeps_attenuation_and_grid(tmp_path: Path, mu: NDArray[np.float32]) -> None:
    write_result(tmp_path / "x.h5", parts(mu), VOLUME)
    read = read_image(tmp_path / "x.h5")
    np.testing.assert_array_equal(read.x, mu)
    assert Grid.from_dict(read.grid) == VOLUME.grid
    assert read.meta == META


def test_voxels_lie_where_the_grid_has_them(tmp_path: Path, mu: NDArray[np.float32]) -> None:
    write_result(tmp_path / "x.nii", parts(mu), VOLUME)
    image = nibabel.load(tmp_path / "x.nii")
    affine = image.affine  # type: ignore[attr-defined]
    # x = 3 + (0 - 4.5) 1.5 to the left, y = 4 + (0 - 3.5) 1.5 to anterior, z = 5 + (0 - 2.5) 1.5 upwards
    assert affine[:3, 3] == pytest.approx([3.75, -1.25, 1.25])
    assert np.diag(affine)[:3] == pytest.approx([-1.5, 1.5, 1.5])
    assert image.get_fdata()[2, 3, 4] == pytest.approx((mu[4, 3, 2] / MU_WATER - 1) * 1000, abs=1e-2)  # type: ignore[attr-defined]
    header: Any = image.header
    assert header["descrip"].item() == b"svct fbp, 24 views, HU, water 0.0193/mm"
    assert (header["qform_code"], header["sform_code"]) == (1, 1)

    write_result(tmp_path / "series", parts(mu), VOLUME)
    slices = [pydicom.dcmread(p) for p in sorted((tmp_path / "series").iterdir())]
    for z, data in enumerate(slices):
        row, column = 8 - 1 - 3, 2  # rows run from anterior to posterior
        across, down = np.array(data.ImageOrientationPatient, float).reshape(2, 3)
        point = np.array(data.ImagePositionPatient, float) + 1.5 * (column * across + row * down)
        expected = affine @ [2, 3, z, 1]
        assert point == pytest.approx([-expected[0], -expected[1], expected[2]])
        assert data.pixel_array[row, column] == pytest.approx((mu[z, 3, 2] / MU_WATER - 1) * 1000, abs=0.51)


def test_a_series_says_what_it_is(tmp_path: Path, mu: NDArray[np.float32]) -> None:
    write_result(tmp_path / "a", parts(mu), STACK)
    slices = [pydicom.dcmread(p) for p in sorted((tmp_path / "a").iterdir())]
    for name in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        assert len({data[name].value for data in slices}) == 1
    assert len({data.SOPInstanceUID for data in slices}) == 6
    first = slices[0]
    assert first.SOPClassUID == pydicom.uid.CTImageStorage
    assert list(first.ImageType) == ["DERIVED", "SECONDARY", "AXIAL"]
    assert first.SeriesDescription == "svct fbp, 24 views"
    assert (first.RescaleSlope, first.RescaleIntercept, first.RescaleType) == (1, 0, "HU")
    assert (first.PixelSpacing, first.SliceThickness) == ([1.5, 1.5], 2.5)
    assert [data.InstanceNumber for data in slices] == list(range(1, 7))

    write_result(tmp_path / "b", parts(mu), replace(STACK, meta={**META, "seconds": 9.0}))
    write_result(tmp_path / "c", parts(mu), replace(STACK, meta={**META, "method": "tv"}))
    same, other = (pydicom.dcmread(tmp_path / name / "IM00001.dcm") for name in "bc")
    assert same.SOPInstanceUID == first.SOPInstanceUID
    assert other.SeriesInstanceUID != first.SeriesInstanceUID
    assert other.StudyInstanceUID == first.StudyInstanceUID


def test_water_and_axes_as_they_are_told(tmp_path: Path, mu: NDArray[np.float32]) -> None:
    told = replace(STACK, axes="RPI", mu_water=0.02)
    write_result(tmp_path / "x.nii", parts(np.full_like(mu, 0.02)), told)
    image = nibabel.load(tmp_path / "x.nii")
    assert not image.get_fdata().any()  # type: ignore[attr-defined]
    assert nibabel.aff2axcodes(image.affine) == ("R", "A", "I")  # type: ignore[attr-defined, no-untyped-call]
    for axes in ("LAL", "LA", "LAX", "las"):
        with pytest.raises(InputError, match="axes: expected three letters"):
            place(Grid((2, 2)), planes=1, slice_mm=1.0, axes=axes)


def test_extreme_values_are_clipped_not_wrapped(tmp_path: Path) -> None:
    x = np.array([[[-1.0, 1.0], [0.0, MU_WATER]]], np.float32)
    write_result(tmp_path / "a", [x], Result((2, 2), Grid((2, 2)), META))
    assert pydicom.dcmread(tmp_path / "a" / "IM00001.dcm").pixel_array.tolist() == [[-32768, 32767], [-1000, 0]]


def test_names_and_shapes_that_do_not_fit(tmp_path: Path) -> None:
    for name in ("x.ni", "x.nii.g", "x.dcm", "x.gz"):
        with pytest.raises(InputError, match=r"expected a name that ends in \.h5, \.nii or \.nii\.gz.*rename it"):
            output_format(Path(name))
    with pytest.raises(InputError, match="give it with --slice-mm, or write to"):
        require_output(tmp_path / "x.nii", replace(STACK, slice_mm=None), overwrite=False)
    with pytest.raises(InputError, match=r"slice_mm: expected a positive distance of the slices in mm, got '2\.5'"):
        require_output(tmp_path / "x.nii", replace(STACK, slice_mm="2.5"), overwrite=False)  # type: ignore[arg-type]
    require_output(tmp_path / "x.h5", replace(STACK, slice_mm=None), overwrite=False)
    for result in (STACK, VOLUME):
        with pytest.raises(InputError, match=r"expected one .*got shape \(2, 6, 8, 10\)"):
            require_output(tmp_path / "x.nii", replace(result, shape=(2, 6, 8, 10)), overwrite=False)
    with pytest.raises(DataFileError, match="expected to write into an existing folder"):
        require_output(tmp_path / "no" / "series", STACK, overwrite=False)
    with pytest.raises(InputError, match="expected at most 32767 voxels"):
        write_result(tmp_path / "x.nii", [], replace(STACK, shape=(40000, 8, 10)))


def test_folders_are_replaced_only_where_they_hold_a_series(tmp_path: Path, mu: NDArray[np.float32]) -> None:
    folder = tmp_path / "series"
    folder.mkdir()
    write_result(folder, parts(mu), STACK)
    with pytest.raises(OutputExistsError, match="remove it or ask to overwrite it"):
        write_result(folder, parts(mu), STACK)
    short = replace(STACK, shape=(2, 8, 10))
    write_result(folder, [mu[:2]], short, overwrite=True)
    assert len(list(folder.iterdir())) == 2

    def failing() -> list[NDArray[np.float32]]:
        raise DataFileError("slab 1 is damaged")

    with pytest.raises(DataFileError, match="slab 1 is damaged"):
        write_result(folder, (part for part in failing()), STACK, overwrite=True)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(OutputExistsError, match=r"holds notes\.txt; name a new folder"):
        write_result(folder, [mu[:2]], short, overwrite=True)
    assert sorted(p.name for p in folder.iterdir()) == ["IM00001.dcm", "IM00002.dcm", "notes.txt"]
    assert [p.name for p in tmp_path.iterdir()] == ["series"]
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputExistsError, match="got a file; name a new folder"):
        write_result(tmp_path / "file", [mu[:2]], short, overwrite=True)
