"""Lungs: parenchyma with a gradient, and vessels that branch and taper from the hilum to the pleura."""

import math

import numpy as np
from numpy.typing import NDArray

from svct.tasks.phantoms.canvas import Canvas
from svct.tasks.phantoms.chance import Dice
from svct.tasks.phantoms.shapes import Array, Point, Shape
from svct.tasks.phantoms.tissue import Tissues

Points = NDArray[np.float64]


def parenchyma(canvas: Canvas, dice: Dice, tissues: Tissues) -> Array:
    """Return lung tissue on the whole canvas, HU: denser towards the back, where blood pools in a lying patient."""
    base = np.float32(dice.about(-858, 22))
    gradient = np.float32(dice.uniform(0.15, 0.45))
    roughness = np.float32(dice.uniform(0.7, 1.5))
    texture = roughness * (14 * tissues.fine + 10 * tissues.medium + 12 * tissues.coarse)
    result: Array = np.clip(base - gradient * canvas.y + texture, -985, -700)
    return result


def grow_tree(dice: Dice, hilum: Point, towards: float, *, reach: float, stems: int) -> tuple[Points, Points, Points]:
    """Grow a tree of tapering limbs from the hilum.

    Args:
        dice: The patient's random numbers.
        hilum: Root, mm.
        towards: Main direction, radians.
        reach: Distance from the hilum to the far pleura, mm.
        stems: Limbs that leave the hilum.

    Returns:
        Starts ``(n, 2)``, ends ``(n, 2)`` and radii ``(n,)``, mm.
    """
    rng = dice.rng
    position = np.tile(np.array(hilum), (stems, 1)) + rng.normal(0, 4, (stems, 2))
    heading = towards + np.linspace(-1.5, 1.5, stems) + rng.normal(0, 0.15, stems)
    radius = rng.uniform(1.4, 3.2, stems)
    starts, ends, radii = [], [], []
    for _ in range(26):
        step = rng.uniform(4.0, 9.0, len(radius))
        heading = heading + rng.normal(0, 0.16, len(radius))
        end = position + step[:, None] * np.stack([np.cos(heading), np.sin(heading)], 1)
        starts.append(position)
        ends.append(end)
        radii.append(radius)
        # Some limbs leave the slice; the others taper and some fork, at wider angles when they are thin.
        stays = (rng.random(len(radius)) > 0.19) & (radius > 0.42) & (np.hypot(*(end - hilum).T) < reach)
        position, heading, radius = (
            end[stays],
            heading[stays],
            radius[stays] * rng.uniform(0.9, 0.99, int(stays.sum())),
        )
        forks = rng.random(len(radius)) < 0.22
        if len(radius) > 110:
            forks[:] = False
        side = np.where(rng.random(int(forks.sum())) < 0.5, -1.0, 1.0)
        branch = heading[forks] + side * rng.uniform(0.45, 1.15, int(forks.sum()))
        thinner = radius[forks] * rng.uniform(0.5, 0.85, int(forks.sum()))
        heading[forks] -= side * 0.2
        position = np.concatenate([position, position[forks]])
        heading = np.concatenate([heading, branch])
        radius = np.concatenate([radius, thinner])
        if not len(radius):
            break
    return np.concatenate(starts), np.concatenate(ends), np.concatenate(radii)


def scatter_dots(dice: Dice, hilum: Point, middle: Point, *, size: Point, count: int) -> tuple[Points, Points, Points]:
    """Scatter vessels that cross the slice: short oblique limbs, thick near the hilum and thin near the pleura.

    Args:
        dice: The patient's random numbers.
        hilum: Root of the lung, mm.
        middle: Middle of the lung, mm.
        size: Half width and half depth to scatter over, mm.
        count: How many.

    Returns:
        Starts, ends and radii as in `grow_tree`.
    """
    rng = dice.rng
    position = np.array(middle) + rng.uniform(-1, 1, (count, 2)) * np.array(size)
    away = np.hypot(*(position - hilum).T)
    radius = np.clip(2.4 * np.exp(-away / 32) + 0.3, 0, 2.8) * rng.uniform(0.6, 1.3, count)
    heading = np.arctan2(*(position - hilum).T[::-1]) + rng.normal(0, 0.5, count)
    length = rng.gamma(1.2, 1.5, count)
    return position, position + length[:, None] * np.stack([np.cos(heading), np.sin(heading)], 1), radius


def draw_lungs(
    canvas: Canvas, dice: Dice, tissues: Tissues, *, cavity: Shape, hila: tuple[Point, Point], size: Point
) -> None:
    """Fill the thoracic cavity with lung and its vessels; the mediastinum is painted over it afterwards.

    Args:
        canvas: Where to draw.
        dice: The patient's random numbers.
        tissues: The patient's tissues.
        cavity: The pleural contour.
        hila: Right and left hilum, mm.
        size: Half width and half depth of the cavity, mm.
    """
    lung = canvas.mask(cavity)
    everywhere = (slice(None), slice(None))
    canvas.blend(everywhere, lung, parenchyma(canvas, dice, tissues), "lung")
    canvas.record(cavity, -850.0, "lung")
    limbs: list[tuple[Points, Points, Points]] = []
    airways: list[tuple[Point, float]] = []
    for side, hilum in zip((-1, 1), hila, strict=True):
        towards = 0.0 if side > 0 else math.pi
        reach = size[0] * 1.05 - abs(hilum[0])
        limbs.append(grow_tree(dice, hilum, towards, reach=max(reach, 30.0), stems=int(dice.rng.integers(3, 7))))
        middle = (side * size[0] * 0.58, hilum[1])
        limbs.append(scatter_dots(dice, hilum, middle, size=(size[0] * 0.5, size[1]), count=110))
        for _ in range(int(dice.rng.integers(3, 7))):
            away, turn = dice.uniform(12, 45), towards + dice.uniform(-1.3, 1.3)
            at = (hilum[0] + away * math.cos(turn), hilum[1] + away * math.sin(turn))
            airways.append((at, dice.uniform(1.2, 3.6) * math.exp(-away / 60)))
    starts, ends, radii = (np.concatenate(part) for part in zip(*limbs, strict=True))
    vessels = canvas.strokes(starts, ends, radii) * lung
    canvas.blend(everywhere, vessels, dice.uniform(20, 50), "vessel")
    walls = np.array([at for at, _ in airways])
    lumen = np.array([radius for _, radius in airways])
    nudge = walls + 0.3
    canvas.blend(everywhere, canvas.strokes(walls, nudge, lumen + 1.1) * lung, -50.0, "airway")
    canvas.blend(everywhere, canvas.strokes(walls, nudge, lumen) * lung, -960.0, "airway")
