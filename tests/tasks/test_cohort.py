import itertools

import numpy as np
import pytest
import torch
from scipy import ndimage

from svct.errors import InputError, UnknownNameError
from svct.geometry import Grid
from svct.tasks import Cohort, load_task
from svct.units import mu_to_hu

ANATOMIES = ["abdomen", "chest", "head", "shoulder", "water"]


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
def test_the_same_patient_on_every_grid(anatomy: str) -> None:
    fine = cohort(anatomy, 256).patient(5).image
    coarse = cohort(anatomy, 128).patient(5).image
    averaged = torch.nn.functional.avg_pool2d(fine[None], 2)[0]
    assert float((averaged - coarse).norm() / coarse.norm()) < 0.06


@pytest.mark.parametrize("anatomy", ANATOMIES)
def test_units_and_room(anatomy: str) -> None:
    task = load_task(anatomy)
    row, col = np.mgrid[:128, :128] - 63.5
    outside = torch.from_numpy(np.hypot(row, col) > 63.5)
    for index in range(6):
        image = task.cohort.patient(index, rotation_deg=20.0 * (index % 3 - 1)).image
        assert image.dtype == torch.float32
        assert float(image.min()) == 0.0
        assert float(image[outside].max()) == 0.0
        hu = mu_to_hu(image)
        soft = float(((hu > -150) & (hu < 150)).float().mean())
        assert 0.1 < soft < 0.7
        assert float(hu.max()) < 2500
        if anatomy not in ("water",):
            assert float(hu.max()) > 300


def test_lungs_are_lungs() -> None:
    for index in range(4):
        patient = cohort("chest").patient(index)
        hu = mu_to_hu(patient.image)
        aerated = hu[(hu < -500) & (patient.image > 0)]
        assert -920 < float(aerated.median()) < -780


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
    with pytest.raises(UnknownNameError, match="unknown split 'tests'"):
        cohort("water").split("tests")
    with pytest.raises(InputError, match="expected a 2D grid"):
        Cohort("water", Grid(shape=(8, 8, 8)))
    with pytest.raises(InputError, match="at least one patient index, got none"):
        cohort("water").images([])
