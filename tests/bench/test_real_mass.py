import numpy as np
import pytest
import torch

from svct.bench.real_mass import Mass, MassRow, as_markdown, count_found, find_mass, lungs_of, patches_of
from svct.data.volume import Volume
from svct.errors import InputError
from svct.geometry import Grid
from svct.recon.networks import load_backbone
from svct.tasks.cohort import Cohort
from svct.units import hu_to_mu, mu_to_hu

GRID = Grid((64, 64), voxel_mm=6.4)


def slab(seed: int, *, mass: bool) -> np.ndarray:
    """Return a drawn chest in HU, with a ball of 30 mm in one lung or without."""
    patient = Cohort("chest", GRID, seed=0, size=seed + 1).patient(seed, findings=False)
    hu = mu_to_hu(patient.image.double()).numpy()
    if mass:
        rows, columns = np.mgrid[:64, :64]
        hu = np.where(np.hypot(rows - 29, columns - 18) * 6.4 <= 15, 40.0, hu)
    return np.asarray(hu, np.float32)


def test_lungs_hold_what_lies_in_them() -> None:
    with_it, without = (
        lungs_of(hu_to_mu(torch.from_numpy(slab(3, mass=m)).double()).float(), GRID) for m in (True, False)
    )
    assert with_it[29, 18]
    assert (with_it & without).sum() / (with_it | without).sum() > 0.9
    assert not with_it[0].any()
    assert not with_it[32, 32]  # mediastinum


def test_patches_are_mostly_lung() -> None:
    lungs = np.zeros(GRID.shape, bool)
    lungs[20:44, 10:24] = True
    found = patches_of(lungs, GRID)
    assert len(found) >= 2
    assert all(part.shape == (6, 6) and part.mean() >= 0.6 for _, _, part in found)
    with pytest.raises(InputError, match="found none; take another slice"):
        patches_of(lungs & False, GRID)


def test_found_is_above_all_but_a_part_of_the_patches_without() -> None:
    counts, rates = count_found(np.array([200.0, 98.5, 90.0]), np.arange(100.0))
    assert rates == [0.0, 0.01, 0.1]
    assert counts == {0.01: 2, 0.05: 2}


def test_a_mass_put_into_a_scan_is_found_at_full_view() -> None:
    volume = Volume(
        np.stack([slab(i, mass=i in (2, 3)) for i in (2, 3, 4, 5, 6)]), (2.5, 6.4, 6.4), source="drawn here"
    )
    mass = Mass(slices=(0, 1), near=(), centre_mm=((18 - 31.5) * 6.4, (31.5 - 29) * 6.4))
    rows = list(
        find_mass(
            volume, load_backbone(), mass=mass, without=(2, 3, 4), views=(4,), methods=("fbp",), fits=("full", "same"),
            pixels=64, train=24,
        )
    )  # fmt: skip
    assert [(row.views, row.fitted) for row in rows] == [(360, "full"), (360, "same"), (4, "full"), (4, "same")]
    assert rows[0].auc > 0.9
    assert rows[0].auc == rows[1].auc
    assert rows[0].auc > rows[2].auc
    assert "| fbp | 360 | full | " in as_markdown(rows)


def test_the_table_counts_slices() -> None:
    row = MassRow("fbp", 24, "full", {0.01: 1, 0.05: 2}, 2, (0.0, 0.021), 120, 0.987)
    assert as_markdown([row]).splitlines()[-1] == "| fbp | 24 | full | 1 of 2 | 2 of 2 | 0.0, 2.1 | 0.987 |"
