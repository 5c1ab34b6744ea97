"""Line integrals of ellipses and ellipsoids, exact for every scan."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from svct.errors import InputError
from svct.geometry.checks import require_number
from svct.geometry.scan import Scan


def ellipsoid_projections(
    scan: Scan, centre_mm: Sequence[float], axes_mm: Sequence[float], value: float
) -> NDArray[np.float64]:
    """Return what a scan measures of one ellipse (2D) or ellipsoid (3D) with its axes along x, y and z.

    Args:
        scan: Any scan geometry.
        centre_mm: x, y (and z) of the centre, mm.
        axes_mm: Semi-axes along x, y (and z), mm.
        value: Attenuation inside, 1/mm; outside it is zero. Projections of several bodies add up.

    Returns:
        Line integrals, float64 ``([rows,] views, bins)``: chord lengths times `value`.

    Raises:
        InputError: Not as many finite numbers as the scan has dimensions, or an axis that is not positive.

    Example:
        >>> from svct.geometry import ParallelBeam
        >>> ellipsoid_projections(ParallelBeam([0.0], bins=3, bin_mm=20.0), (20, 0), (10, 30), 0.02).tolist()
        [[0.0, 0.0, 1.2]]

    Notes:
        In coordinates divided by the axes the body is the unit ball, which the line o + t r meets where
        ``|r|^2 t^2 + 2 (o . r) t + |o|^2 = 1``. A ray starts at its source and goes on beyond the detector, as for
        `Projector`.
    """
    centre, axes = (_point(p, name, scan.ndim) for p, name in ((centre_mm, "centre_mm"), (axes_mm, "axes_mm")))
    if not (axes > 0).all():
        raise InputError(f"axes_mm: expected positive semi-axes in mm, got {tuple(axes_mm)}")
    value = require_number(value, "value", unit="1/mm")
    origins, directions = ray_lines(scan)
    length = np.linalg.norm(directions, axis=-1)
    origins, directions = (origins - centre) / axes, directions / axes
    # From the point nearest to the centre: no difference of large numbers.
    square = (directions**2).sum(axis=-1)
    nearest = -(origins * directions).sum(axis=-1) / square
    half = np.sqrt(np.clip(1 - ((origins + nearest[..., None] * directions) ** 2).sum(axis=-1), 0, None) / square)
    first, last = nearest - half, nearest + half
    if scan.divergent:
        first, last = np.clip(first, 0, None), np.clip(last, 0, None)
    projections: NDArray[np.float64] = value * length * (last - first)
    return projections


def ray_lines(scan: Scan) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a point and the direction of every ray of a scan.

    Args:
        scan: Any scan geometry.

    Returns:
        Two float64 arrays ``([rows,] views, bins, 2 or 3)``, x, y (and z), mm: the source and the way from it to the
        detector, or in parallel beam the detector point and the ray direction as the scan has it.

    Example:
        >>> from svct.geometry import FanBeam
        >>> source, along = ray_lines(FanBeam([0.0], bins=1, source_mm=600, detector_mm=400))
        >>> source.tolist(), along.tolist()
        ([[[0.0, -600.0]]], [[[0.0, 1000.0]]])
    """
    parts = scan.vectors.reshape(len(scan), -1, scan.ndim)
    origin, centre, bin_step = parts[:, 0, None], parts[:, 1, None], parts[:, 2, None]
    bins = _steps(scan.detector_shape[-1])[:, None]
    if scan.curved:
        outward = centre - origin
        if scan.ndim == 3:
            up = parts[:, 3, None] / np.linalg.norm(parts[:, 3, None], axis=-1, keepdims=True)
            outward = outward - (outward * up).sum(axis=-1, keepdims=True) * up
        bend = np.linalg.norm(bin_step, axis=-1, keepdims=True) / np.linalg.norm(outward, axis=-1, keepdims=True)
        points = centre + outward * (np.cos(bend * bins) - 1) + bin_step * np.sin(bend * bins) / bend
    else:
        points = centre + bin_step * bins
    if scan.ndim == 3:
        points = points + _steps(scan.detector_shape[0])[:, None, None, None] * parts[:, 3, None]
    origin = np.broadcast_to(origin, points.shape)
    return (origin, points - origin) if scan.divergent else (points, origin)


def _steps(count: int) -> NDArray[np.float64]:
    return np.arange(count, dtype=np.float64) - (count - 1) / 2


def _point(values: Sequence[float], name: str, ndim: int) -> NDArray[np.float64]:
    point = np.asarray(values, dtype=np.float64)
    if point.shape != (ndim,) or not np.isfinite(point).all():
        raise InputError(f"{name}: expected {ndim} finite numbers in mm for this {ndim}D scan, got {values!r}")
    return point
