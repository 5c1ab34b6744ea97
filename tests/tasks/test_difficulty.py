import numpy as np
import pytest

from svct.errors import InputError
from svct.geometry import Grid
from svct.tasks.cases import CaseCohort
from svct.tasks.difficulty import DETECTION, Difficulty, detection_difficulty
from svct.tasks.findings import finding_kind

GRID = Grid((96, 96), voxel_mm=4.5)


def cohort(finding: str, difficulty: Difficulty, *, anatomy: str = "abdomen") -> CaseCohort:
    return CaseCohort(anatomy, finding=finding, grid=GRID, prevalence=1.0, size=20, difficulty=difficulty)


def test_a_finding_that_fills_half_the_slice_changes_it_half_as_much() -> None:
    for anatomy, finding in (("abdomen", "hypodense liver lesion"), ("chest", "solid nodule")):
        whole, half = (
            cohort(finding, Difficulty(share=(share, share)), anatomy=anatomy).case(3) for share in (1.0, 0.5)
        )
        assert half.record.place.outlines == whole.record.place.outlines
        assert half.findings[0].contrast_hu == pytest.approx(whole.findings[0].contrast_hu / 2, rel=0.02)


def test_diameters_are_those_of_the_difficulty_and_there_are_no_lookalikes() -> None:
    for finding in ("kidney stone", "hypodense liver lesion"):
        cases = cohort(finding, Difficulty(diameter_mm=(6.0, 7.0)))
        sizes = [cases.case(i).findings[0].size_mm[0] for i in range(3)]
        assert 5.0 < min(sizes) <= max(sizes) < 9.0
        assert max(sizes) - min(sizes) > 0.01
    well = CaseCohort("abdomen", finding="kidney stone", grid=GRID, prevalence=0.0, size=300, difficulty=Difficulty())
    assert {well.kind(i) for i in range(300)} == {"absent", "sham"}


def test_every_detection_task_draws_what_its_kind_has() -> None:
    for name, difficulty in DETECTION.items():
        kind = finding_kind(name)
        low, high = vars(kind)["diameter_mm"]
        assert difficulty.diameter_mm is not None
        assert low <= difficulty.diameter_mm[0] < difficulty.diameter_mm[1] <= high
    assert detection_difficulty("pneumothorax") == Difficulty()


def test_an_impossible_difficulty_is_refused() -> None:
    with pytest.raises(InputError, match=r"expected 0 < least <= greatest <= 1, got \(0.0, 0.5\)"):
        Difficulty(share=(0.0, 0.5))
    with pytest.raises(InputError, match=r"expected 0 < least <= greatest, got \(8.0, 4.0\)"):
        Difficulty(diameter_mm=(8.0, 4.0))
    with pytest.raises(InputError, match="'pneumothorax' has none; leave it out"):
        cohort("pneumothorax", Difficulty(diameter_mm=(4.0, 8.0)), anatomy="chest")


def test_a_finding_that_fills_the_slice_is_left_as_it_is() -> None:
    case = cohort("kidney stone", Difficulty()).case(0)
    assert Difficulty().graze(case.findings[0], 0.3) is case.findings[0]
    assert np.isclose(
        Difficulty(share=(0.2, 0.6)).graze(case.findings[0], 0.5).contrast_hu, 0.4 * case.findings[0].contrast_hu
    )
