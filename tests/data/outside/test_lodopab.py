from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from svct.data.outside.lodopab import MU_MAX, lodopab_patients, published_scores, read_lodopab
from svct.errors import DataFileError, InputError, UnknownNameError
from svct.geometry import Projector
from svct.geometry.analytic import ellipsoid_projections
from svct.geometry.grid import Grid
from svct.geometry.parallel import ParallelBeam
from svct.recon import fbp

CENTRE, AXES = (40.0, -25.0), (30.0, 60.0)


def write(folder: Path, *, samples: int = 130, size: int = 40, views: int = 90, bins: int = 57) -> None:
    """Files as they are published, but small: an ellipse, brighter from sample to sample."""
    side = 260 / size
    middles = (np.arange(size) - (size - 1) / 2) * side
    inside = ((middles[:, None] - CENTRE[0]) / AXES[0]) ** 2 + ((middles - CENTRE[1]) / AXES[1]) ** 2 <= 1  # x, y
    # Line integrals over (x cos t + y sin t = s), of normalised values in metres.
    t = (np.arange(views)[:, None] + 0.5) * np.pi / views
    s = (np.arange(bins) - (bins - 1) / 2) * 2 * 130 * np.sqrt(2) / bins
    away = s - CENTRE[0] * np.cos(t) - CENTRE[1] * np.sin(t)
    wide = (AXES[0] * np.cos(t)) ** 2 + (AXES[1] * np.sin(t)) ** 2
    chord = 2 * AXES[0] * AXES[1] * np.sqrt(np.clip(wide - away**2, 0, None)) / wide
    level = (0.1 + 0.001 * np.arange(samples))[:, None, None].astype(np.float32)
    for first in range(0, samples, 128):
        for name, data in (("ground_truth", inside), ("observation", chord)):
            with h5py.File(folder / f"{name}_test_{first // 128:03d}.hdf5", "w") as file:
                file["data"] = level[first : first + 128] * data.astype(np.float32)
    (folder / "patient_ids_rand_test.csv").write_text("\n".join(str(692 + k % 7) for k in range(samples)))


def test_samples_have_the_geometry_that_they_were_made_with(tmp_path: Path) -> None:
    write(tmp_path)
    found = read_lodopab(tmp_path, indices=[0, 128, 5])
    assert found.y.shape == (3, 90, 57)
    assert found.truth is not None
    assert found.truth.max(axis=(1, 2)) == pytest.approx(np.array([0.1, 0.228, 0.105]) * MU_MAX)
    assert isinstance(found.scan, ParallelBeam)
    exact = ellipsoid_projections(found.scan, CENTRE, AXES, 0.1 * MU_MAX)
    assert found.y[0] == pytest.approx(exact, abs=2e-6 * exact.max())
    A = Projector(found.scan, found.grid)
    again = A(found.truth)
    assert np.linalg.norm(again - found.y) < 0.08 * np.linalg.norm(found.y)  # pixels of 6.5 mm
    x = fbp(torch.from_numpy(found.y), A).numpy()
    assert np.corrcoef(x[0].ravel(), found.truth[0].ravel())[0, 1] > 0.95


def test_the_published_sizes_give_the_published_geometry(tmp_path: Path) -> None:
    write(tmp_path, samples=1, size=362, views=1000, bins=513)
    found = read_lodopab(tmp_path, indices=[0])
    assert isinstance(found.scan, ParallelBeam)
    assert found.grid == Grid(shape=(362, 362), voxel_mm=260 / 362)
    assert found.scan.bin_mm == pytest.approx(0.71676, abs=1e-5)  # as ODL 1.0.0 has it, like the angles
    assert (found.scan.angles[0], found.scan.angles[-1]) == pytest.approx((0.0015708, 3.1400219), rel=1e-5)
    assert pytest.approx(0.08135858) == MU_MAX


def test_patients_and_scores(tmp_path: Path) -> None:
    write(tmp_path, samples=9)
    assert lodopab_patients(tmp_path).tolist() == [692, 693, 694, 695, 696, 697, 698, 692, 693]
    truth = np.zeros((20, 20))
    truth[5:15, 5:15] = 2.0
    psnr, ssim = published_scores(truth + 0.2, truth)
    assert psnr == pytest.approx(20)
    assert 0.5 < ssim < 1
    assert published_scores(truth * 3 + 0.6, truth * 3)[0] == pytest.approx(20)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    write(tmp_path, samples=3)
    with pytest.raises(DataFileError, match=r"observation_test_001\.hdf5: expected an HDF5 file"):
        read_lodopab(tmp_path, indices=[128])
    with pytest.raises(DataFileError, match=r"with a sample 3, got shape \(3, 90, 57\)"):
        read_lodopab(tmp_path, indices=[3])
    with pytest.raises(UnknownNameError, match="unknown part of LoDoPaB-CT 'dev'"):
        read_lodopab(tmp_path, "dev", indices=[0])
    with pytest.raises(InputError, match="one sample or more"):
        read_lodopab(tmp_path, indices=[])
    with pytest.raises(DataFileError, match="one patient number a line"):
        lodopab_patients(tmp_path, "train")
