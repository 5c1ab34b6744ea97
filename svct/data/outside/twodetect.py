"""2DeteCT: measured fan-beam scans of mixed objects, in TIFF files."""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from svct.data.outside.scan import OutsideScan
from svct.errors import DataFileError, InputError
from svct.geometry.fan import FanBeam
from svct.geometry.grid import Grid

PIXEL_MM = 0.0748
SOURCE_MM = 431.019989
"""Source to rotation axis."""
TO_DETECTOR_MM = 529.000488
"""Source to detector."""
LEAST_TRANSMISSION = 1e-6
SHIFTS = {1: (2.75, 1.0), 2: (1.0, 0.0)}
"""By binning, pixels by which the detector is off: before and after it was exchanged."""
PIXELS = 1024
"""Edge of the reference images."""


def read_twodetect(folder: Path, *, binning: int = 2, slice_number: int | None = None) -> OutsideScan:
    """Read one slice in one mode of 2DeteCT.

    Args:
        folder: Such as ``slice00001/mode2``, with ``sinogram.tif``, ``dark.tif``, ``flat1.tif`` and ``flat2.tif``; and
            ``reconstruction.tif`` out of the other archives, if there, as the truth.
        binning: Detector pixels to add up, 1 or 2; the reference reconstructions have 2.
        slice_number: It tells which detector was in place. Default: from the name of the folder above.

    Returns:
        Log data ``(3600, 956)`` over a full turn; files of another size are read likewise, on a grid of 1024 x 1024
        pixels that holds the field of view. The truth lies on the same grid where there is one.

    Raises:
        InputError: A binning that has no published correction, or a slice whose number is not known.
        DataFileError: A file is missing, damaged or does not fit the others.

    Notes:
        Kiss, Coban, Batenburg, van Leeuwen and Lucka 2023, Sci. Data 10:576, and their scripts. Dark fields are taken
        off, the mean of both flat fields is divided out, the last projection, which repeats the first, is left out, and
        transmissions are raised to 1e-6. The scripts shift the data along the detector; here the detector is shifted
        instead, so that nothing is interpolated. The reference is theirs: 100 steps of accelerated gradient descent,
        not below zero, on 2048 x 2048 pixels, cut out one pixel off the middle, which its grid follows here.
    """
    if binning not in SHIFTS:
        raise InputError(f"binning: expected {' or '.join(map(str, SHIFTS))}, got {binning}")
    number = _slice_number(folder) if slice_number is None else slice_number
    sinogram, dark, flat1, flat2 = (
        _binned(_tiff(folder / f"{name}.tif"), binning) for name in ("sinogram", "dark", "flat1", "flat2")
    )
    fields = {len(np.atleast_2d(field)[0]) for field in (dark, flat1, flat2)}
    if sinogram.ndim != 2 or len(sinogram) < 3 or fields != {sinogram.shape[1]}:
        raise DataFileError(
            f"{folder}: expected a sinogram (view, pixel) and fields as wide, got {sinogram.shape} and widths {fields}"
        )
    dark, flat = np.atleast_2d(dark)[0], (np.atleast_2d(flat1)[0] + np.atleast_2d(flat2)[0]) / 2
    if not (flat > dark).all():
        raise DataFileError(
            f"{folder}: expected flat fields above the dark field everywhere, got {(flat <= dark).sum()} "
            "pixels that are not"
        )
    transmission = (sinogram[:-1] - dark) / (flat - dark)
    y = -np.log(np.maximum(transmission, LEAST_TRANSMISSION)).astype(np.float32)
    views, bins = y.shape
    bin_mm = binning * PIXEL_MM
    voxel_mm = bins * bin_mm * SOURCE_MM / TO_DETECTOR_MM / PIXELS
    early = number <= 2830 or 5521 <= number <= 5870
    truth = None
    if (folder / "reconstruction.tif").exists():
        # Theirs has voxels of length one.
        truth = _tiff(folder / "reconstruction.tif").astype(np.float32) / np.float32(voxel_mm)
    off = voxel_mm if truth is not None else 0.0
    return OutsideScan(
        y,
        FanBeam(
            np.arange(views) * 2 * np.pi / views,
            bins=bins,
            bin_mm=bin_mm,
            source_mm=SOURCE_MM,
            detector_mm=TO_DETECTOR_MM - SOURCE_MM,
            offset_mm=-SHIFTS[binning][0 if early else 1] * bin_mm,
        ),
        Grid(shape=(PIXELS, PIXELS), voxel_mm=voxel_mm, origin_mm=(-off, off)),
        truth,
        f"2DeteCT slice {number}, {folder.name}",
        {"slice": number, "mode": folder.name},
    )


def _slice_number(folder: Path) -> int:
    found = re.search(r"slice(\d+)", folder.absolute().parent.name)
    if not found:
        raise InputError(f"{folder}: expected a folder such as slice00001/mode2, got another name; give slice_number")
    return int(found[1])


def _tiff(path: Path) -> NDArray[np.float64]:
    import tifffile

    try:
        return np.asarray(tifffile.imread(path), dtype=np.float64)
    except (OSError, ValueError) as error:
        raise DataFileError(f"{path}: expected a TIFF file, could not be read ({error})") from error


def _binned(values: NDArray[np.float64], binning: int) -> NDArray[np.float64]:
    width = values.shape[-1] // binning * binning
    summed: NDArray[np.float64] = values[..., :width].reshape(*values.shape[:-1], -1, binning).sum(axis=-1)
    return summed
