"""LoDoPaB-CT: simulated parallel-beam scans of chest slices, in HDF5 files of 128."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from svct.data.outside.scan import OutsideScan
from svct.errors import DataFileError, InputError, unknown_name
from svct.geometry.grid import Grid
from svct.geometry.parallel import ParallelBeam

PARTS = {"train": 35820, "validation": 3522, "test": 3553}
"""Samples of each part."""
PER_FILE = 128
SIDE_MM = 260.0
"""Edge of the square image."""
MU_MAX = (3071 * (20 - 0.02) / 1000 + 20) / 1000
"""Attenuation of 3071 HU in 1/mm, by which the files' images and log data are divided: water 20/m, air 0.02/m."""
PHOTONS = 4096
"""Photons per ray without the patient, Poisson noise alone."""
LEAST_COUNT = 0.1
"""What a count of zero was replaced by before the logarithm."""


def read_lodopab(folder: Path, part: str = "test", *, indices: Sequence[int]) -> OutsideScan:
    """Read samples of LoDoPaB-CT.

    Args:
        folder: With ``observation_test_000.hdf5``, ``ground_truth_test_000.hdf5`` and so on, unpacked.
        part: One of `PARTS`.
        indices: Which samples, from 0.

    Returns:
        Log data ``(n, 1000, 513)`` and truth ``(n, 362, 362)`` in 1/mm; files of another size are read likewise.

    Raises:
        UnknownNameError: No such part.
        InputError: No index, or a negative one.
        DataFileError: A file is missing, damaged, of another layout, or has no such sample.

    Notes:
        Leuschner, Schmidt, Otero Baguer and Maass 2021, Sci. Data 8:109. Dataset ``data`` of each file holds up to 128
        samples in random order. Angles are the middles of equal parts of half a turn; the detector spans the diagonal
        of the image, so that 513 bins have a pitch of 0.7168 mm. Images are stored with x along the first axis and y
        along the second: turned by 90 degrees they are as svct has them, which agrees with the ray transform of ODL
        1.0.0 to 2e-5 of the largest value.
    """
    if part not in PARTS:
        raise unknown_name("part of LoDoPaB-CT", part, list(PARTS))
    if not len(indices) or min(indices) < 0:
        raise InputError(f"indices: expected one sample or more, from 0, got {list(indices)}")
    y = _samples(folder, f"observation_{part}", indices) * np.float32(MU_MAX)
    truth = np.rot90(_samples(folder, f"ground_truth_{part}", indices), axes=(1, 2)) * np.float32(MU_MAX)
    views, bins = y.shape[1:]
    if truth.shape[1] != truth.shape[2]:
        raise DataFileError(f"{folder}: expected square images, got {truth.shape[1]} x {truth.shape[2]}")
    return OutsideScan(
        y,
        ParallelBeam((np.arange(views) + 0.5) * np.pi / views, bins=bins, bin_mm=2**0.5 * SIDE_MM / bins),
        Grid(shape=truth.shape[1:], voxel_mm=SIDE_MM / truth.shape[1]),
        np.ascontiguousarray(truth),
        f"LoDoPaB-CT {part}",
        {"indices": list(indices), "photons": PHOTONS, "least_count": LEAST_COUNT},
    )


def lodopab_patients(folder: Path, part: str = "test") -> NDArray[np.int64]:
    """Return the patient of each sample, over whom figures have to be bootstrapped.

    Args:
        folder: With ``patient_ids_rand_test.csv`` and so on.
        part: One of `PARTS`.

    Raises:
        UnknownNameError: No such part.
        DataFileError: The file is missing or is not one number a line.
    """
    if part not in PARTS:
        raise unknown_name("part of LoDoPaB-CT", part, list(PARTS))
    path = folder / f"patient_ids_rand_{part}.csv"
    try:
        return np.array([int(line) for line in path.read_text(encoding="ascii").split()], dtype=np.int64)
    except (OSError, ValueError) as error:
        raise DataFileError(f"{path}: expected one patient number a line, could not be read ({error})") from error


def published_scores(x: NDArray[np.floating], truth: NDArray[np.floating]) -> tuple[float, float]:
    """Return PSNR, dB, and SSIM of one image as publications on LoDoPaB-CT have them.

    Args:
        x: ``(y, x)``, in any unit.
        truth: What it should be.

    Notes:
        As DIVal 0.6 computes them: the range is that of this very truth, maximum less minimum, and SSIM has a window of
        7 x 7 pixels without weights. They compare with the literature only; svct's own have a fixed range.
    """
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    extent = float(truth.max() - truth.min())
    pair = np.asarray(truth, np.float64), np.asarray(x, np.float64)
    return (
        float(peak_signal_noise_ratio(*pair, data_range=extent)),  # type: ignore[no-untyped-call]
        float(structural_similarity(*pair, data_range=extent)),  # type: ignore[no-untyped-call]
    )


def _samples(folder: Path, stem: str, indices: Sequence[int]) -> NDArray[np.float32]:
    import h5py

    found = []
    for index in indices:
        number, place = divmod(index, PER_FILE)
        path = folder / f"{stem}_{number:03d}.hdf5"
        try:
            with h5py.File(path, "r") as file:
                data = file["data"]
                if data.ndim != 3 or place >= len(data):
                    raise DataFileError(
                        f"{path}: expected a dataset (sample, ., .) with a sample {place}, got shape {data.shape}"
                    )
                found.append(np.asarray(data[place], dtype=np.float32))
        except DataFileError:
            raise
        except (OSError, KeyError) as error:
            raise DataFileError(
                f"{path}: expected an HDF5 file with a dataset 'data', could not be read ({error}); is the archive "
                "unpacked into this folder?"
            ) from error
    return np.stack(found)
