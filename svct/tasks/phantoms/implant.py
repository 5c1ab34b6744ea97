"""A hip implant cut across: cup, liner, head, neck and stem."""

import math
from dataclasses import dataclass

import numpy as np

from svct.tasks.phantoms.canvas import Canvas
from svct.tasks.phantoms.chance import Dice
from svct.tasks.phantoms.shapes import Array, Blob, Point, Shape, Stroke

POLYETHYLENE_HU = -90.0
"""Of ultra-high-molecular-weight polyethylene, 0.94 g/cm^3."""


@dataclass(frozen=True)
class Bowl(Shape):
    """A disc without its part beyond a chord: a cup or its liner, cut through the middle.

    Args:
        centre: Centre of the disc, mm.
        radius: Its radius, mm.
        opening: Direction in which the disc is cut off, radians.
        chord: How far from the centre, mm.
    """

    centre: Point
    radius: float
    opening: float
    chord: float

    @property
    def reach(self) -> float:  # type: ignore[override]
        """Radius of a disc about the centre that holds the shape, mm."""
        return self.radius

    def distance(self, x: Array, y: Array) -> Array:
        """Return the signed distance, mm; behind the chord's ends a little less."""
        dx, dy = x - self.centre[0], y - self.centre[1]
        ahead = dx * math.cos(self.opening) + dy * math.sin(self.opening)
        result: Array = np.maximum(np.hypot(dx, dy) - self.radius, ahead - self.chord)
        return result


def draw_implant(
    canvas: Canvas, dice: Dice, *, side: int, joint: Point, level: float, head_hu: float, cup_hu: float
) -> None:
    """Draw one implant in its bones.

    Args:
        canvas: Where to draw.
        dice: The patient's random numbers.
        side: -1 for the patient's right, 1 for his left.
        joint: Centre of the head, mm.
        level: 0 at the top of the cup, 1 below the head, where the stem is in the femur.
        head_hu: CT number of head and neck, HU.
        cup_hu: CT number of cup and stem, HU.

    Notes:
        Head, liner and cup are spheres about one centre, so that a slice z mm off it cuts circles of radius
        sqrt(r^2 - z^2). The neck slopes outwards and down by about 45 degrees, so that its cut is an oval as far
        outside of the head's centre as it is below, and widens into the stem.
    """
    head = dice.uniform(14, 18)
    liner = head + dice.uniform(5, 9)
    cup = min(liner + dice.uniform(3, 4.5), 30.0)
    opening = (0.0 if side > 0 else math.pi) + side * math.radians(dice.uniform(10, 25))
    rim = dice.uniform(0, 4)
    z = height(level) + dice.about(0, 1.5)
    neck, slope = dice.uniform(5.5, 7.0), dice.uniform(0.95, 1.25)
    stem = (dice.uniform(9, 13), dice.uniform(5.5, 7.5))
    screw, turn = dice.chance(0.4), math.pi + opening + dice.uniform(-0.9, 0.9)

    def cut(radius: float) -> float:
        return math.sqrt(max(radius**2 - z**2, 0.0))

    with canvas.stiff(joint):
        if z < 0:
            away = -z * slope
            place = (joint[0] + side * away, joint[1] - 0.22 * away)
            wide = min(max(-z - 18, 0.0) / 8, 1.0)
            axes = (1.4 * neck + wide * (stem[0] - 0.9 * neck), neck + wide * (stem[1] - neck))
            canvas.paint(Blob(place, axes, -side * 0.22), cup_hu, organ="metal")
        for radius, hu, organ in (
            (cup, cup_hu, "metal"), (liner, POLYETHYLENE_HU, "polymer"), (head, head_hu, "metal"),
        ):  # fmt: skip
            if cut(radius) > 1.5:
                chord = math.inf if radius == head else rim
                canvas.paint(Bowl(joint, cut(radius), opening, chord), hu, organ=organ)
        if screw and z > 4:
            start = (joint[0] + cut(cup) * math.cos(turn), joint[1] + cut(cup) * math.sin(turn))
            tip = (start[0] + 13 * math.cos(turn), start[1] + 13 * math.sin(turn))
            canvas.paint(Stroke(start, tip, (2.6, 1.8)), cup_hu, organ="metal")


def height(level: float) -> float:
    """Return how far the slice is above the centres of the heads, mm: 20 at level 0, -28 at level 1."""
    return 20 - 48 * level
