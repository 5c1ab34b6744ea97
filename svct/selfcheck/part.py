"""A part of a scan, small enough to check in seconds."""

import math

from svct.geometry.grid import Grid
from svct.geometry.scan import Scan
from svct.geometry.vector import VectorBeam

BOUND = 1e8
"""Most voxels that the rays of one projection may pass."""
FEWEST_VIEWS = 16


def cheap_part(scan: Scan, grid: Grid) -> tuple[Scan, str]:
    """Return the scan, or some of its views and detector rows from end to end where it is large, and which these are.

    Args:
        scan: The scan geometry.
        grid: The image grid.

    Example:
        >>> from svct.geometry import ParallelBeam
        >>> cheap_part(ParallelBeam([0.0, 1.0], bins=9), Grid(shape=(8, 8)))[1]
        'all 2 views'
    """
    *rows, bins = scan.detector_shape
    most = max(1, int(BOUND / (bins * max(grid.shape))))
    if len(scan) * math.prod(rows) <= most:
        return scan, f"all {len(scan)} views"
    kept = min(rows[0], max(2, most // min(FEWEST_VIEWS, len(scan)))) if rows else 1
    views = min(len(scan), max(1, most // kept))
    what = f"{views} of {len(scan)} views" if views < len(scan) else f"all {views} views"
    part = scan[[i * len(scan) // views for i in range(views)]]
    if not rows or kept == rows[0]:
        return part, what
    table = part.vectors
    table[:, 9:] *= (rows[0] - 1) / (kept - 1)
    options = {"divergent": scan.divergent, "curved": scan.curved}
    return VectorBeam(table, rows=kept, bins=bins, **options), f"{what} and {kept} of {rows[0]} rows"
