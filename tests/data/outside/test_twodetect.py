from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from svct.data.outside.twodetect import PIXEL_MM, read_twodetect
from svct.errors import DataFileError, InputError
from svct.geometry import FanBeam, Grid, Projector
from svct.geometry.analytic import ellipsoid_projections
from svct.recon import fbp

CENTRE, AXES, MU = (2.0, -1.0), (1.0, 1.5), 0.3


def write(folder: Path, *, shift_pixels: float, views: int = 181, pixels: int = 192) -> Path:
    """Counts of an ellipse as a detector that is off by some pixels sees it, with a dark and two flat fields."""
    folder.mkdir(parents=True)
    scan = FanBeam(
        np.arange(views) * 2 * np.pi / (views - 1), bins=pixels, bin_mm=PIXEL_MM, source_mm=431.019989,
        detector_mm=529.000488 - 431.019989, offset_mm=-shift_pixels * PIXEL_MM,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    dark = rng.integers(90, 110, (1, pixels))
    flat = dark + rng.integers(20000, 30000, (1, pixels))
    counts = dark + (flat - dark) * np.exp(-ellipsoid_projections(scan, CENTRE, AXES, MU))
    images = {"sinogram": counts, "dark": dark, "flat1": flat - 50, "flat2": flat + 50}
    for name, image in images.items():
        tifffile.imwrite(folder / f"{name}.tif", np.rint(image).astype(np.uint16))
    return folder


@pytest.mark.parametrize(("number", "shift"), [(12, 2), (2831, 0), (5600, 2), (6000, 0)])
def test_a_slice_is_where_it_was(tmp_path: Path, number: int, shift: int) -> None:
    found = read_twodetect(write(tmp_path / f"slice{number:05d}" / "mode2", shift_pixels=shift))
    assert isinstance(found.scan, FanBeam)
    assert found.y.shape == (180, 96)
    assert found.scan.bin_mm == pytest.approx(0.1496)
    assert found.scan.offset_mm == pytest.approx(-0.0748 * shift)
    assert found.grid.voxel_mm == pytest.approx(96 * 0.1496 * 431.019989 / 529.000488 / 1024)
    exact = ellipsoid_projections(found.scan, CENTRE, AXES, MU)
    assert np.linalg.norm(found.y - exact) < 0.04 * np.linalg.norm(exact)  # counts of two pixels, not logarithms
    A = Projector(found.scan, Grid(shape=(96, 96), voxel_mm=found.grid.extent_mm[0] / 96))
    x = fbp(torch.from_numpy(found.y), A).numpy()
    rows, columns = np.nonzero(x > MU / 2)
    where = (columns.mean() - 47.5) * A.grid.voxel_mm, (47.5 - rows.mean()) * A.grid.voxel_mm
    assert where == pytest.approx(CENTRE, abs=0.03)
    assert x[rows, columns].mean() == pytest.approx(MU, rel=0.05)


def test_full_resolution_has_a_correction_of_its_own(tmp_path: Path) -> None:
    folder = write(tmp_path / "slice00001" / "mode1", shift_pixels=2.75)
    found = read_twodetect(folder, binning=1)
    exact = ellipsoid_projections(found.scan, CENTRE, AXES, MU)
    assert found.y.shape == (180, 192)
    assert np.abs(found.y - exact).max() < 2e-3
    other = read_twodetect(folder, binning=1, slice_number=3000)
    assert isinstance(other.scan, FanBeam)
    assert other.scan.offset_mm == pytest.approx(-PIXEL_MM)


def test_the_reference_lies_one_pixel_off(tmp_path: Path) -> None:
    folder = write(tmp_path / "slice00001" / "mode2", shift_pixels=2)
    reference = np.zeros((1024, 1024), np.float32)
    reference[100, 200] = 0.02
    tifffile.imwrite(folder / "reconstruction.tif", reference)
    found = read_twodetect(folder)
    assert found.truth is not None
    assert found.truth[100, 200] == pytest.approx(0.02 / found.grid.voxel_mm)
    # Cut out of 2048 pixels from row and column 511: its middle is 1022.5 where that of the whole is 1023.5.
    assert found.grid.origin_mm == pytest.approx((-found.grid.voxel_mm, found.grid.voxel_mm))


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "slice00001" / "mode2", shift_pixels=2)
    with pytest.raises(InputError, match="binning: expected 1 or 2, got 4"):
        read_twodetect(folder, binning=4)
    tifffile.imwrite(folder / "flat2.tif", np.zeros((1, 190), np.uint16))
    with pytest.raises(DataFileError, match="fields as wide"):
        read_twodetect(folder)
    (folder / "dark.tif").write_bytes(b"no picture")
    with pytest.raises(DataFileError, match=r"dark\.tif: expected a TIFF file"):
        read_twodetect(folder)
    with pytest.raises(InputError, match="give slice_number"):
        read_twodetect(tmp_path)
