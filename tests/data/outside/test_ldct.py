import struct
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import torch
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from svct.data.outside.ldct import read_ldct
from svct.errors import DataFileError, InputError
from svct.geometry import Grid, Helical, Projector
from svct.recon import fbp

ROWS, COLUMNS, PER_TURN, VIEWS = 16, 72, 90, 250
COLUMN_MM, ROW_MM, SOURCE, TO_DETECTOR = 3.0, 3.0, 200.0, 350.0
CENTRE, AXES, MU = np.array([14.0, -9.0, 5.0]), np.array([22.0, 30.0, 14.0]), 0.02
COLUMN, ROW = 37.25, 8.0  # of the central ray, from one; the middle is 36.5 and 8.5


def chord(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Length of lines within the ellipsoid, mm."""
    o, d = (source - CENTRE) / AXES, (target - source) / AXES
    a, b, c = (d * d).sum(-1), (o * d).sum(-1), (o * o).sum(-1) - 1
    lengths: NDArray[np.float64] = 2 * np.sqrt(np.clip(b * b - a * c, 0, None)) / a
    away: NDArray[np.float64] = np.linalg.norm(target - source, axis=-1)
    return lengths * away


def view(number: int, *, flying: bool) -> tuple[dict[str, float], NDArray[np.float64]]:
    """One view by the words of the format, with nothing of svct's geometry."""
    p, z = 0.7 + 2 * np.pi * number / PER_TURN, -20.0 + 16.0 * number / PER_TURN
    turn, out, up = (0.004 * (-1) ** number, 0.8, 0.5 * (-1) ** number) if flying else (0.0, 0.0, 0.0)
    centre = np.array([-SOURCE * np.sin(p), SOURCE * np.cos(p), z])
    spot = np.array([-(SOURCE + out) * np.sin(p + turn), (SOURCE + out) * np.cos(p + turn), z + up])
    across, ahead = np.array([np.cos(p), np.sin(p), 0.0]), np.array([np.sin(p), -np.cos(p), 0.0])
    g = ((np.arange(COLUMNS) + 1 - COLUMN) * COLUMN_MM / TO_DETECTOR)[:, None, None]
    down = ((np.arange(ROWS) + 1 - ROW) * ROW_MM)[:, None] * np.array([0.0, 0.0, -1.0])
    elements = centre + TO_DETECTOR * (np.cos(g) * ahead + np.sin(g) * across) + down
    tags = {"angle": (p + np.pi) % (2 * np.pi) - np.pi, "z": z, "turn": turn, "out": out, "up": up}
    return tags, MU * chord(spot, elements)


def write(folder: Path, *, views: int = VIEWS, flying: bool = False, typed: bool = True) -> Path:
    """Files in DICOM-CT-PD, their private elements with a type or as bytes of none."""
    folder.mkdir()
    for number in range(views):
        tags, lines = view(number, flying=flying)
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = CTImageStorage, ExplicitVRLittleEndian
        meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[str(number)])
        data = FileDataset(str(folder), {}, file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        data.Rows, data.Columns, data.InstanceNumber = COLUMNS, ROWS, number + 1
        data.BitsAllocated, data.SamplesPerPixel, data.PhotometricInterpretation = 16, 1, "MONOCHROME2"
        data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 15, 0
        data.RescaleSlope, data.RescaleIntercept = "0.0001", "-0.5"
        data.PixelData = np.rint((lines + 0.5) / 0.0001).astype("<u2").tobytes()
        elements: list[tuple[int, str, Any]] = [
            (0x70291010, "US", ROWS), (0x70291011, "US", COLUMNS), (0x70291002, "FL", COLUMN_MM),
            (0x70291006, "FL", ROW_MM), (0x7029100B, "CS", "CYLINDRICAL"), (0x70311001, "FL", tags["angle"]),
            (0x70311002, "FL", tags["z"]), (0x70311003, "FL", SOURCE), (0x70311031, "FL", TO_DETECTOR),
            (0x70311033, "FL", [COLUMN, ROW]), (0x7033100B, "FL", tags["turn"]), (0x7033100C, "FL", tags["up"]),
            (0x7033100D, "FL", tags["out"]), (0x70331065, "FL", list(1e5 + np.arange(COLUMNS))),
            (0x70411001, "DS", "0.0193"),
        ]  # fmt: skip
        for tag, kind, value in elements:
            if typed:
                data.add_new(tag, kind, value)
            else:
                many = value if isinstance(value, list) else [value]
                text = isinstance(value, str)
                raw = value.encode() if text else b"".join(struct.pack("<H" if kind == "US" else "<f", v) for v in many)
                data.add_new(tag, "UN", raw + b" " * (len(raw) % 2))
        data.save_as(folder / f"scan-{number:05d}.dcm", enforce_file_format=True)
    return folder


def test_a_helix_is_read_and_reconstructed(tmp_path: Path) -> None:
    grid = Grid(shape=(16, 48, 48), voxel_mm=2.0, origin_mm=(0.0, 0.0, 3.0))
    found = read_ldct(write(tmp_path / "scan"), grid=grid)
    assert isinstance(found.scan, Helical)
    assert found.y.shape == (ROWS, VIEWS, COLUMNS)
    assert found.scan.pitch_mm == pytest.approx(16.0, abs=1e-3)
    assert found.scan.curved
    A = Projector(found.scan, grid)
    x = fbp(torch.from_numpy(found.y), A).numpy()
    z, y, columns = np.nonzero(x > MU / 2)
    where = (columns.mean() - 23.5) * 2, (y.mean() - 23.5) * 2, (z.mean() - 7.5) * 2 + 3
    assert where == pytest.approx(CENTRE, abs=0.5)
    inside = x[tuple(np.rint(((CENTRE - (0, 0, 3)) / 2 + (23.5, 23.5, 7.5))[::-1]).astype(int))]
    assert inside == pytest.approx(MU, rel=0.05)
    assert found.facts["mu_water"] == pytest.approx(0.0193)
    photons = found.facts["photons"]
    assert isinstance(photons, np.ndarray)
    assert photons.shape == (VIEWS, COLUMNS)
    assert photons[0, 0] == pytest.approx(1e5 + COLUMNS - 1)


@pytest.mark.parametrize("flying", [False, True])
@pytest.mark.parametrize("typed", [False, True])
def test_rays_run_where_the_format_says(tmp_path: Path, flying: bool, typed: bool) -> None:
    found = read_ldct(write(tmp_path / "scan", views=60, flying=flying, typed=typed))
    grid = Grid(shape=(40, 80, 80), voxel_mm=1.0, origin_mm=(14.0, -9.0, 5.0))
    z, y, x = (np.arange(n) - (n - 1) / 2 for n in grid.shape)
    image = ((x / AXES[0]) ** 2 + (y / AXES[1])[:, None] ** 2 + (z / AXES[2])[:, None, None] ** 2 <= 1) * MU
    lines = Projector(found.scan, grid)(image.astype(np.float32))
    hit = found.y > 0.05
    assert hit.sum() > 5000
    assert np.linalg.norm((lines - found.y)[hit]) < 0.05 * np.linalg.norm(found.y[hit])
    assert found.grid.shape[1:] == (512, 512)


def test_some_views_alone(tmp_path: Path) -> None:
    folder = write(tmp_path / "scan", views=60)
    whole, part = read_ldct(folder), read_ldct(folder, views=slice(20, 50))
    assert part.y == pytest.approx(whole.y[:, 20:50])
    assert part.scan.vectors == pytest.approx(whole.scan.vectors[20:50], abs=2e-3)


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"expected one \.dcm file per view, got none"):
        read_ldct(tmp_path)
    folder = write(tmp_path / "scan", views=4)
    with pytest.raises(InputError, match="expected some of the 4 views"):
        read_ldct(folder, views=slice(9, 12))
    third = folder / "scan-00002.dcm"
    data = pydicom.dcmread(third)
    data[0x70311002].value = 99.0
    data.save_as(third)
    with pytest.raises(DataFileError, match="an even helix"):
        read_ldct(folder)
    data[0x70291002].value = 4.0
    data.save_as(third)
    with pytest.raises(DataFileError, match=r"scan-00002\.dcm: expected the detector of scan-00000\.dcm"):
        read_ldct(folder)
    del data[0x70291010]
    data.save_as(third)
    with pytest.raises(DataFileError, match=r"scan-00002\.dcm: expected a view in DICOM-CT-PD"):
        read_ldct(folder)
