"""The supersampled sheet that a patient is drawn on."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from svct.geometry.grid import Grid
from svct.tasks.phantoms.chance import Dice
from svct.tasks.phantoms.shapes import Array, Point, Shape
from svct.tasks.phantoms.texture import Field, random_field
from svct.tasks.phantoms.truth import Nodule, Structure, label_of
from svct.units import hu_to_mu

Window = tuple[slice, slice]
SUBVOXEL_MM = 1.1


class Canvas:
    """Sub-voxel samples of CT numbers and labels, painted shape by shape in patient coordinates.

    Patient coordinates have x to the patient's left and y anterior, mm, about the middle of the body. A smooth
    warp bends them, so that plain shapes come out organic and no two sides are alike.

    Args:
        grid: The image grid (2D).
        dice: Source of the warp.
        centre: World position of the body's middle before `rotation`, mm.
        tilt: Patient's own rotation, radians.
        rotation: Further rotation about the grid's centre, radians.
        half_axes: Half width and half depth of everything that will be painted, mm.
        warp_mm: Standard deviation of the warp, mm; 0 for none.
    """

    def __init__(
        self,
        grid: Grid,
        dice: Dice,
        *,
        centre: Point,
        half_axes: Point,
        tilt: float = 0.0,
        rotation: float = 0.0,
        warp_mm: float = 3.0,
    ) -> None:
        self.grid = grid
        self.factor = max(1, math.ceil(grid.voxel_mm / SUBVOXEL_MM))
        self.step = grid.voxel_mm / self.factor
        self.angle = tilt + rotation
        self.half_axes = half_axes
        self.level = 0.0
        self.hold: Array | None = None
        self.nodule: Nodule | None = None
        self.structures: list[Structure] = []
        self._placed: dict[Point, Point] = {}
        self._shift: Point | None = None
        ox, oy = grid.origin_mm
        dx, dy = centre[0] - ox, centre[1] - oy
        cos, sin = math.cos(rotation), math.sin(rotation)
        self.centre = (ox + cos * dx - sin * dy, oy + sin * dx + cos * dy)
        self._cos, self._sin = math.cos(self.angle), math.sin(self.angle)
        self._crop()
        self.warp_mm = warp_mm
        self._warp = [random_field(dice.rng, wavelength, waves=24) for wavelength in (130.0, 130.0, 45.0, 45.0)]
        wx, wy = np.meshgrid(self.x_world - self.centre[0], self.y_world - self.centre[1])
        self.x: Array = (wx * self._cos + wy * self._sin).astype(np.float32)
        self.y: Array = (wy * self._cos - wx * self._sin).astype(np.float32)
        if warp_mm:
            self.x += warp_mm * self.field(self._warp[0]) + 0.25 * warp_mm * self.field(self._warp[2])
            self.y += warp_mm * self.field(self._warp[1]) + 0.25 * warp_mm * self.field(self._warp[3])
        self.hu: Array = np.full(self.x.shape, -1000.0, np.float32)
        self.label: NDArray[np.int16] = np.zeros(self.x.shape, np.int16)

    def _crop(self) -> None:
        ny, nx = self.grid.shape
        voxel = self.grid.voxel_mm
        a, b = (h + 12.0 for h in self.half_axes)
        reach_x = math.hypot(a * self._cos, b * self._sin)
        reach_y = math.hypot(a * self._sin, b * self._cos)
        left = self.grid.origin_mm[0] - nx * voxel / 2
        top = self.grid.origin_mm[1] + ny * voxel / 2
        self._columns = _clip((self.centre[0] - reach_x - left) / voxel, (self.centre[0] + reach_x - left) / voxel, nx)
        self._rows = _clip((top - self.centre[1] - reach_y) / voxel, (top - self.centre[1] + reach_y) / voxel, ny)
        f = self.factor
        self.x_world = left + (np.arange(self._columns.start * f, self._columns.stop * f) + 0.5) * self.step
        self.y_world = top - (np.arange(self._rows.start * f, self._rows.stop * f) + 0.5) * self.step

    def field(self, field: Field) -> Array:
        """Return a random field on the whole canvas, in unwarped patient coordinates."""
        return field.on_lattice(self.x_world, self.y_world, centre=self.centre, angle=self.angle)

    def to_world(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map patient coordinates ``(n, 2)`` to world coordinates, mm, undoing the warp to first order."""
        if self._shift is not None:
            points = points - np.array(self._shift)
        elif self.warp_mm:
            points = points - self._bend(points)
        x = points[:, 0] * self._cos - points[:, 1] * self._sin + self.centre[0]
        y = points[:, 0] * self._sin + points[:, 1] * self._cos + self.centre[1]
        return np.stack([x, y], 1)

    def _bend(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far the warp moves points ``(n, 2)``, mm."""
        w = self._warp
        shift = np.stack([w[0].at(points) + 0.25 * w[2].at(points), w[1].at(points) + 0.25 * w[3].at(points)], 1)
        return self.warp_mm * shift

    @contextmanager
    def stiff(self, about: Point) -> Iterator[None]:
        """Paint something that the warp does not bend, such as metal; its `about` lies where the warp has it, mm."""
        bent, placed = (self.x, self.y), self._placed
        shift = self._bend(np.array([about]))[0] if self.warp_mm else np.zeros(2)
        self._shift, self._placed = (float(shift[0]), float(shift[1])), {}
        wx, wy = np.meshgrid(self.x_world - self.centre[0], self.y_world - self.centre[1])
        self.x = (wx * self._cos + wy * self._sin + shift[0]).astype(np.float32)
        self.y = (wy * self._cos - wx * self._sin + shift[1]).astype(np.float32)
        try:
            yield
        finally:
            (self.x, self.y), self._placed, self._shift = bent, placed, None

    def _place(self, point: Point) -> Point:
        """Return the world position of a point, mm; a shape asks more than once, and the warp takes time."""
        if point not in self._placed:
            x, y = self.to_world(np.array([point]))[0]
            self._placed[point] = (float(x), float(y))
        return self._placed[point]

    def window(self, shape: Shape, margin: float = 0.0) -> Window:
        """Return the part of the canvas that can hold a shape."""
        return self._around(self._place(shape.centre), shape.reach * 1.12 + 3.0 + margin)

    def _around(self, world: Point, reach: float) -> Window:
        column = (world[0] - self.x_world[0]) / self.step if self.x_world.size else 0.0
        row = (self.y_world[0] - world[1]) / self.step if self.y_world.size else 0.0
        r = reach / self.step
        return _clip(row - r, row + r + 1, self.hu.shape[0]), _clip(column - r, column + r + 1, self.hu.shape[1])

    def cover(self, shape: Shape, window: Window, *, inset: float = 0.0, soft: float = 0.0) -> Array:
        """Return how much of each sample in `window` a shape covers, 0 to 1.

        Args:
            shape: The shape.
            window: From `window`.
            inset: Shrink the shape by this much, mm.
            soft: Width of its edge, mm, where it is wider than a sample.
        """
        distance = shape.distance(self.x[window], self.y[window])
        return _edge(distance + np.float32(inset), max(self.step, soft))

    def mask(self, shape: Shape) -> Array:
        """Return how much of each sample of the whole canvas a shape covers, 0 to 1."""
        result: Array = np.zeros_like(self.hu)
        window = self.window(shape)
        result[window] = self.cover(shape, window)
        return result

    def paint(
        self, shape: Shape, hu: float | Array, *, organ: str, within: Array | None = None, soft: float = 0.0
    ) -> None:
        """Paint a shape over what is there.

        Args:
            shape: The shape, patient coordinates.
            hu: CT number, one or one per sample of the whole canvas.
            organ: One of `ORGANS`.
            within: Paint only here (0 to 1 per sample).
            soft: Width of the edge, mm: what a slice of some thickness makes of an oblique surface.
        """
        window = self.window(shape, soft)
        alpha = self.cover(shape, window, soft=soft)
        if within is not None:
            alpha *= within[window]
        self.blend(window, alpha, hu, organ)
        mean = float(hu) if isinstance(hu, float | int) else float(hu[window].mean()) if alpha.size else 0.0
        self.record(shape, mean, organ)

    def blend(self, window: Window, alpha: Array, hu: float | Array, organ: str) -> None:
        """Mix a CT number into a window by coverage `alpha` and label what is covered by more than half.

        Where `hold` is set, nothing is painted outside it (0 to 1 per sample).
        """
        if self.hold is not None:
            alpha = alpha * self.hold[window]
        here = self.hu[window]
        here += alpha * ((hu if isinstance(hu, float | int) else hu[window]) - here)
        self.label[window][alpha > 0.5] = label_of(organ)

    def bones(self, shapes: list[Shape], marrow: float | Array, *, cortex_hu: float, shell_mm: float) -> None:
        """Paint joined bones: a cortical shell around marrow, no shell where the bones meet."""
        windows = [self.window(shape) for shape in shapes]
        for shape, window in zip(shapes, windows, strict=True):
            self.blend(window, self.cover(shape, window), cortex_hu, "bone")
            self.record(shape, cortex_hu, "bone")
        for shape, window in zip(shapes, windows, strict=True):
            self.blend(window, self.cover(shape, window, inset=shell_mm), marrow, "bone")

    def strokes(
        self,
        start: NDArray[np.float64],
        end: NDArray[np.float64],
        radius: NDArray[np.float64],
        *,
        buckets: int = 3,
    ) -> Array:
        """Return the coverage of many short straight limbs at once, on the whole canvas.

        Args:
            start: Starts, shape ``(n, 2)``, mm.
            end: Ends, shape ``(n, 2)``, mm.
            radius: Radii, shape ``(n,)``, mm.
            buckets: Groups of like size to work in.
        """
        result: Array = np.zeros_like(self.hu)
        if not result.size:
            return result
        world = self.to_world((start + end) / 2)
        reach = np.hypot(*(end - start).T) / 2 + radius + 2.0
        for part in np.array_split(np.argsort(reach), buckets):
            if not part.size:
                continue
            n = math.ceil(float(reach[part].max()) / self.step)
            offsets = np.arange(-n, n + 1)
            column = np.rint((world[part, 0] - self.x_world[0]) / self.step).astype(int)[:, None, None] + offsets
            row = np.rint((self.y_world[0] - world[part, 1]) / self.step).astype(int)[:, None, None] + offsets[:, None]
            valid = (column >= 0) & (column < result.shape[1]) & (row >= 0) & (row < result.shape[0])
            flat = np.where(valid, row * result.shape[1] + column, 0)
            s = start[part].astype(np.float32)[:, :, None, None]
            e = (end - start)[part].astype(np.float32)[:, :, None, None]
            dx, dy = self.x.ravel()[flat] - s[:, 0], self.y.ravel()[flat] - s[:, 1]
            along = np.clip((dx * e[:, 0] + dy * e[:, 1]) / np.maximum((e * e).sum(1), 1e-6), 0, 1)
            away = np.hypot(dx - along * e[:, 0], dy - along * e[:, 1])
            r = radius[part].astype(np.float32)[:, None, None]
            # The second term keeps limbs thinner than a sample from gaining mass.
            alpha = _edge(away - r, self.step) - _edge(away + r, self.step)
            np.maximum.at(result.reshape(-1), flat.ravel(), np.where(valid, alpha, 0).ravel())
        return result

    def disc(self, world: Point, diameter_mm: float, *, hu: float, organ: str) -> None:
        """Paint an unwarped disc at a world position."""
        window = self._around(world, diameter_mm / 2 + 3.0)
        away = np.hypot(self.x_world[None, window[1]] - world[0], self.y_world[window[0], None] - world[1])
        self.blend(window, _edge((away - diameter_mm / 2).astype(np.float32), self.step), hu, organ)
        self.structures.append(Structure(organ, hu, world, (diameter_mm, diameter_mm)))

    def record(self, shape: Shape, hu: float, organ: str) -> None:
        """Note a structure for the patient's truth."""
        axes = getattr(shape, "axes", (shape.reach, shape.reach))
        self.structures.append(Structure(organ, hu, self._place(shape.centre), (2 * axes[0], 2 * axes[1])))

    def image(self) -> Array:
        """Return the attenuation of each voxel, 1/mm, ``(ny, nx)``: the mean over its samples, never below air."""
        result: Array = np.zeros(self.grid.shape, np.float32)
        f, (rows, columns) = (
            self.factor,
            (self._rows.stop - self._rows.start, self._columns.stop - self._columns.start),
        )
        mean = np.maximum(self.hu, -1000).reshape(rows, f, columns, f).mean((1, 3))
        result[self._rows, self._columns] = hu_to_mu(mean)
        return result

    def labels(self) -> NDArray[np.int16]:
        """Return the organ at the middle of each voxel, ``(ny, nx)``."""
        result: NDArray[np.int16] = np.zeros(self.grid.shape, np.int16)
        middle = self.factor // 2
        result[self._rows, self._columns] = self.label[middle :: self.factor, middle :: self.factor]
        return result


def _edge(distance: Array, width: float) -> Array:
    result: Array = np.clip(np.float32(0.5) - distance * np.float32(1 / width), 0, 1)
    return result


def _clip(low: float, high: float, size: int) -> slice:
    start = min(max(math.floor(low), 0), size)
    return slice(start, max(start, min(math.ceil(high), size)))
