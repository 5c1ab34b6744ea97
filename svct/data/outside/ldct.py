"""Low Dose CT Image and Projection Data (AAPM-Mayo): measured helical scans in DICOM-CT-PD."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svct.data.outside.scan import OutsideScan
from svct.errors import DataFileError, InputError
from svct.geometry.grid import Grid
from svct.geometry.helical import Helical

TAGS = {
    "rows": (0x70291010, "<u2"),
    "columns": (0x70291011, "<u2"),
    "column_mm": (0x70291002, "<f4"),
    "row_mm": (0x70291006, "<f4"),
    "angle": (0x70311001, "<f4"),
    "z_mm": (0x70311002, "<f4"),
    "source_mm": (0x70311003, "<f4"),
    "to_detector_mm": (0x70311031, "<f4"),
    "centre": (0x70311033, "<f4"),
    "angle_shift": (0x7033100B, "<f4"),
    "z_shift_mm": (0x7033100C, "<f4"),
    "source_shift_mm": (0x7033100D, "<f4"),
}
"""Private elements and how their bytes are stored where a file does not say."""
SHAPE, MU_WATER, PHOTONS = 0x7029100B, 0x70411001, 0x70331065
EVEN = 0.05
"""How far a view may lie off the even helix, in detector rows."""
PIXELS = 512
"""Edge of the default grid."""


def read_ldct(folder: Path, *, views: slice = slice(None), grid: Grid | None = None) -> OutsideScan:
    """Read projections of one scan.

    Args:
        folder: With one DICOM-CT-PD file per view, in the order of their names.
        views: Which of them; a whole scan has tens of thousands. Default: all.
        grid: The image grid. Default: 512 x 512 voxels over the field of view, along z as far as the source goes.

    Returns:
        Log data ``(row, view, col)`` of a `Helical` scan; patient axes of the format's own, see the notes. Its facts
        have `mu_water`, 1/mm, and `photons` by view and column, where the files state them.

    Raises:
        InputError: No view in the range.
        DataFileError: No files, one that is damaged or lacks an element, views of different detectors, a detector that
            is neither flat nor a cylinder, or a source that is not on an even helix.

    Notes:
        The format is that of Chen et al. 2015 (Med. Phys. 42:6964), the data those of Moen et al. 2021 (Med. Phys.
        48:902), whose table IV lists the elements. The detector's focal centre is at ``(-r sin p, r cos p, z)``, the
        focal spot at the same with its shifts added to r, p and z. An image of detector columns by rows is stored with
        columns along ``(cos p, sin p)`` and rows against z, and the central element counts from one; svct's angle is
        p + pi with both axes reversed. Directions are those that the public reader in ODL 1.0.0 has; no file of the
        set itself was at hand, so that left and right are to be checked against the set's own images.
    """
    files = sorted(folder.glob("*.dcm"))
    if not files:
        raise DataFileError(f"{folder}: expected one .dcm file per view, got none; name the folder of the projections")
    chosen = files[views]
    if not chosen:
        raise InputError(f"views: expected some of the {len(files)} views of {folder}, got {views}")
    found = [_view(path) for path in chosen]
    first = found[0]
    alike = ("rows", "columns", "column_mm", "row_mm", "source_mm", "to_detector_mm", "centre", "shape")
    for path, view in zip(chosen, found, strict=True):
        if any(not np.allclose(view[k], first[k], rtol=1e-5) if k != "shape" else view[k] != first[k] for k in alike):
            raise DataFileError(f"{path}: expected the detector of {chosen[0].name}, got another one; choose its views")
    angles = np.unwrap([float(view["angle"][0]) for view in found]) + math.pi
    turn_mm, start_mm = _helix(angles, np.array([float(view["z_mm"][0]) for view in found]), float(first["row_mm"][0]))
    scan = _scan(first, angles, _shifts(found), turn_mm, start_mm)
    y = np.stack([view["y"] for view in found], axis=1)
    facts = {"mu_water": first["mu_water"], "views": [path.name for path in (chosen[0], chosen[-1])]}
    if all(view["photons"] is not None for view in found):
        facts["photons"] = np.stack([view["photons"][::-1] for view in found])
    return OutsideScan(y, scan, grid or _whole(scan), source=f"LDCT {folder.name}", facts=facts)


def _view(path: Path) -> dict[str, Any]:
    import pydicom

    try:
        data = pydicom.dcmread(path)
        view: dict[str, Any] = {name: _numbers(data, tag, kind) for name, (tag, kind) in TAGS.items()}
        rows, columns = int(view["rows"][0]), int(view["columns"][0])
        raw = np.frombuffer(data.PixelData, "<u2", count=rows * columns).reshape(columns, rows)
        stored = raw.astype(np.float32) * float(data.RescaleSlope) + float(data.RescaleIntercept)
    except (OSError, KeyError, AttributeError, ValueError, pydicom.errors.InvalidDicomError) as error:
        raise DataFileError(f"{path}: expected a view in DICOM-CT-PD, could not be read ({error})") from error
    view["y"] = stored.T[::-1, ::-1]
    view["shape"] = _text(data, SHAPE) or "CYLINDRICAL"
    water = _text(data, MU_WATER)
    view["mu_water"] = float(water) if water else None
    view["photons"] = _numbers(data, PHOTONS, "<f4") if PHOTONS in data else None
    if view["shape"] not in ("CYLINDRICAL", "FLAT"):
        raise DataFileError(f"{path}: expected a cylindrical or flat detector, got {view['shape']!r}")
    return view


def _numbers(data: Any, tag: int, kind: str) -> NDArray[np.float64]:
    """Return an element's numbers, be it stored with its type or as bytes of no stated type."""
    value = data[tag].value
    if isinstance(value, bytes):
        return np.frombuffer(value, kind).astype(np.float64)
    return np.atleast_1d(np.asarray(value, dtype=np.float64))


def _text(data: Any, tag: int) -> str:
    value = data[tag].value if tag in data else ""
    return (value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)).strip(" \0")


def _helix(angles: NDArray[np.float64], z: NDArray[np.float64], row_mm: float) -> tuple[float, float]:
    """Return the feed per turn and z at angle 0, mm."""
    if len(angles) < 2:
        return 0.0, float(z[0])
    slope, start = np.polyfit(angles, z, 1)
    off = float(np.abs(start + slope * angles - z).max())
    if off > EVEN * row_mm:
        raise DataFileError(
            f"expected views on an even helix, got some that lie up to {off:.3g} mm off it; choose a range of views "
            "without a break"
        )
    return float(slope) * 2 * math.pi, float(start)


def _shifts(found: list[dict[str, Any]]) -> NDArray[np.float64]:
    """Return the focal spot's shift in each view, along the tangent, away from the axis and along z, mm."""
    turn, z, out = (np.array([float(v[k][0]) for v in found]) for k in ("angle_shift", "z_shift_mm", "source_shift_mm"))
    radius = np.array([float(v["source_mm"][0]) for v in found])
    return np.stack([(radius + out) * np.sin(turn), (radius + out) * np.cos(turn) - radius, z], axis=1)


def _scan(
    view: dict[str, Any], angles: NDArray[np.float64], shifts: NDArray[np.float64], turn_mm: float, start_mm: float
) -> Helical:
    rows, columns = int(view["rows"][0]), int(view["columns"][0])
    row_mm, column_mm = float(view["row_mm"][0]), float(view["column_mm"][0])
    source_mm = float(view["source_mm"][0])
    column, row = view["centre"][:2]
    return Helical(
        angles,
        rows=rows,
        bins=columns,
        row_mm=row_mm,
        bin_mm=column_mm,
        source_mm=source_mm,
        detector_mm=float(view["to_detector_mm"][0]) - source_mm,
        curved=view["shape"] == "CYLINDRICAL",
        offset_mm=((column - (columns + 1) / 2) * column_mm, (row - (rows + 1) / 2) * row_mm),
        source_shift_mm=shifts.tolist() if shifts.any() else (),
        pitch_mm=turn_mm,
        start_z_mm=start_mm,
    )


def _whole(scan: Helical) -> Grid:
    """Return a grid over the field of view, and along z as far as the source goes."""
    reach = scan.source_mm + scan.detector_mm
    half = scan.bins * scan.bin_mm / 2
    fan = half / reach if scan.curved else math.atan(half / reach)
    voxel_mm = 2 * scan.source_mm * math.sin(min(fan, math.pi / 2)) / PIXELS
    z = scan.vectors[:, 2]
    slices = max(1, round(float(z.max() - z.min()) / voxel_mm))
    return Grid(shape=(slices, PIXELS, PIXELS), voxel_mm=voxel_mm, origin_mm=(0.0, 0.0, float(z.max() + z.min()) / 2))
