"""What trunk slices share: the outer contour, skin and fat, ribs, sheets of muscle."""

import math

import numpy as np

from svct.tasks.phantoms.canvas import Canvas
from svct.tasks.phantoms.chance import Dice
from svct.tasks.phantoms.shapes import ANGLES, Blob, Contour, Point, Shape, bump, oval
from svct.tasks.phantoms.tissue import Tissues


def draw_pose(dice: Dice, *, shift_mm: float, tilt_deg: float) -> tuple[Point, float]:
    """Draw how a patient lies: the offset from the isocentre in mm and the tilt in radians."""
    centre = (dice.uniform(-shift_mm, shift_mm), dice.uniform(-min(shift_mm, 15.0), min(shift_mm, 15.0)))
    return centre, math.radians(dice.uniform(-tilt_deg, tilt_deg))


def trunk_contour(dice: Dice, half_axes: Point, *, power: float) -> Contour:
    """Draw the outline of a lying trunk: a flattened back with a furrow, a softer front, sides unlike.

    Args:
        dice: The patient's random numbers.
        half_axes: Half width and half depth, mm.
        power: Boxiness, 2 for an ellipse.
    """
    radii = oval(*half_axes, power)
    radii *= 1 - dice.uniform(0.02, 0.07) * bump(-math.pi / 2, 0.16) - dice.uniform(0.0, 0.04) * bump(math.pi / 2, 0.2)
    radii *= 1 + dice.uniform(0.0, 0.035) * (bump(-2.1, 0.25) + bump(-1.05, 0.25))
    radii *= 1 + dice.harmonics(ANGLES, amplitude=0.009, orders=(3, 4, 5, 7))
    widest = np.abs(radii * np.cos(ANGLES)).max()
    return Contour(radii * min(1.0, half_axes[0] / widest))


def paint_skin_and_fat(canvas: Canvas, dice: Dice, tissues: Tissues, outer: Shape, *, skin_mm: float = 1.8) -> None:
    """Paint the whole body as fat within a skin of some thickness, which nothing painted later pierces."""
    window = canvas.window(outer)
    inside = np.zeros_like(canvas.hu)
    inside[window] = canvas.cover(outer, window, inset=skin_mm)
    canvas.blend(window, canvas.cover(outer, window), dice.uniform(5, 45), "skin")
    canvas.blend(window, inside[window], tissues.fat, "fat")
    canvas.record(outer, -100.0, "fat")
    canvas.hold = inside


def sheet(contour: Contour, angle: float, *, depth: float, length: float, thickness: float) -> Blob:
    """Return a flat blob that follows a contour: a muscle sheet or a rib.

    Args:
        contour: What it follows.
        angle: Where on the contour its middle lies, radians.
        depth: How far inside the contour the middle lies, mm.
        length: Full length along the contour, mm.
        thickness: Full thickness, mm.
    """
    half = min(length / 2, 60.0)
    centre = contour.point(angle, depth)
    turn = half / max(math.hypot(*centre), 1.0)
    ends = [contour.point(angle + side * turn, depth) for side in (-1, 1)]
    direction = math.atan2(ends[0][1] - ends[1][1], ends[0][0] - ends[1][0])
    chord = math.dist(*ends) / 2
    middle = ((ends[0][0] + ends[1][0]) / 2, (ends[0][1] + ends[1][1]) / 2)
    # Across the chord, outwards is the second axis; the sagitta gives the bend.
    rise = -(centre[0] - middle[0]) * math.sin(direction) + (centre[1] - middle[1]) * math.cos(direction)
    return Blob(
        centre,
        (length / 2, thickness / 2),
        direction,
        float(np.clip(rise / max(chord, 1.0) ** 2, -0.02, 0.02)),
    )


def draw_ribs(
    canvas: Canvas,
    dice: Dice,
    tissues: Tissues,
    *,
    cage: Contour,
    count: int,
    span: tuple[float, float] = (-1.15, 1.0),
) -> None:
    """Draw ribs cut obliquely, as long thin sections around the cage, each side at its own places.

    Args:
        canvas: Where to draw.
        dice: The patient's random numbers.
        tissues: The patient's tissues.
        cage: Contour through the middle of the ribs.
        count: Ribs a side.
        span: Lowest and highest angle on the left side, radians; the right one mirrors it.
    """
    length = dice.uniform(15, 27)
    for side in (-1, 1):
        slip = dice.uniform(-0.4, 0.4)
        for k in range(count):
            along = span[0] + (span[1] - span[0]) * (k + 0.5 + slip + dice.about(0, 0.08)) / count
            angle = along if side > 0 else math.pi - along
            section = length * dice.uniform(0.7, 1.5) * (1.35 if abs(along) > 0.8 else 1.0)
            thickness = dice.uniform(6.5, 9.5)
            rib = sheet(cage, angle, depth=dice.about(0, 0.8), length=section, thickness=thickness)
            if k == count - 1 and span[1] > 0.9:
                canvas.paint(rib, dice.uniform(70, 140), organ="cartilage")
            else:
                canvas.bones([rib], tissues.marrow * 0.8, cortex_hu=tissues.cortex, shell_mm=dice.uniform(0.9, 1.7))
