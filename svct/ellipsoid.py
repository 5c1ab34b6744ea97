"""Ellipses and ellipsoids on a grid, the objects whose line integrals are known exactly."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from svct.geometry.grid import Grid

CHUNK = 20_000
"""Voxels whose parts are looked at together."""


def fit_ellipsoid(grid: Grid) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return centre and half axes of an ellipsoid that lies askew of the middle of a grid and well within it.

    Args:
        grid: The image grid.

    Returns:
        The centre ``(x, y[, z])`` and the half axes in the same order, mm.

    Example:
        >>> fit_ellipsoid(Grid(shape=(100, 100)))
        ((4.0, -3.0), (36.0, 42.0))
    """
    extent = grid.extent_mm[::-1]
    shift, share = (0.04, -0.03, 0.02), (0.36, 0.42, 0.38)
    centre = tuple(o + s * e for o, s, e in zip(grid.origin_mm, shift, extent, strict=False))
    return centre, tuple(s * e for s, e in zip(share, extent, strict=False))


def draw_ellipsoid(
    grid: Grid, *, centre_mm: Sequence[float], axes_mm: Sequence[float], value: float = 0.02, parts: int = 6
) -> NDArray[np.float32]:
    """Draw an ellipse or an ellipsoid, each voxel with the part of it that lies inside.

    Args:
        grid: The image grid.
        centre_mm: ``(x, y[, z])``, mm.
        axes_mm: Half axes along x, y (and z), mm.
        value: Attenuation inside, 1/mm.
        parts: Along each edge of a voxel on the surface.

    Returns:
        float32 of the grid's shape, 1/mm.

    Example:
        >>> image = draw_ellipsoid(Grid(shape=(40, 40)), centre_mm=(0, 0), axes_mm=(10, 8), value=1.0)
        >>> abs(float(image.sum()) / (math.pi * 80) - 1) < 1e-3
        True
    """
    voxel = grid.voxel_mm
    # Coordinates of the voxels' middles by axis, in the order of the shape, in half axes from the centre.
    middles, steps = [], []
    for axis, count in enumerate(grid.shape):
        turn = -1.0 if len(grid.shape) == 2 and axis == 0 else 1.0  # row 0 of an image lies at the largest y
        k = len(grid.shape) - 1 - axis
        mm = grid.origin_mm[k] + turn * (np.arange(count) - (count - 1) / 2) * voxel
        middles.append((mm - centre_mm[k]) / axes_mm[k])
        steps.append(voxel / axes_mm[k])
    reach = math.hypot(*steps) / 2
    image = np.empty(grid.shape, dtype=np.float32)
    inner = sum(np.ix_(*(m**2 for m in middles[1:])))
    offsets = (np.arange(parts) + 0.5) / parts - 0.5
    for index, first in enumerate(middles[0]):
        radius = np.sqrt(first**2 + inner)
        layer = (radius < 1).astype(np.float32)
        edge = np.argwhere(np.abs(radius - 1) <= reach)
        for begin in range(0, len(edge), CHUNK):
            some = edge[begin : begin + CHUNK]
            points = [np.full(len(some), first), *(m[i] for m, i in zip(middles[1:], some.T, strict=True))]
            layer[tuple(some.T)] = _share_inside(points, steps, offsets)
        image[index] = layer * value
    return image


def _share_inside(
    points: list[NDArray[np.float64]], steps: list[float], offsets: NDArray[np.float64]
) -> NDArray[np.float64]:
    squares = [(p[:, None] + s * offsets) ** 2 for p, s in zip(points, steps, strict=True)]
    inside = np.zeros(len(points[0]))
    for which in itertools.product(range(len(offsets)), repeat=len(points) - 1):
        rest = sum(square[:, i] for square, i in zip(squares, which, strict=False))
        inside += (np.asarray(rest)[:, None] + squares[-1] < 1).sum(axis=1)
    return np.asarray(inside / len(offsets) ** len(points))
