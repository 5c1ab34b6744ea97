"""Read a CT series, or one slice, from DICOM files."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from svct.data.dicom_index import Series, choose_series, find_series
from svct.data.orient import tilt_note, to_patient_axes
from svct.data.volume import AIR_HU, Volume
from svct.errors import DataFileError

SPACING_TOLERANCE = 0.1
"""Largest deviation of a slice distance from the usual one, as a part of it, that is not a missing slice."""


@dataclass(frozen=True)
class _Slice:
    path: Path
    hu: NDArray[np.float32]
    columns: NDArray[np.float64]  # direction in which the column index grows, LPS
    rows: NDArray[np.float64]
    position: NDArray[np.float64]  # centre of the first voxel, mm, LPS
    pixel_mm: tuple[float, float]  # distance of rows, distance of columns
    thickness_mm: float  # NaN where the file does not say


def read_dicom(path: Path, *, series: str | None = None) -> Volume:
    """Read one CT series from a folder and what is below it, or one slice from a file.

    Slices are ordered by ImagePositionPatient, never by name or instance number. Voxels of
    PixelPaddingValue become -1000.

    Args:
        path: Folder or file.
        series: SeriesInstanceUID or SeriesNumber, needed where the folder holds several.

    Raises:
        DataFileError: No CT images, several series, missing or repeated slices, slices of different
            shape or orientation, or a file that cannot be decoded.

    Example:
        >>> read_dicom(Path("missing.dcm"))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        svct.errors.DataFileError: missing.dcm: could not be read ...
    """
    name = str(path)
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    chosen = choose_series(find_series(files, name=name), series, name=name)
    slices = [_read_slice(p) for p in chosen.paths]
    _check_alike(slices)
    normal = np.cross(slices[0].columns, slices[0].rows)
    slices.sort(key=lambda s: float(s.position @ normal))
    step = _slice_step(slices, normal)

    first = slices[0]
    ras = np.array([-1.0, -1.0, 1.0])
    affine = np.eye(4)
    affine[:3, 0] = first.columns * first.pixel_mm[1] * ras
    affine[:3, 1] = first.rows * first.pixel_mm[0] * ras
    affine[:3, 2] = step * ras
    values = np.stack([s.hu for s in slices])
    if np.array_equal(values, np.rint(values)):
        values = values.astype(np.int32)
    hu, spacing_mm, tilt_deg = to_patient_axes(np.transpose(values, (2, 1, 0)), affine, name=name)
    upwards = slices if affine[2, 2] >= 0 else slices[::-1]
    return Volume(
        hu,  # type: ignore[arg-type]
        spacing_mm,
        source=_source(path, chosen),
        sha256=_sha256([s.path for s in upwards]),
        orientation="DICOM ImageOrientationPatient" + tilt_note(tilt_deg),
    )


def _read_slice(path: Path) -> _Slice:
    import pydicom

    try:
        data = pydicom.dcmread(path)
        stored = data.pixel_array
        hu = stored.astype(np.float32) * float(data.RescaleSlope) + float(data.RescaleIntercept)
        padding = data.get("PixelPaddingValue", None)
        if padding is not None:
            limit = data.get("PixelPaddingRangeLimit", padding)
            low, high = sorted((int(padding), int(limit)))
            hu[(stored >= low) & (stored <= high)] = AIR_HU
        directions = np.array(data.ImageOrientationPatient, np.float64)
        thickness = data.get("SpacingBetweenSlices", None) or data.get("SliceThickness", None)
        found = _Slice(
            path,
            np.asarray(hu, np.float32),
            directions[:3],
            directions[3:],
            np.array(data.ImagePositionPatient, np.float64),
            (float(data.PixelSpacing[0]), float(data.PixelSpacing[1])),
            float("nan") if thickness is None else abs(float(thickness)),
        )
    except Exception as error:  # pydicom and its decoders raise many kinds
        cause = (str(error) or type(error).__name__).splitlines()[0]
        raise DataFileError(
            f"{path}: expected a whole CT image with pixels, position, orientation, spacing and rescale, "
            "got one that "
            f"cannot be used ({cause}); copy it again, or decompress it where the cause is a missing decoder"
        ) from error
    if found.hu.ndim != 2 or found.position.shape != (3,) or found.rows.shape != (3,):
        raise DataFileError(f"{path}: expected one grey image with a 3D position, got pixels of shape {found.hu.shape}")
    return found


def _check_alike(slices: list[_Slice]) -> None:
    first = slices[0]
    for other in slices[1:]:
        same = (
            other.hu.shape == first.hu.shape
            and np.allclose(other.pixel_mm, first.pixel_mm, rtol=1e-3)
            and np.allclose(other.columns, first.columns, atol=1e-3)
            and np.allclose(other.rows, first.rows, atol=1e-3)
        )
        if not same:
            raise DataFileError(
                f"{other.path}: expected the shape, pixel spacing and orientation of {first.path.name} "
                f"({first.hu.shape}, {first.pixel_mm} mm), got {other.hu.shape}, {other.pixel_mm} mm or "
                "another "
                "orientation; move scouts and other images of the series out of the folder"
            )


def _slice_step(slices: list[_Slice], normal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the vector from one slice to the next, mm, LPS, after checking that none is missing."""
    if len(slices) == 1:
        if not slices[0].thickness_mm > 0:
            raise DataFileError(
                f"{slices[0].path}: expected SliceThickness in a single slice, got none; read its series"
            )
        return np.asarray(normal * slices[0].thickness_mm)
    gaps = np.diff([float(s.position @ normal) for s in slices])
    usual = float(np.median(gaps))
    if gaps.min() < 0.01:
        at = int(np.argmin(gaps))
        raise DataFileError(
            f"{slices[at].path}: expected one image per position, got another in the same place "
            f"({slices[at + 1].path.name}); keep one phase or copy in the folder"
        )
    wrong = np.flatnonzero(np.abs(gaps - usual) > SPACING_TOLERANCE * usual)
    if wrong.size:
        below, above = slices[int(wrong[0])], slices[int(wrong[0]) + 1]
        raise DataFileError(
            f"{below.path.parent}: expected slices every {usual:g} mm, got {gaps[wrong[0]]:g} mm between "
            f"{below.path.name} and {above.path.name} ({wrong.size} such places); slices are missing, copy "
            "the series again"
        )
    return np.asarray((slices[-1].position - slices[0].position) / (len(slices) - 1))


def _sha256(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _source(path: Path, chosen: Series) -> str:
    return f"{path.resolve().name}, series {chosen.uid}" if path.is_dir() else path.name
