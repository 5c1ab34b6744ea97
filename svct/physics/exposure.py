"""What smears a view: the size of the focal spot, and the turn of the gantry while the view is exposed."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from svct.errors import InputError
from svct.geometry.grid import Grid
from svct.geometry.projector import Projector
from svct.geometry.scan import Scan


def spread(
    scan: Scan,
    *,
    focal_mm: float | Sequence[float] = 0.0,
    window_rad: float = 0.0,
    samples: int = 3,
) -> list[tuple[float, Scan]]:
    """Return scans whose intensities, averaged with their weights, are those of an extended spot that turns.

    Args:
        scan: The scan with a point source that stands still in each view, at the middle of its exposure.
        focal_mm: Width of the focal spot across the fan as seen from the axis, or (width, length along z), mm; even
            brightness over it. 0 is a point.
        window_rad: Angle that the gantry turns during the exposure of a view, radians; 0 stands still.
        samples: Points per direction that is spread, by Gauss-Legendre quadrature.

    Raises:
        InputError: A negative size, a focal spot of a parallel beam, or fewer than one sample.

    Example:
        >>> from svct.geometry import FanBeam
        >>> scan = FanBeam([0.0], bins=4, source_mm=500, detector_mm=500)
        >>> [round(weight, 3) for weight, _ in spread(scan, focal_mm=1.0)]
        [0.278, 0.444, 0.278]

    Notes:
        Averages intensities, not line integrals: the part of blur that is not linear in the object, which edges of
        metal show, is kept. A helix's angles carry its table with them.
    """
    width, length = (focal_mm, 0.0) if isinstance(focal_mm, (int, float)) else (*focal_mm, 0.0)[:2]
    if width < 0 or length < 0 or window_rad < 0 or samples < 1:
        raise InputError("spread: expected sizes and window of 0 or more and at least one sample")
    if (width or length) and not scan.divergent:
        raise InputError("focal_mm: expected 0 for a parallel beam, got a focal spot; blur the detector instead")
    if length and scan.ndim == 2:
        raise InputError("focal_mm: expected no length along z for a 2D scan; give its width alone")
    nodes, weights = np.polynomial.legendre.leggauss(samples)
    point = [(0.0, 1.0)]
    steps = {
        size: list(zip((nodes * size / 2).tolist(), (weights / 2).tolist(), strict=True)) if size else point
        for size in (width, length, window_rad)
    }
    found = []
    for across, w1 in steps[width]:
        for along, w2 in steps[length]:
            for turn, w3 in steps[window_rad]:
                found.append((w1 * w2 * w3, _moved(scan, across, along, turn)))
    return found


def spread_projectors(parts: Sequence[tuple[float, Scan]], grid: Grid) -> list[tuple[float, Projector]]:
    """Return the projector of each part of `spread`, with its weight."""
    return [(weight, Projector(scan, grid)) for weight, scan in parts]


def window_of(views_per_rotation: int, duty: float) -> float:
    """Return the angle turned during a view, radians, where views follow each other and are exposed `duty` of the time.

    Raises:
        InputError: `duty` is not within 0 to 1.
    """
    if not 0 <= duty <= 1:
        raise InputError(f"duty: expected the exposed part of the time, 0 to 1, got {duty!r}")
    return 2 * math.pi / views_per_rotation * duty


def _moved(scan: Scan, across: float, along: float, turn: float) -> Scan:
    changes: dict[str, object] = {}
    if turn:
        changes["angles"] = tuple(angle + turn for angle in scan.angles)
    if across or along:
        old = np.asarray(getattr(scan, "source_shift_mm", ()), np.float64)
        size = 2 if scan.ndim == 2 else 3
        shift = np.zeros((len(scan), size)) if not old.size else old
        shift = shift + np.array([across, 0.0, along][:size])
        changes["source_shift_mm"] = tuple(map(tuple, shift.tolist()))
    return replace(scan, **changes) if changes else scan  # type: ignore[arg-type]
