import numpy as np
import pytest

from svct.data import Volume
from svct.data.volume import overlap_weights
from svct.errors import InputError
from svct.geometry.grid import Grid
from svct.units import MU_WATER, hu_to_mu


def volume(hu: object, spacing: tuple[float, float, float] = (2.0, 1.0, 1.0)) -> Volume:
    return Volume(np.asarray(hu), spacing, source="made here")


def test_padding_becomes_air_and_small_integers_stay_int16() -> None:
    made = volume(np.array([[[-2048, -1024], [-1000, 3071]]], np.int32))
    assert made.hu.dtype == np.int16
    assert made.hu.tolist() == [[[-1000, -1000], [-1000, 3071]]]
    assert not made.hu.flags.writeable


def test_the_callers_array_is_left_as_it_was() -> None:
    hu = np.full((1, 2, 2), -2000, np.int16)
    volume(hu)
    assert hu.min() == -2000
    assert hu.flags.writeable


def test_values_beyond_int16_become_float32() -> None:
    made = volume(np.full((1, 2, 2), 40000, np.uint16))
    assert made.hu.dtype == np.float32
    assert made.hu.max() == 40000


@pytest.mark.parametrize(
    ("hu", "message"),
    [
        (np.zeros((2, 2)), r"shape \(nz, ny, nx\), got float64 of shape \(2, 2\)"),
        (np.full((1, 2, 2), np.nan), "got 4 of 4 voxels NaN"),
        (np.zeros((1, 2, 2), complex), "expected real numbers"),
    ],
)
def test_arrays_that_are_no_volume(hu: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        volume(hu)


def test_spacing_must_be_three_lengths() -> None:
    with pytest.raises(InputError, match="three lengths"):
        volume(np.zeros((1, 2, 2)), (1.0, 0.0, 1.0))


@pytest.mark.parametrize("voxel_mm", [0.4, 0.7, 1.3, 3.1])
def test_resampling_keeps_the_integral_over_the_plane(voxel_mm: float) -> None:
    made = volume(np.random.default_rng(3).integers(-1000, 1500, (2, 17, 23)), (2.0, 0.8, 0.9))
    n = int(30 / voxel_mm)
    images = made.slices_on(Grid((n, n + 1), voxel_mm=voxel_mm))
    assert images.dtype == np.float32
    expected = hu_to_mu(made.hu.astype(np.float64)).sum((1, 2)) * 0.8 * 0.9
    np.testing.assert_allclose(images.sum((1, 2)) * voxel_mm**2, expected, rtol=1e-5)


def test_a_grid_like_the_array_gives_its_values_back() -> None:
    made = volume(np.random.default_rng(4).integers(-1000, 1500, (3, 9, 7)))
    images = made.slices_on(Grid((9, 7)), [2, 0])
    np.testing.assert_allclose(images, hu_to_mu(made.hu[[2, 0]].astype(np.float32)), atol=1e-7)


def test_the_array_is_centred_and_surrounded_by_nothing() -> None:
    image = volume(np.zeros((1, 2, 2))).slices_on(Grid((6, 6)))[0]
    assert image[2:4, 2:4] == pytest.approx(MU_WATER)
    image[2:4, 2:4] = 0
    assert not image.any()


def test_orientation_of_the_image_is_that_of_the_array() -> None:
    hu = np.full((1, 4, 4), -1000)
    hu[0, 0, 3] = 0
    image = volume(hu).slices_on(Grid((2, 2), voxel_mm=2.0))[0]
    assert np.argwhere(image > 0).tolist() == [[0, 1]]


def test_fits_asks_for_the_body_not_for_the_array() -> None:
    hu = np.full((2, 10, 10), -1000)
    hu[1, 2:8, 2:8] = 40
    assert volume(hu).fits(Grid((6, 6)))
    assert not volume(hu).fits(Grid((6, 5)))
    assert not volume(hu).fits(Grid((5, 6)))


def test_edge_slices_and_body_fraction() -> None:
    hu = np.full((3, 4, 4), -1000)
    hu[1, 1, 0] = 0
    hu[2, 1:3, 1:3] = 0
    assert volume(hu).edge_slices().tolist() == [False, True, False]
    assert volume(hu).body_fraction().tolist() == [0, 1 / 16, 4 / 16]


def test_wrong_grids_and_indices_are_named() -> None:
    made = volume(np.zeros((3, 4, 4)))
    with pytest.raises(InputError, match="2D grid"):
        made.slices_on(Grid((4, 4, 4)))
    with pytest.raises(InputError, match="expected 0 to 2, got -1 to 1"):
        made.slices_on(Grid((4, 4)), [1, -1])


def test_overlap_weights_of_covered_pixels_sum_to_one() -> None:
    weights = overlap_weights(11, 0.7, (5, 1.1))
    np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-6)
