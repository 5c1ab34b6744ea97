"""Closed outlines in mm, and how much of each pixel they cover."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from svct.geometry.grid import Grid

Points = NDArray[np.float64]
Outline = tuple[tuple[float, float], ...]
Window = tuple[slice, slice]

FEWEST = 5
"""Samples per pixel edge, at least."""

ANY: tuple[Outline, ...] = (((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)),)
"""Outlines that stand in for those still to be found."""

SAMPLE_MM = 0.4
"""Samples lie no further apart than this."""


def pixel_centres(grid: Grid) -> tuple[Points, Points]:
    """Return x of the columns ``(nx,)`` and y of the rows ``(ny,)`` of a 2D grid, mm."""
    ny, nx = grid.shape
    ox, oy = grid.origin_mm
    x: Points = ox + (np.arange(nx, dtype=np.float64) - (nx - 1) / 2) * grid.voxel_mm
    y: Points = oy - (np.arange(ny, dtype=np.float64) - (ny - 1) / 2) * grid.voxel_mm
    return x, y


def outline_of(points: Points) -> Outline:
    """Return points ``(n, 2)`` as plain numbers, to a micrometre."""
    return tuple((round(float(x), 3), round(float(y), 3)) for x, y in points)


def blob(
    rng: np.random.Generator,
    centre: tuple[float, float],
    half_axes: tuple[float, float],
    *,
    angle: float = 0.0,
    roughness: float = 0.0,
    orders: Sequence[int] = (2, 3, 4, 5, 7),
) -> Points:
    """Return an ellipse with an uneven edge, ``(96, 2)``, mm.

    Args:
        rng: Source of the unevenness.
        centre: Middle, mm.
        half_axes: Half length and half width, mm.
        angle: Direction of the length, radians.
        roughness: Standard deviation of the edge as a part of the radius.
        orders: Periods per turn of the unevenness.
    """
    turn = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    scale = np.ones_like(turn)
    for order in orders:
        amplitude = roughness * math.sqrt(2 / len(orders)) * float(np.clip(rng.standard_normal(), -1.7, 1.7))
        scale += amplitude * np.cos(order * turn + rng.uniform(0, 2 * np.pi))
    x, y = half_axes[0] * np.cos(turn) * scale, half_axes[1] * np.sin(turn) * scale
    cos, sin = math.cos(angle), math.sin(angle)
    return np.stack([centre[0] + x * cos - y * sin, centre[1] + x * sin + y * cos], 1)


def band(path: Points, widths: Points | float) -> Points:
    """Return the outline of a line of some width, ``(2 n, 2)``, mm.

    Args:
        path: The line, ``(n, 2)``, mm.
        widths: Full width, one or one per point, mm.
    """
    along = np.gradient(path, axis=0)
    along /= np.maximum(np.hypot(*along.T)[:, None], 1e-9)
    across = np.stack([-along[:, 1], along[:, 0]], 1) * np.broadcast_to(np.asarray(widths) / 2, len(path))[:, None]
    return np.concatenate([path + across, (path - across)[::-1]])


def contours(field: NDArray[np.floating], grid: Grid, level: float = 0.5, smallest_mm2: float = 0.0) -> list[Points]:
    """Return the outlines of where a field on a grid exceeds a level; holes are outlines too.

    Args:
        field: Values at the pixel centres, ``(ny, nx)``.
        grid: The grid.
        level: The level.
        smallest_mm2: Leave out outlines that enclose less.
    """
    from skimage.measure import approximate_polygon, find_contours

    outside = min(float(field.min()), level - 1.0)
    x, y = pixel_centres(grid)
    found = []
    for rows_columns in find_contours(np.pad(field, 1, constant_values=outside), level):  # type: ignore[no-untyped-call]
        row, column = approximate_polygon(rows_columns, 0.08)[:-1].T - 1.0  # type: ignore[no-untyped-call]
        if len(row) < 3:
            continue
        points = np.stack([x[0] + column * grid.voxel_mm, y[0] - row * grid.voxel_mm], 1)
        if abs(signed_area(points)) > smallest_mm2:
            found.append(points)
    return found


def signed_area(points: Points) -> float:
    """Return the area an outline encloses, mm^2, positive if it runs anticlockwise.

    Example:
        >>> signed_area(np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 3.0], [0.0, 3.0]]))
        6.0
    """
    x, y = points.T
    return 0.5 * float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def turned(outline: Outline, angle: float, about: tuple[float, float]) -> Outline:
    """Return an outline turned anticlockwise by `angle` (radians) about a point."""
    points = np.array(outline) - about
    cos, sin = math.cos(angle), math.sin(angle)
    rotated = np.stack([points[:, 0] * cos - points[:, 1] * sin, points[:, 0] * sin + points[:, 1] * cos], 1)
    return outline_of(rotated + about)


def coverage(outlines: Sequence[Outline], grid: Grid, *, soft_mm: float = 0.0) -> tuple[Window, NDArray[np.float64]]:
    """Return how much of each pixel some outlines cover, 0 to 1, and the window of the image that it is of.

    A place inside an even number of outlines is not covered, so that an outline within another is a hole.

    Args:
        outlines: Closed outlines, mm.
        grid: A 2D grid.
        soft_mm: Standard deviation of a Gaussian that blurs the edge, mm: what a thick slice and a focal spot make
            of it.

    Notes:
        The mean over samples inside the pixel, at least 5 by 5 and at most 0.4 mm apart.
    """
    from scipy.ndimage import gaussian_filter
    from skimage.draw import polygon

    points = np.concatenate([np.array(o) for o in outlines])
    x, y = pixel_centres(grid)
    ny, nx = grid.shape
    margin = 3 * soft_mm + grid.voxel_mm
    low, high = points.min(0) - margin, points.max(0) + margin
    columns = _clip((low[0] - x[0]) / grid.voxel_mm, (high[0] - x[0]) / grid.voxel_mm, nx)
    rows = _clip((y[0] - high[1]) / grid.voxel_mm, (y[0] - low[1]) / grid.voxel_mm, ny)
    size = rows.stop - rows.start, columns.stop - columns.start
    if 0 in size:
        return (rows, columns), np.zeros(size)
    n = max(FEWEST, math.ceil(grid.voxel_mm / SAMPLE_MM))
    step = grid.voxel_mm / n
    left, top = x[0] + (columns.start - 0.5) * grid.voxel_mm, y[0] - (rows.start - 0.5) * grid.voxel_mm
    inside = np.zeros((size[0] * n, size[1] * n), bool)
    for outline in outlines:
        px, py = np.array(outline).T
        filled = polygon((top - py) / step - 0.5, (px - left) / step - 0.5, inside.shape)  # type: ignore[no-untyped-call]
        inside[filled] ^= True
    samples = inside.astype(np.float32)
    if soft_mm:
        samples = gaussian_filter(samples, soft_mm / step, mode="nearest", truncate=3.0)
    return (rows, columns), samples.reshape(size[0], n, size[1], n).mean((1, 3), dtype=np.float64)


def _clip(low: float, high: float, size: int) -> slice:
    start = min(max(math.floor(low), 0), size)
    return slice(start, max(start, min(math.ceil(high) + 1, size)))
