"""Bring an array with a known affine to the patient's axes."""

import numpy as np
from numpy.typing import NDArray

from svct.errors import DataFileError

MAX_TILT_DEG = 30.0
"""Scanner gantries tilt up to about this; slices so tilted are still the planes that were scanned."""


def to_patient_axes(
    array: NDArray[np.generic], affine: NDArray[np.float64], *, name: str
) -> tuple[NDArray[np.generic], tuple[float, float, float], float]:
    """Permute and flip an array so that it reads as `svct.data.Volume` does.

    Only whole axes are exchanged or reversed; no value is interpolated. A gantry tilt stays in.

    Args:
        array: Values, ``(i, j, k)``.
        affine: ``(4, 4)``, from voxel indices to millimetres in RAS+ (right, anterior and superior grow).
        name: What to call the file in an error.

    Returns:
        The values as ``(nz, ny, nx)``, the spacing along z, y, x in mm, and the largest angle in degrees
        between an axis of the array and the patient's.

    Raises:
        DataFileError: The affine has no inverse, or the slices stand so oblique that they are not axial.

    Example:
        >>> affine = np.diag([1.0, 1.0, 2.5, 1.0])
        >>> _, spacing, tilt = to_patient_axes(np.zeros((4, 3, 2)), affine, name="here")
        >>> spacing, tilt
        ((2.5, 1.0, 1.0), 0.0)
    """
    from nibabel.orientations import apply_orientation, io_orientation

    steps = np.asarray(affine, np.float64)[:3, :3]
    lengths = np.linalg.norm(steps, axis=0)
    if not np.isfinite(steps).all() or lengths.min() <= 0 or abs(np.linalg.det(steps / lengths)) < 1e-3:
        raise DataFileError(
            f"{name}: expected an orientation with three independent axes, got {steps.tolist()}; "
            "the header is damaged, convert the original images again"
        )
    axes = io_orientation(affine)  # type: ignore[no-untyped-call]
    cosines = np.abs(steps / lengths)[axes[:, 0].astype(int), np.arange(3)]
    tilt_deg = float(np.degrees(np.arccos(np.clip(cosines, -1, 1))).max())
    if tilt_deg > MAX_TILT_DEG:
        raise DataFileError(
            f"{name}: expected axes within {MAX_TILT_DEG:g} degrees of the patient's, got {tilt_deg:.1f} "
            "degrees; "
            "resample the volume to axial slices first"
        )
    canonical = apply_orientation(array, axes)  # type: ignore[no-untyped-call]
    right_to_left = np.transpose(canonical[::-1, ::-1, :], (2, 1, 0))
    sizes = [float(lengths[int(np.flatnonzero(axes[:, 0] == axis)[0])]) for axis in range(3)]
    return right_to_left, (sizes[2], sizes[1], sizes[0]), tilt_deg


def tilt_note(tilt_deg: float) -> str:
    """Return words on a tilt for `Volume.orientation`, empty where there is none worth a word."""
    return f", slices tilted by {tilt_deg:.1f} degrees and left so" if tilt_deg > 0.1 else ""
