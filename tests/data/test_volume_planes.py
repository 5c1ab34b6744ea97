"""Volumes that are read some planes at a time, against those that are read whole."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from svct.data.nifti import read_nifti
from svct.data.projections import write_image
from svct.data.volume_planes import open_volume
from svct.errors import DataFileError, InputError
from svct.units import hu_to_mu


def nifti(path: Path, hu: Any, affine: Any, slope: float = 1.0, intercept: float = 0.0) -> Path:
    image: Any = nibabel.Nifti1Image(hu, np.array(affine, np.float64))  # type: ignore[no-untyped-call]
    image.header.set_slope_inter(slope, intercept)
    nibabel.save(image, path)
    return path


AFFINES = {
    "RAS": np.diag([2.0, 3.0, 4.0, 1.0]),
    "LPI": np.diag([-2.0, -3.0, -4.0, 1.0]),
    "SLA": np.array([[0, -2.0, 0, 0], [0, 0, 3.0, 0], [4.0, 0, 0, 0], [0, 0, 0, 1.0]]),
}


@pytest.mark.parametrize("code", AFFINES)
@pytest.mark.parametrize("ending", ["nii", "nii.gz"])
def test_planes_of_nifti_are_those_of_the_whole(code: str, ending: str, tmp_path: Path) -> None:
    hu = np.random.default_rng(1).integers(-900, 900, (5, 6, 7)).astype(np.int16)
    for slope, intercept in ((1.0, 0.0), (1.0, -24.0), (0.5, 1.25)):
        path = nifti(tmp_path / f"v.{ending}", hu, AFFINES[code], slope, intercept)
        whole = read_nifti(path)
        with open_volume(str(path)) as volume:
            assert volume.shape == whole.hu.shape
            assert volume.spacing_mm == whole.spacing_mm
            assert volume.extent_mm == whole.extent_mm
            assert (volume.sha256, volume.source) == (whole.sha256, whole.source)
            parts = [volume.part(first, min(first + 3, volume.shape[0])).hu for first in range(0, volume.shape[0], 3)]
            assert np.allclose(np.concatenate(parts), whole.hu, rtol=0, atol=1e-3)


def test_planes_of_images(tmp_path: Path) -> None:
    hu = np.random.default_rng(2).uniform(-900, 900, (4, 6, 6)).astype(np.float32)
    for grid in ({"shape": [6, 6], "voxel_mm": 2.0, "origin_mm": [0.0, 0.0]},
                 {"shape": [4, 6, 6], "voxel_mm": 2.0, "origin_mm": [0.0, 0.0, 0.0]}):  # fmt: skip
        solid = len(grid["shape"]) == 3  # type: ignore[arg-type]
        write_image(tmp_path / "v.h5", hu_to_mu(hu), grid, meta={"slice_mm": 5.0}, overwrite=True)
        with open_volume(str(tmp_path / "v.h5")) as volume:
            assert volume.spacing_mm == (2.0 if solid else 5.0, 2.0, 2.0)
            expected = hu[1:3, ::-1] if solid else hu[1:3]
            assert np.allclose(volume.part(1, 3).hu, expected, atol=1e-2)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    hu = np.zeros((5, 6, 7), np.float32)
    path = nifti(tmp_path / "v.nii", hu, AFFINES["RAS"])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataFileError, match="expected a whole NIfTI file"), open_volume(str(path)):
        pass
    packed = nifti(tmp_path / "v.nii.gz", hu, AFFINES["RAS"])
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(DataFileError, match="expected a whole NIfTI file"), open_volume(str(packed)):
        pass
    hu[2, 2, 2] = np.nan
    with open_volume(str(nifti(tmp_path / "n.nii", hu, AFFINES["RAS"]))) as volume:
        assert volume.part(0, 2).hu.max() == 0
        with pytest.raises(DataFileError, match="1 of 30 voxels NaN"):
            volume.part(2, 3)
    with pytest.raises(InputError, match="series: expected none"), open_volume(str(tmp_path / "n.nii"), series="1"):
        pass
    with pytest.raises(DataFileError), open_volume(str(tmp_path / "none.h5")):
        pass
    two = nifti(tmp_path / "two.nii", np.zeros((3, 3, 3, 2), np.float32), AFFINES["RAS"])
    with pytest.raises(DataFileError, match="split it first"), open_volume(str(two)):
        pass


WORKER = """
import resource, sys
from svct.cli.main import run
import torch, svct.physics.simulate, svct.recon, spekpy
torch.set_num_threads(1)
def grown():
    return next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
before = grown()
limit = int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmSize"))) * 1024
extra = int(sys.argv[1]) * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit + extra, limit + extra))
code = run(["simulate", *sys.argv[2:]])
print("GREW", round(grown() - before))
sys.exit(code)
"""

SCAN = """
schema = "svct.protocol/1"
name = "few"
title = "A few views"
sources = ["made up for a test"]
[scan]
kind = "KIND"
bins = 96
ROWS
bin_mm = 8.0
row_mm = 8.0
source_mm = 600.0
detector_mm = 400.0
views_per_rotation = 4
[source]
kev = 70.0
photons_per_mm2 = 1e4
[exposure]
mas_per_rotation = 400.0
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("ending", ["nii", "h5"])
@pytest.mark.parametrize("kind", ["cone", "fan"])
def test_a_large_volume_is_scanned_in_less_memory_than_it_has(kind: str, ending: str, tmp_path: Path) -> None:
    """512 x 512 x 512 voxels: 0.25 or 0.5 GiB as stored, 2 GiB as four materials; scanned in at most 1 GiB."""
    import h5py

    path = tmp_path / f"large.{ending}"
    at = (np.arange(512) - 255.5) / 256
    plane = np.where(np.hypot(at[:, None], at) < 0.7, 0, -1000).astype(np.int16)
    if ending == "nii":
        with nifti(path, np.zeros((512, 512, 1), np.int16), np.diag([0.8, 0.8, 0.8, 1.0])).open("r+b") as file:
            file.seek(42)
            np.array([512, 512, 512], np.int16).tofile(file)
            file.seek(352)
            for _ in range(512):
                plane.tofile(file)
    else:
        grid = {"shape": [1, 512, 512], "voxel_mm": 0.8, "origin_mm": [0.0, 0.0, 0.0]}
        write_image(path, hu_to_mu(plane[None].astype(np.float32)), grid)
        with h5py.File(path, "r+") as held:
            held.attrs["grid"] = held.attrs["grid"].replace("[1, 512, 512]", "[512, 512, 512]")
            values = held["image"][0]
            del held["image"]
            image = held.create_dataset("image", (512, 512, 512), "<f4", chunks=(1, 512, 512), fletcher32=True)
            for index in range(512):
                image[index] = values
    (tmp_path / "few.toml").write_text(
        SCAN.replace("KIND", kind).replace("ROWS", "rows = 64" if kind == "cone" else "curved = true")
    )
    out = tmp_path / "scan.h5"
    done = subprocess.run(
        [sys.executable, "-c", WORKER, "1024", str(path), "--protocol", str(tmp_path / "few.toml"), "--out", str(out)],
        capture_output=True, text=True, timeout=3600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("GREW")]
    print(f"{kind}, {ending}: {line.split()[1]} MiB more than before")
    assert int(line.split()[1]) < 1024
    with h5py.File(out) as written:
        y = written["projections"]
        assert y.shape == ((64, 4, 96) if kind == "cone" else (512, 4, 96))
        middle = y[32, :, 47:49] if kind == "cone" else y[256, :, 47:49]
        assert np.allclose(middle, 0.7 * 512 * 0.8 * 0.0193, rtol=0.05)
