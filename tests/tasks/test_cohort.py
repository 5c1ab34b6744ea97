import itertools

import numpy as np
import pytest
import torch
from scipy import ndimage

from svct.errors import InputError, UnknownNameError
from svct.geometry import Grid
from svct.tasks import Cohort, Patient, load_task
from svct.tasks.phantoms.truth import ORGANS
from svct.units import mu_to_hu

ANATOMIES = ["abdomen", "chest", "head", "hips", "part", "shoulder", "water"]
WIDEST = {"abdomen": 59, "chest": 122, "head": 0, "hips": 37, "part": 24, "shoulder": 33, "water": 0}
"""The patient of 200 who reaches furthest from the axis when turned by 20 degrees."""
TOPS = {"water": (60, 2500), "hips": (10_000, 42_000)}
"""Least and greatest CT number of a patient's densest pixel; elsewhere 300 to 2500 HU."""


def cohort(anatomy: str, pixels: int = 128, **options: int) -> Cohort:
    task = load_task(anatomy)
    return Cohort(anatomy, Grid(shape=(pixels, pixels), voxel_mm=task.grid.voxel_mm * 128 / pixels), **options)


@pytest.mark.parametrize("anatomy", ANATOMIES)
def test_a_patient_depends_on_seed_and_index_alone(anatomy: str) -> None:
    first = cohort(anatomy, size=20)
    expected = first.patient(7).image
    first.patient(3)
    assert torch.equal(first.patient(7).image, expected)
    assert torch.equal(cohort(anatomy, size=400).patient(7).image, expected)
    assert not torch.equal(cohort(anatomy, seed=1, size=20).patient(7).image, expected)


@pytest.mark.parametrize("anatomy", ANATOMIES)
def test_no_two_patients_are_alike(anatomy: str) -> None:
    images = cohort(anatomy).images(range(8))
    for a, b in itertools.combinations(images, 2):
        assert float((a - b).norm() / a.norm()) > 0.03


@pytest.mark.parametrize("anatomy", ANATOMIES)
@pytest.mark.parametrize(("pixels", "tolerance"), [(64, 0.01), (256, 0.06)])
def test_the_same_patient_on_every_grid(anatomy: str, pixels: int, tolerance: float) -> None:
    # Samples are under 1.1 mm on every grid; where they fall otherwise than at 128, edges differ a little.
    fine, coarse = (cohort(anatomy, n).patient(5).image for n in sorted((128, pixels), reverse=True))
    averaged = torch.nn.functional.avg_pool2d(fine[None], 2)[0]
    assert float((averaged - coarse).norm() / coarse.norm()) < tolerance


def test_a_grid_off_the_axis_sees_the_patient_where_he_lies() -> None:
    centred = cohort("head").patient(2).image
    grid = Grid(shape=(128, 128), voxel_mm=2.0, origin_mm=(20.0, -8.0))
    moved = Cohort("head", grid).patient(2).image
    assert torch.allclose(moved[:-4, :-10], centred[4:, 10:], atol=1e-6)


@pytest.mark.parametrize("anatomy", ANATOMIES)
def test_units_and_room(anatomy: str) -> None:
    task = load_task(anatomy)
    row, col = np.mgrid[:128, :128] - 63.5
    outside = torch.from_numpy(np.hypot(row, col) > 64)
    for index in (0, 1, WIDEST[anatomy]):
        for rotation_deg in (20.0, -20.0):
            image = task.cohort.patient(index, rotation_deg=rotation_deg).image
            assert image.dtype == torch.float32
            assert float(image.min()) == 0.0
            assert float(image[outside].max()) == 0.0
            hu = mu_to_hu(image)
            solid = (hu > -150) & (hu < (2500 if anatomy == "part" else 150))
            assert 0.1 < float(solid.float().mean()) < 0.7
            low, high = TOPS.get(anatomy, (300, 2500))
            assert low < float(hu.max()) < high


def median_hu(patient: Patient, organ: str) -> float:
    """Return the median over an organ, without the pixels at its border; bones keep theirs, which are their cortex."""
    inside = patient.truth.labels == ORGANS.index(organ)
    if organ != "bone":
        inside = ndimage.binary_erosion(inside)
    return float(mu_to_hu(patient.image)[torch.from_numpy(inside)].median())


@pytest.mark.parametrize(
    ("anatomy", "organ", "low", "high"),
    [
        ("chest", "lung", -950, -600),
        ("chest", "muscle", 0, 80),
        ("shoulder", "bone", 200, 1500),
        ("shoulder", "muscle", 0, 80),
        ("head", "bone", 200, 1500),
        ("head", "white matter", 15, 40),
        ("abdomen", "bone", 200, 1500),
        ("abdomen", "fat", -130, -70),
        ("hips", "bladder", 0, 20),
        ("hips", "muscle", 0, 80),
        ("hips", "metal", 11_000, 40_000),
        ("part", "metal", 2300, 2450),
        ("part", "polymer", 0, 420),
        ("water", "water", -5, 5),
    ],
)
def test_labels_sit_where_the_image_shows_the_organ(anatomy: str, organ: str, low: float, high: float) -> None:
    for index, rotation_deg in ((0, 0.0), (1, 20.0)):
        patient = cohort(anatomy, 256).patient(index, rotation_deg=rotation_deg)
        assert low < median_hu(patient, organ) < high


@pytest.mark.parametrize("anatomy", ANATOMIES)
def test_air_is_exactly_zero(anatomy: str) -> None:
    for index in range(3):
        patient = cohort(anatomy).patient(index)
        body = ndimage.binary_dilation(ndimage.binary_fill_holes(patient.truth.labels > 0), iterations=2)
        assert float(patient.image[torch.from_numpy(~body)].max()) == 0.0
        soft = np.isin(
            patient.truth.labels, [ORGANS.index(name) for name in ("fat", "muscle", "bone", "water", "metal")]
        )
        assert float(patient.image[torch.from_numpy(soft)].min()) > 0.0


@pytest.mark.parametrize("anatomy", ["abdomen", "chest", "head", "hips", "shoulder"])
def test_nothing_pierces_the_skin(anatomy: str) -> None:
    drawn = cohort(anatomy, 384)
    cover = [ORGANS.index(organ) for organ in ("air", "skin", "fat")]
    for index in range(12):
        labels = drawn.patient(index).truth.labels
        parts, _ = ndimage.label(labels == ORGANS.index("air"))
        beside_air = ndimage.binary_dilation(parts == parts[0, 0]) & ~np.isin(labels, cover)
        assert not beside_air.any(), [ORGANS[k] for k in np.unique(labels[beside_air])]


def test_nodules_sit_in_lung_where_the_truth_says() -> None:
    patients = [cohort("chest").patient(i, rotation_deg=(0.0, -20.0)[i % 2]) for i in range(10)]
    with_nodule = [patient for patient in patients if patient.truth.nodule is not None]
    assert 3 <= len(with_nodule) <= 8
    for patient in with_nodule:
        nodule = patient.truth.nodule
        assert nodule is not None
        x, y = nodule.centre_mm
        row, col = 63.5 - y / 3.2, 63.5 + x / 3.2
        away = 3.2 * np.hypot(np.arange(128)[:, None] - row, np.arange(128) - col)
        hu = mu_to_hu(patient.image).numpy()
        labelled = patient.truth.labels == ORGANS.index("nodule")
        assert ndimage.center_of_mass(labelled) == pytest.approx((row, col), abs=0.6)
        assert labelled.sum() * 3.2**2 == pytest.approx(np.pi * nodule.diameter_mm**2 / 4, rel=0.35, abs=15)
        if nodule.diameter_mm > 12:
            assert hu[away < nodule.diameter_mm / 2 - 3.2] == pytest.approx(nodule.hu, abs=5)
        assert np.median(hu[(away > nodule.diameter_mm / 2 + 3) & (away < nodule.diameter_mm / 2 + 7)]) < -500
    for patient in patients:
        labelled = patient.truth.labels == ORGANS.index("nodule")
        assert labelled.any() == (patient.truth.nodule is not None)


@pytest.mark.parametrize("anatomy", ANATOMIES)
def test_a_quarter_turn_turns_the_pixels_anticlockwise(anatomy: str) -> None:
    upright, turned = (cohort(anatomy).patient(3, rotation_deg=d).image for d in (0.0, 90.0))
    assert float((turned - upright.rot90()).norm() / upright.norm()) < 1e-5


def test_rotation_turns_the_patient() -> None:
    whole = cohort("chest")
    upright, turned = (whole.patient(4, rotation_deg=d).image.numpy() for d in (0.0, 15.0))
    assert np.linalg.norm(turned - upright) > 0.3 * np.linalg.norm(upright)
    resampled = ndimage.rotate(upright, 15.0, reshape=False, order=1)
    assert np.linalg.norm(turned - resampled) < 0.15 * np.linalg.norm(upright)


def test_water_has_no_direction() -> None:
    mean = cohort("water").images(range(120)).mean(dim=0)
    for other in (mean.T, mean.flip(0), mean.rot90()):
        assert float((mean - other).norm() / mean.norm()) < 0.08
    image = cohort("water").patient(2).image
    body = (image > 0.5 * 0.0193).float()
    row, col = np.nonzero(body.numpy())
    assert row.std() == pytest.approx(col.std(), rel=0.01)


def test_water_is_round_on_average() -> None:
    mean = cohort("water").images(range(120)).mean(dim=0).numpy()
    row, col = np.mgrid[:128, :128] - 63.5
    ring = np.hypot(row, col).astype(int)
    radial = np.bincount(ring.ravel(), mean.ravel()) / np.bincount(ring.ravel())
    assert np.linalg.norm(mean - radial[ring]) < 0.06 * np.linalg.norm(mean)
    sectors = [mean[(np.arctan2(row, col) // (np.pi / 4)) == k].sum() for k in range(-4, 4)]
    assert max(sectors) / min(sectors) < 1.1


def test_splits_share_no_patient() -> None:
    splits = {name: set(cohort("head", size=57).split(name)) for name in ("train", "validation", "test")}
    assert sum(len(s) for s in splits.values()) == 57
    assert set.union(*splits.values()) == set(range(57))
    assert splits["test"] == {i for i in range(57) if i % 10 in (8, 9)}


def test_bad_input_is_named() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown anatomy 'chst': expected one of .* Did you mean 'chest'"):
        Cohort("chst", Grid(shape=(8, 8)))
    with pytest.raises(InputError, match="patient index: expected 0 to 9, got 10"):
        cohort("water", size=10).patient(10)
    with pytest.raises(InputError, match="expected 0 to 9, got -1; raise the cohort's size for more"):
        cohort("water", size=10).patient(-1)
    with pytest.raises(InputError, match="expected seed >= 0 and size >= 1, got seed=-1 and size=400"):
        cohort("water", seed=-1)
    with pytest.raises(InputError, match="expected seed >= 0 and size >= 1, got seed=0 and size=0"):
        cohort("water", size=0)
    with pytest.raises(UnknownNameError, match="unknown split 'tests'"):
        cohort("water").split("tests")
    with pytest.raises(InputError, match="expected a 2D grid"):
        Cohort("water", Grid(shape=(8, 8, 8)))
    with pytest.raises(InputError, match="at least one patient index, got none"):
        cohort("water").images([])


def test_both_hips_hold_metal_that_the_warp_does_not_bend() -> None:
    for index in range(6):
        patient = cohort("hips", 256).patient(index)
        head = [s for s in patient.truth.structures if s.name == "metal"]
        sides = {s.centre_mm[0] > 0 for s in head if s.hu > 11_000}
        assert sides == {True, False}
        for s in head:
            if s.size_mm[0] == s.size_mm[1] and 26 < s.size_mm[0] < 37 and s.hu > 30_000:
                assert_round(patient, s.centre_mm, s.size_mm[0])


def assert_round(patient: Patient, centre_mm: tuple[float, float], diameter_mm: float) -> None:
    """Assert that a head of cobalt-chrome, the densest there is, covers the pixels of a disc and no others."""
    dense = mu_to_hu(patient.image).numpy() > 20_000
    row, col = np.mgrid[:256, :256] - 127.5
    away = 1.8 * np.hypot(col - centre_mm[0] / 1.8, row + centre_mm[1] / 1.8)
    near = away < diameter_mm / 2 + 6
    assert dense[away < diameter_mm / 2 - 2].all()
    assert not dense[near & (away > diameter_mm / 2 + 2)].any()


def test_parts_have_edges_in_one_direction() -> None:
    angles = []
    for index in range(6):
        image = cohort("part", 256).patient(index).image.numpy()
        down, right = np.gradient(image)
        power = down**2 + right**2
        along = np.rad2deg(np.arctan2(-down, right))  # of the normals, y up
        within = np.abs((along - 125 + 90) % 180 - 90) < 12
        assert power[within].sum() > 0.6 * power.sum()
        angles.append(0.5 * np.rad2deg(np.angle((power * np.exp(2j * np.deg2rad(along))).sum())) % 180)
    assert min(angles) > 119
    assert max(angles) < 131
    assert max(angles) - min(angles) > 0.5
