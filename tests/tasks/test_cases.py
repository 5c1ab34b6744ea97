import json
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage

from svct.data.volume import Volume
from svct.errors import DataFileError, InputError, UnknownNameError
from svct.geometry import Grid
from svct.tasks import Cohort
from svct.tasks.case import CaseRecord, json_schema, render
from svct.tasks.cases import CaseCohort, case_on_slice
from svct.tasks.findings import finding_kind, finding_names, insert
from svct.tasks.phantoms.truth import ORGANS
from svct.units import hu_to_mu, mu_to_hu

GRID = Grid((96, 96), voxel_mm=4.2)
PER_ARM = 64
"""Patients in each arm of a search for seams."""


def nodules(grid: Grid = GRID, *, prevalence: float = 0.5, size: int = 40) -> CaseCohort:
    return CaseCohort("chest", finding="solid nodule", grid=grid, prevalence=prevalence, size=size)


def test_a_case_depends_on_seed_and_index_alone() -> None:
    first = nodules().case(4)
    nodules().case(2)
    again = nodules(size=40).case(4)
    assert torch.equal(again.image, first.image)
    assert again.record == first.record
    other = nodules(Grid((64, 80), voxel_mm=5.0, origin_mm=(4.0, 0.0))).case(4)
    assert other.record.kind == first.record.kind
    assert other.record.place.outlines == first.record.place.outlines
    assert other.record.base == first.record.base


def test_whether_it_is_present_changes_nothing_else() -> None:
    for index in (0, 5):
        ill, well = (nodules(prevalence=p).case(index) for p in (1.0, 0.0))
        assert ill.present
        assert not well.present
        assert ill.record.base == well.record.base
        bare = Cohort("chest", GRID, size=400).patient(int(ill.record.base["index"]), findings=False).image
        assert torch.equal(ill.image[torch.from_numpy(ill.coverage == 0)], bare[torch.from_numpy(ill.coverage == 0)])
        assert not torch.equal(ill.image, bare)
        if well.record.kind in ("absent", "sham"):
            assert torch.equal(well.image, bare)
        assert not well.mask.any()


def test_kinds_come_as_often_as_asked() -> None:
    cases = nodules(size=2000)
    kinds = [cases.kind(i) for i in range(2000)]
    assert kinds.count("present") / 2000 == pytest.approx(0.5, abs=0.04)
    assert kinds.count("absent") / 2000 == pytest.approx(0.25, abs=0.04)
    assert kinds.count("sham") / 2000 == pytest.approx(0.125, abs=0.03)
    assert kinds.count("distractor") / 2000 == pytest.approx(0.125, abs=0.03)
    present = np.array([kind == "present" for kind in kinds], float)
    # Neither the patient's number nor the case before tells.
    assert abs(np.corrcoef(present, np.arange(2000))[0, 1]) < 0.07
    assert abs(np.corrcoef(present[1:], present[:-1])[0, 1]) < 0.07
    assert abs(np.corrcoef(present, np.arange(2000) % 10)[0, 1]) < 0.07


def test_splits_share_no_patient() -> None:
    cases = CaseCohort("abdomen", finding="kidney stone", grid=Grid((48, 48), voxel_mm=9.0), size=20)
    bases = {}
    for index in (0, 3, 7, 18):
        record = cases.case(index).record
        assert index in cases.split(record.split)
        bases[index] = record.base["index"]
        assert bases[index] % 20 == index
    assert len(set(bases.values())) == 4


def test_the_patients_own_nodule_is_left_out() -> None:
    cohort = Cohort("chest", GRID)
    index = next(i for i in range(20) if cohort.patient(i).truth.nodule is not None)
    own, bare = cohort.patient(index), cohort.patient(index, findings=False)
    assert bare.truth.nodule is None
    near = ndimage.binary_dilation(own.truth.labels == ORGANS.index("nodule"), iterations=2)
    assert not torch.equal(own.image, bare.image)
    assert torch.equal(own.image[torch.from_numpy(~near)], bare.image[torch.from_numpy(~near)])


def test_a_turned_patient_carries_the_turned_finding() -> None:
    cases = CaseCohort(
        "head", finding="intraparenchymal haemorrhage", grid=Grid((96, 96), voxel_mm=2.6), prevalence=1.0
    )
    upright, quarter, slight = (cases.case(1, rotation_deg=d) for d in (0.0, 90.0, 20.0))
    assert mu_to_hu(quarter.image).numpy() == pytest.approx(mu_to_hu(upright.image.rot90()).numpy(), abs=8)
    assert quarter.coverage == pytest.approx(np.rot90(upright.coverage), abs=0.1)
    x, y = upright.findings[0].centre_mm
    c, s = np.cos(np.radians(20)), np.sin(np.radians(20))
    assert slight.findings[0].centre_mm == pytest.approx((c * x - s * y, s * x + c * y), abs=0.01)
    blood = float(mu_to_hu(slight.image)[torch.from_numpy(slight.coverage > 0.95)].mean())
    assert blood == pytest.approx(slight.findings[0].attenuation_hu, abs=4)


Image = NDArray[np.float64]


@cache
def patients_with_a_place() -> list[tuple[CaseRecord, torch.Tensor, NDArray[np.int16]]]:
    """Return records of shams, each of another patient, with the untouched patient and his labels."""
    cohort, kind, found = Cohort("chest", GRID, size=1000), finding_kind("solid nodule"), []
    for index in range(2 * PER_ARM + 20):
        bare = cohort.patient(index, findings=False)
        place = kind.propose(bare.truth.labels, GRID, np.random.default_rng([11, index]))
        if place is not None:
            base = {"source": "cohort", "anatomy": "chest", "seed": 0, "index": index, "generator": 0}
            record = CaseRecord(index, 0, "sham", kind.name, base, "train", GRID, withheld=(place,))
            found.append((record, bare.image, bare.truth.labels))
    return found[: 2 * PER_ARM]


def resampled(hu: Image, window: NDArray[np.bool_]) -> Image:
    """Return an image in which a patch was moved by half a pixel, as an insertion that resamples its patch would."""
    moved: Image = np.where(window, ndimage.shift(hu, (0.5, 0.5), order=1, mode="nearest"), hu)
    return moved


def rimmed(hu: Image, window: NDArray[np.bool_]) -> Image:
    """Return an image with a rim of 30 HU around a patch, as one that does not fit its surroundings would leave."""
    seam: Image = hu + 30.0 * (window & ~ndimage.binary_erosion(window))
    return seam


def around(index: int, group: str) -> tuple[float, ...]:
    """Return what of a patch stands out from its surroundings: of a sham, an untouched image, or one with a seam."""
    record, bare, labels = patients_with_a_place()[index]
    image = render(record, bare, labels).image if group == "sham" else bare
    hu = mu_to_hu(image.double()).numpy()
    rows, columns = np.nonzero(insert(hu, GRID, record.place, strength=0.0).coverage)
    patch = np.zeros(GRID.shape, bool)
    patch[rows.min() - 2 : rows.max() + 3, columns.min() - 2 : columns.max() + 3] = True
    hu = SEAMS[group](hu, patch) if group in SEAMS else hu
    rim = patch & ~ndimage.binary_erosion(patch)
    outside = ndimage.binary_dilation(patch, iterations=3) & ~patch
    # Medians, since a vessel or the chest wall nearby is no seam.
    bend, slope = ndimage.laplace(hu), ndimage.gaussian_gradient_magnitude(hu, 0.7)
    fine = np.abs(bend)
    return (
        float(np.log(np.median(fine[patch]) / np.median(fine[outside]))),
        float(np.log(np.median(fine[rim]) / np.median(fine[outside]))),
        float(np.log(np.median(slope[rim]) / np.median(slope[outside]))),
        float(np.median(bend[rim]) / np.median(fine[outside])),
        float(np.median(hu[rim]) - np.median(hu[outside])),
    )


SEAMS = {"resampled": resampled, "rimmed": rimmed}


def auc_of_a_detector(positive: list[tuple[float, ...]], negative: list[tuple[float, ...]]) -> float:
    """Return the AUC of a linear discriminant, each case scored by one fitted without it."""
    x = np.array(positive + negative)
    x = (x - x.mean(0)) / x.std(0)
    truth = np.arange(len(x)) < len(positive)
    scores = np.empty(len(x))
    for i in range(len(x)):
        rest = np.arange(len(x)) != i
        a, b = x[rest & truth], x[rest & ~truth]
        pooled = np.cov(np.concatenate([a - a.mean(0), b - b.mean(0)]).T) + 0.05 * np.eye(x.shape[1])
        scores[i] = x[i] @ np.linalg.solve(pooled, a.mean(0) - b.mean(0))
    return float((scores[truth][:, None] > scores[~truth]).mean())


def test_a_detector_of_seams_sees_none() -> None:
    untouched = [around(i, "untouched") for i in range(PER_ARM)]
    # Standard deviation of the AUC of a detector that knows nothing: sqrt((2n + 1) / (12 n^2)), Hanley and McNeil 1982;
    # leaving one out leans below 0.5.
    spread = float(np.sqrt((2 * PER_ARM + 1) / (12 * PER_ARM**2)))
    found = {
        group: auc_of_a_detector([around(i, group) for i in range(PER_ARM, 2 * PER_ARM)], untouched)
        for group in ("sham", *SEAMS)
    }
    assert found["sham"] < 0.5 + 2 * spread, found
    assert min(found[seam] for seam in SEAMS) > 0.5 + 2 * spread, found
    # In the same patients, the statistics of a sham are those of the untouched image to the last bit.
    assert [around(i, "sham") for i in range(PER_ARM)] == untouched


def test_json_round_trip_follows_the_schema_and_makes_the_image_again() -> None:
    cases = nodules()
    for index in (0, 1, 2, 5):
        case = cases.case(index)
        text = case.record.to_json()
        record = CaseRecord.from_json(text)
        assert record == case.record
        assert record.to_json() == text
        bare = Cohort("chest", GRID, size=100000).patient(int(record.base["index"]), findings=False)
        assert torch.equal(render(record, bare.image, bare.truth.labels).image, case.image)
    values = json.loads(text)
    assert values["schema"] == json_schema()["properties"]["schema"]["const"] == "svct.case/1"
    for field, value, message in (
        ("kind", "ill", "does not follow the schema svct.case/1 at kind"),
        ("seed", -1, "at seed"),
        ("colour", "red", "at top level"),
    ):
        with pytest.raises(InputError, match=message):
            CaseRecord.from_json(json.dumps({**values, field: value}))
    with pytest.raises(DataFileError, match="expected a case in JSON"):
        CaseRecord.from_json("{")


def real() -> tuple[Volume, dict[str, NDArray[np.bool_]]]:
    grid = Grid((256, 256), voxel_mm=1.6)
    patient = Cohort("chest", grid).patient(3, findings=False)
    hu = mu_to_hu(patient.image.numpy())[None]
    masks = {name: patient.truth.labels == ORGANS.index(name) for name in ("fat", "muscle", "bone", "lung", "vessel")}
    return Volume(hu, (2.0, 1.6, 1.6), source="drawn", sha256="ab" * 32), masks


def test_the_same_code_works_on_a_slice_of_a_volume() -> None:
    volume, masks = real()
    grid = Grid((128, 128), voxel_mm=3.2)
    bare = torch.from_numpy(volume.slices_on(grid, [0])[0])
    case = case_on_slice(volume, masks, "consolidation", slice_index=0, grid=grid, seed=3)
    assert case.record.base == {"source": "volume", "sha256": "ab" * 32, "slice": 0}
    assert float(mu_to_hu(bare)[torch.from_numpy(case.mask)].mean()) < -550
    assert float(mu_to_hu(case.image)[torch.from_numpy(case.mask)].mean()) > -120
    sham = case_on_slice(volume, masks, "consolidation", slice_index=0, grid=grid, seed=3, kind="sham")
    assert torch.equal(sham.image, bare)
    assert CaseRecord.from_json(case.record.to_json()) == case.record
    with pytest.raises(InputError, match="expected a place for 'ischaemia' in slice 0, found none in the masks fat"):
        case_on_slice(volume, masks, "ischaemia", slice_index=0, grid=grid)
    with pytest.raises(UnknownNameError, match="unknown organ 'lungs'"):
        case_on_slice(volume, {"lungs": masks["lung"]}, "bulla", slice_index=0, grid=grid)


def test_a_kind_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "spot_plugin.py").write_text(
        "from dataclasses import replace\n"
        "from svct.tasks.findings.lung import SOLID_NODULE\n"
        "SPOT = replace(SOLID_NODULE, name='my spot', diameter_mm=(20.0, 25.0), lookalikes=())\n"
    )
    info = tmp_path / "spot_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: spot-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[svct.findings]\nmy-spot = spot_plugin:SPOT\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "my spot" in finding_names("chest")
    assert finding_kind("my spot").organs == finding_kind("solid nodule").organs
    cases = CaseCohort("chest", finding="my spot", grid=GRID, prevalence=1.0, size=10)
    assert cases.case(0).findings[0].size_mm[0] > 17
    assert {replace(cases, prevalence=0.0).kind(i) for i in range(60)} == {"absent", "sham"}
    sys.modules.pop("spot_plugin", None)


def test_nothing_attenuates_less_than_air() -> None:
    cases = CaseCohort("chest", finding="pneumothorax", grid=GRID, prevalence=1.0, size=10)
    image = cases.case(0).image
    assert image.dtype == torch.float32
    assert float(image.min()) == 0.0
    assert float(image.max()) < hu_to_mu(2500.0)


def test_bad_input_is_named() -> None:
    with pytest.raises(
        UnknownNameError, match=r"unknown finding in the chest 'ischaemia': expected one of .*solid nodule"
    ):
        CaseCohort("chest", finding="ischaemia", grid=GRID)
    with pytest.raises(UnknownNameError, match="unknown anatomy 'foot'"):
        CaseCohort("foot", finding="ischaemia", grid=GRID)
    with pytest.raises(InputError, match="prevalence: expected 0 to 1, got 2"):
        nodules(prevalence=2.0)
    with pytest.raises(InputError, match="case index: expected 0 to 39, got 40"):
        nodules().case(40)
    record = nodules(prevalence=1.0).case(0).record
    with pytest.raises(InputError, match="case of kind 'absent': expected findings, decoys, withheld to be there"):
        replace(record, kind="absent")
