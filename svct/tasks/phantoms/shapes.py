"""Implicit shapes: each gives an approximate signed distance in mm, negative inside."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

Array = NDArray[np.float32]
Point = tuple[float, float]

ANGLES: NDArray[np.float64] = np.linspace(-np.pi, np.pi, 2048, endpoint=False)
"""Angles at which a `Contour` holds its radii, radians; 0 is the patient's left, pi/2 anterior."""


class Shape(ABC):
    """A region of the plane, in patient coordinates (x to the patient's left, y anterior), mm."""

    centre: Point
    reach: float

    @abstractmethod
    def distance(self, x: Array, y: Array) -> Array:
        """Return the approximate signed distance in mm at `x`, `y` (same shape), negative inside."""


@dataclass(frozen=True)
class Blob(Shape):
    """An ellipse, bent like a banana where `bend` is not zero.

    Args:
        centre: Centre, mm.
        axes: Half-axes along and across, mm.
        angle: Direction of the first axis, radians.
        bend: Curvature of the first axis, 1/mm; positive bends its ends towards the negative second axis.

    Example:
        >>> float(Blob((0.0, 0.0), (3.0, 3.0)).distance(np.float32([4]), np.float32([0]))[0].round(3))
        1.0

    Notes:
        Distance k0 (k0 - 1) / k1, first order in the implicit function (Quilez, "ellipse distance", 2008).
    """

    centre: Point
    axes: Point
    angle: float = 0.0
    bend: float = 0.0

    @property
    def reach(self) -> float:  # type: ignore[override]
        """Radius of a disc about the centre that holds the shape, mm."""
        longest = max(self.axes)
        return longest + abs(self.bend) * self.axes[0] ** 2

    def distance(self, x: Array, y: Array) -> Array:
        """Return the approximate signed distance, mm."""
        (a, b), cos, sin = self.axes, math.cos(self.angle), math.sin(self.angle)
        dx, dy = x - self.centre[0], y - self.centre[1]
        u = dx * cos + dy * sin
        v = dy * cos - dx * sin
        if self.bend:
            v += self.bend * u * u
        u *= 1 / a
        v *= 1 / b
        u2, v2 = u * u, v * v
        k0 = np.sqrt(u2 + v2)
        k1 = np.sqrt(u2 * (1 / a**2) + v2 * (1 / b**2)) + np.float32(1e-6)
        result: Array = k0 * (k0 - 1) / k1
        return result


@dataclass(frozen=True)
class Stroke(Shape):
    """A straight limb with round ends whose radius goes evenly from one end to the other.

    Args:
        start: One end, mm.
        end: The other end, mm.
        radii: Radius at start and end, mm.
    """

    start: Point
    end: Point
    radii: Point

    @property
    def centre(self) -> Point:  # type: ignore[override]
        """Middle of the limb, mm."""
        return (self.start[0] + self.end[0]) / 2, (self.start[1] + self.end[1]) / 2

    @property
    def reach(self) -> float:  # type: ignore[override]
        """Radius of a disc about the centre that holds the shape, mm."""
        return math.dist(self.start, self.end) / 2 + max(self.radii)

    def distance(self, x: Array, y: Array) -> Array:
        """Return the signed distance, mm."""
        ex, ey = self.end[0] - self.start[0], self.end[1] - self.start[1]
        dx, dy = x - self.start[0], y - self.start[1]
        along = np.clip((dx * ex + dy * ey) * (1 / max(ex * ex + ey * ey, 1e-6)), 0, 1)
        radius = self.radii[0] + along * (self.radii[1] - self.radii[0])
        return np.asarray(np.hypot(dx - along * ex, dy - along * ey) - radius, np.float32)


@dataclass(frozen=True)
class Box(Shape):
    """A rectangle with round corners.

    Args:
        centre: Centre, mm.
        axes: Half length and half width, mm.
        angle: Direction of the length, radians.
        corner: Radius of the corners, mm.

    Example:
        >>> Box((0.0, 0.0), (3.0, 1.0)).distance(np.float32([0, 6]), np.float32([0, 5])).tolist()
        [-1.0, 5.0]

    Notes:
        Exact distance (Quilez, "rounded box", 2D distance functions, 2020).
    """

    centre: Point
    axes: Point
    angle: float = 0.0
    corner: float = 0.0

    @property
    def reach(self) -> float:  # type: ignore[override]
        """Radius of a disc about the centre that holds the shape, mm."""
        return math.hypot(*self.axes)

    def distance(self, x: Array, y: Array) -> Array:
        """Return the signed distance, mm."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        dx, dy = x - self.centre[0], y - self.centre[1]
        u = np.abs(dx * cos + dy * sin) - (self.axes[0] - self.corner)
        v = np.abs(dy * cos - dx * sin) - (self.axes[1] - self.corner)
        outside = np.hypot(np.maximum(u, 0), np.maximum(v, 0))
        return np.asarray(outside + np.minimum(np.maximum(u, v), 0) - self.corner, np.float32)


@dataclass(frozen=True, eq=False)
class Contour(Shape):
    """A star-shaped region given by its radius at each of `ANGLES`.

    Args:
        radii: Radii in mm, shape ``(2048,)``.
        centre: The point the radii start from, mm.
    """

    radii: NDArray[np.float64]
    centre: Point = (0.0, 0.0)
    table: Array = field(init=False, repr=False)
    slope: Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        derivative = (np.roll(self.radii, -1) - np.roll(self.radii, 1)) / (2 * (ANGLES[1] - ANGLES[0]))
        object.__setattr__(self, "table", self.radii.astype(np.float32))
        steepness = 1 / np.sqrt(1 + (derivative / np.maximum(self.radii, 1e-3)) ** 2)
        object.__setattr__(self, "slope", steepness.astype(np.float32))

    @property
    def reach(self) -> float:  # type: ignore[override]
        """Radius of a disc about the centre that holds the shape, mm."""
        return float(self.radii.max())

    def distance(self, x: Array, y: Array) -> Array:
        """Return the approximate signed distance, mm: the radial one times the cosine of the slope."""
        dx, dy = x - self.centre[0], y - self.centre[1]
        turn = (np.arctan2(dy, dx) + np.float32(np.pi)) * np.float32(len(ANGLES) / (2 * np.pi))
        at = turn.astype(np.int32) & (len(ANGLES) - 1)
        result: Array = (np.hypot(dx, dy) - self.table[at]) * self.slope[at]
        return result

    def inset(self, depth: float | NDArray[np.float64]) -> "Contour":
        """Return the contour moved inwards by `depth` mm (a number, or one per angle), at least 1 mm of radius left."""
        return Contour(np.maximum(self.radii - depth, 1.0), self.centre)

    def point(self, angle: float, depth: float = 0.0) -> Point:
        """Return the point at `angle` (radians), `depth` mm inside the contour."""
        turn = (angle + math.pi) / (2 * math.pi) % 1.0
        radius = float(self.table[int(turn * len(ANGLES)) % len(ANGLES)]) - depth
        return self.centre[0] + radius * math.cos(angle), self.centre[1] + radius * math.sin(angle)

    def tangent(self, angle: float) -> float:
        """Return the direction of the contour at `angle`, turned so that its second axis points outwards, radians."""
        (x0, y0), (x1, y1) = self.point(angle + 0.06), self.point(angle - 0.06)
        return math.atan2(y1 - y0, x1 - x0)


@dataclass(frozen=True, eq=False)
class Band(Shape):
    """A region between a right and a left border, each a smooth function of y: the mediastinum.

    Args:
        heights: Increasing y of the knots, mm.
        right: x of the border on the patient's right at each knot, mm.
        left: x of the border on the patient's left, mm.
    """

    heights: Sequence[float]
    right: Sequence[float]
    left: Sequence[float]

    @property
    def centre(self) -> Point:  # type: ignore[override]
        """Middle of the bounding box, mm."""
        return (min(self.right) + max(self.left)) / 2, (self.heights[0] + self.heights[-1]) / 2

    @property
    def reach(self) -> float:  # type: ignore[override]
        """Radius of a disc about the centre that holds the shape, mm."""
        return math.hypot(max(self.left) - min(self.right), self.heights[-1] - self.heights[0]) / 2

    def distance(self, x: Array, y: Array) -> Array:
        """Return the horizontal distance to the nearer border or end, mm."""
        knots = np.linspace(self.heights[0], self.heights[-1], 256)
        at = np.clip((y - self.heights[0]) * np.float32(255 / (knots[-1] - knots[0])), 0, 255).astype(np.int32)
        right = PchipInterpolator(self.heights, self.right)(knots).astype(np.float32)[at]
        left = PchipInterpolator(self.heights, self.left)(knots).astype(np.float32)[at]
        ends = np.maximum(self.heights[0] - y, y - self.heights[-1])
        result: Array = np.maximum(np.maximum(right - x, x - left), ends)
        return result


def oval(a: float, b: float, power: float) -> NDArray[np.float64]:
    """Return the radii of a superellipse at `ANGLES`, mm.

    Args:
        a: Half-axis along x, mm.
        b: Half-axis along y, mm.
        power: 2 is an ellipse, larger is boxier.

    Notes:
        r = (|cos t / a|^p + |sin t / b|^p)^(-1/p).
    """
    radii: NDArray[np.float64] = (np.abs(np.cos(ANGLES) / a) ** power + np.abs(np.sin(ANGLES) / b) ** power) ** (
        -1 / power
    )
    return radii


def bump(angle: float, width: float) -> NDArray[np.float64]:
    """Return a Gaussian bump of height one over `ANGLES`, centred at `angle` (radians) and `width` wide."""
    away = (ANGLES - angle + np.pi) % (2 * np.pi) - np.pi
    result: NDArray[np.float64] = np.exp(-0.5 * (away / width) ** 2)
    return result
