from dataclasses import dataclass

import numpy as np
import pytest
import torch

from svct.geometry import Grid
from svct.tasks.case import Case, CaseRecord, render
from svct.tasks.findings import Finding, Part
from svct.tasks.findings.outline import blob, outline_of
from svct.units import hu_to_mu

GRID = Grid((32, 32), voxel_mm=2.0, origin_mm=(3.0, -5.0))


@dataclass(frozen=True)
class Study:
    """Cases of one finding, their images with noise and without."""

    cases: list[Case]
    images: torch.Tensor
    truth: torch.Tensor


def disc_case(index: int) -> Case:
    """Return soft tissue with a disc of 12 to 22 mm and 70 to 110 HU, or without."""
    rng = np.random.default_rng([5, index])
    radius, hu, present = rng.uniform(6, 11), rng.uniform(70, 110), index % 2 == 0
    centre = (3.0 + rng.uniform(-16, 16), -5.0 + rng.uniform(-16, 16))
    part = Part((outline_of(blob(rng, centre, (radius, radius), roughness=0.02)),), hu)
    disc = Finding("disc", "liver", "right", (part,), hu, hu - 40, "homogeneous", "mild", "definite")
    base = {"source": "cohort", "anatomy": "abdomen", "seed": 0, "index": index, "generator": 1}
    record = CaseRecord(
        index, 0, "present" if present else "absent", "disc", base, "train", GRID,
        findings=(disc,) if present else (), withheld=() if present else (disc,),
    )  # fmt: skip
    tissue = torch.full(GRID.shape, float(hu_to_mu(40.0)))
    return render(record, tissue, np.full(GRID.shape, 3, np.int16))


def make_study(first: int, count: int) -> Study:
    cases = [disc_case(index) for index in range(first, first + count)]
    truth = torch.stack([case.image for case in cases])
    noise = torch.randn(truth.shape, generator=torch.Generator().manual_seed(first))
    return Study(cases, truth + noise * float(hu_to_mu(15.0) - hu_to_mu(0.0)), truth)


@pytest.fixture(scope="session")
def training() -> Study:
    return make_study(0, 80)


@pytest.fixture(scope="session")
def testing() -> Study:
    return make_study(1000, 60)
