from pathlib import Path

import nibabel
import numpy as np
import pytest

from svct.bench.transfer import transfer
from svct.errors import InputError
from svct.sampling import Schedule
from svct.tasks import load_task
from svct.units import mu_to_hu


def schedule(views: list[int], loads: tuple[float, ...] = ()) -> Schedule:
    task = load_task("part")
    geometry = task.scan.to_dict()
    angles = np.rad2deg(geometry.pop("angles"))[views].round(9)
    return Schedule(
        angles_deg=tuple(angles.tolist()), geometry=geometry, task="part", budget=len(views), candidates=360,
        method="learned", relative_load=loads,
    )  # fmt: skip


def test_views_along_the_edges_win_on_a_volume_and_its_range_counts(tmp_path: Path) -> None:
    task = load_task("part")
    parts = [task.cohort.patient(i).image for i in task.cohort.split("test")[:3]]
    hu = np.stack([mu_to_hu(x.double()).numpy() for x in parts])
    array = np.ascontiguousarray(hu.transpose(2, 1, 0)[::-1, ::-1])  # as NIfTI has it: x to the left, y to the back
    pixel = task.grid.voxel_mm if isinstance(task.grid.voxel_mm, float) else task.grid.voxel_mm[0]
    path = tmp_path / "parts.nii.gz"
    nibabel.save(nibabel.Nifti1Image(array.astype(np.float32), np.diag([-pixel, -pixel, 2.0, 1.0])), path)  # type: ignore[no-untyped-call]
    even = list(range(0, 360, 45))
    (row,) = transfer([schedule(even)], path, (0, 1), offsets=8)
    assert row.views == 8
    assert row.gain.patients == 2
    assert row.gain.high_db <= 1e-6  # one of the offsets that the baseline is the best of
    backwards = schedule(even[::-1])
    (same,) = transfer([backwards], path, (0, 1), offsets=8)
    assert same.gain == row.gain
    with pytest.raises(InputError, match=r"slices: expected first\.\.last within 0 to 2, two or more, got 2\.\.7"):
        list(transfer([schedule(even)], path, (2, 7)))
