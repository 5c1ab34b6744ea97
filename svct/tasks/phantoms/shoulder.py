"""Shoulder girdle: a wide slice through both humeral heads and the tips of the lungs."""

import math

import numpy as np

from svct.geometry.grid import Grid
from svct.tasks.phantoms.anatomy import Anatomy
from svct.tasks.phantoms.body import draw_pose, paint_skin_and_fat, sheet
from svct.tasks.phantoms.canvas import Canvas
from svct.tasks.phantoms.chance import Dice
from svct.tasks.phantoms.lungs import grow_tree, parenchyma
from svct.tasks.phantoms.shapes import ANGLES, Blob, Contour, Point, Shape, Stroke, bump, oval
from svct.tasks.phantoms.spine import draw_paraspinal, draw_vertebra
from svct.tasks.phantoms.tissue import Tissues, draw_tissues


def draw_shoulder(grid: Grid, dice: Dice, rotation: float) -> Canvas:
    """Draw a shoulder slice.

    Args:
        grid: The image grid.
        dice: The patient's random numbers.
        rotation: Rotation about the grid's centre, radians.

    Returns:
        The painted canvas.
    """
    level = dice.uniform(0, 1)
    a = dice.uniform(222, 252)
    b = dice.about(84, 7) + 10 * level
    radii = oval(a, b, dice.uniform(2.5, 3.0))
    radii *= 1 + dice.harmonics(ANGLES, amplitude=0.006, orders=(3, 4, 5))
    for angle in (0.62, math.pi - 0.62):
        radii *= 1 - dice.uniform(0.0, 0.09) * (1 - 0.6 * level) * bump(angle, 0.22)
    radii *= 1 - dice.uniform(0.03, 0.08) * bump(-math.pi / 2, 0.2)
    outer = Contour(radii * min(1.0, a / float(np.abs(radii * np.cos(ANGLES)).max())))
    centre, tilt = draw_pose(dice, shift_mm=min(15.0, 260.0 - a), tilt_deg=4.0)
    canvas = Canvas(grid, dice, centre=centre, half_axes=(a, b), tilt=tilt, rotation=rotation, warp_mm=2.5)
    canvas.level = level
    tissues = draw_tissues(canvas, dice)
    paint_skin_and_fat(canvas, dice, tissues, outer)
    fat = float(np.clip(dice.about(11, 4), 4, 20))
    muscle = outer.inset(fat * (1 + dice.harmonics(ANGLES, amplitude=0.15, orders=(1, 2, 3))))
    spine = (dice.about(0, 3), -b * 0.30 + dice.about(0, 3))
    _draw_trunk_muscles(canvas, dice, tissues, muscle=muscle, spine=spine)
    for side in (-1, 1):
        _draw_arm(canvas, dice, tissues, side=side, half_axes=(a, b), level=level)
    _draw_neck(canvas, dice, tissues, spine=spine, level=level, b=b)
    draw_paraspinal(canvas, dice, tissues, centre=(spine[0], spine[1] - 32), size=(19, 11))
    draw_vertebra(canvas, dice, tissues, centre=spine, width=dice.about(14, 1.2), transverse=34)
    return canvas


def _draw_trunk_muscles(canvas: Canvas, dice: Dice, tissues: Tissues, *, muscle: Contour, spine: Point) -> None:
    """Draw trapezius, pectoralis and the deep sheets, each with fat left around it."""
    bulk = dice.uniform(0.75, 1.2)
    front = muscle.point(math.pi / 2)[1]
    for side in (-1, 1):
        back = muscle.point(-math.pi / 2 + side * 0.5)[1]
        trapezius = Blob((side * 55, back + 9), (62, 7 * bulk), side * dice.uniform(0.0, 0.15), -0.0008)
        canvas.paint(trapezius, tissues.muscle, organ="muscle")
        lifting = Blob((side * dice.about(58, 3), spine[1] - 14), (22, 9 * bulk), side * dice.uniform(-0.5, 0.0))
        canvas.paint(lifting, tissues.muscle, organ="muscle")
        scalene = Blob((side * dice.about(36, 2), spine[1] + 16), (12 * bulk, 15), side * dice.uniform(-0.4, 0.1))
        canvas.paint(scalene, tissues.muscle, organ="muscle")
        pectoral = Blob(
            (side * dice.about(95, 5), front - 14), (52, 9 * bulk), side * dice.uniform(-0.25, -0.05), 0.002
        )
        canvas.paint(pectoral, tissues.muscle, organ="muscle")


def _draw_arm(canvas: Canvas, dice: Dice, tissues: Tissues, *, side: int, half_axes: Point, level: float) -> None:
    """Draw one shoulder: scapula with its muscles, humeral head in its cap of deltoid, clavicle."""
    a, b = half_axes
    head = dice.uniform(21, 26) * (1 - 0.25 * max(0.0, level - 0.7) / 0.3)
    x, y = side * (a - dice.uniform(58, 66)), dice.about(2, 6)
    bulk = dice.uniform(0.8, 1.15)

    def at(dx: float, dy: float) -> Point:
        return x + side * dx, y + dy

    def paint_muscle(centre: Point, axes: Point, angle: float, bend: float = 0.0) -> None:
        canvas.paint(Blob(centre, axes, side * angle, bend), tissues.muscle, organ="muscle")

    paint_muscle(at(8, 0), (head + 22 * bulk, head + 17 * bulk), 0.0)
    canvas.paint(Blob(at(2, 0), (head + 7, head + 6)), tissues.fat + 20, organ="fat")
    paint_muscle(at(-48, -24), (46, 14 * bulk), 0.42)
    paint_muscle(at(-52, 0), (42, 13 * bulk), 0.30, 0.002)
    paint_muscle(at(-2, 0), (head + 4, head + 4), 0.0)
    glenoid = at(-head - 7, -4)
    blade = at(-head - dice.uniform(55, 68), dice.uniform(-36, -26))
    bones: list[Shape] = [
        Blob(glenoid, (6.5, 14), side * dice.about(0.15, 0.1)),
        Stroke(glenoid, blade, (6.0, 2.6)),
    ]
    if level < 0.65:
        bones.append(Stroke(at(-head - 26, -17), at(-head + dice.uniform(-4, 8), -head - 16), (3.5, 5.0)))
    if level < 0.75:
        bones.append(Stroke(at(-head - 9, 4), at(-head + 4, dice.uniform(24, 33)), (5.5, 5.0)))
    canvas.bones(bones, tissues.marrow, cortex_hu=tissues.cortex, shell_mm=dice.uniform(1.2, 2.0))
    ball: list[Shape] = [Blob((x, y), (head, head * dice.uniform(0.92, 1.05)))]
    ball.append(Blob(at(head * 0.5, head * 0.45), (head * 0.55, head * 0.5)))
    canvas.bones(ball, tissues.marrow, cortex_hu=tissues.cortex, shell_mm=dice.uniform(1.2, 2.4))
    begin = dice.uniform(0.0, 0.5) if level > 0.4 else 0.0
    inner, outer = (side * 22.0, b * 0.62), at(-head + 2, b * 0.52)
    middle = (inner[0] + 0.5 * (outer[0] - inner[0]), b * dice.uniform(0.62, 0.72))
    limbs: list[Shape] = [Stroke(inner, middle, (7.5, 5.5))] if level > 0.25 else []
    if level < 0.75:
        start = (middle[0] + begin * (outer[0] - middle[0]), middle[1] + begin * (outer[1] - middle[1]))
        limbs.append(Stroke(start, outer, (5.5, 6.5)))
    canvas.bones(limbs, tissues.marrow, cortex_hu=tissues.cortex, shell_mm=dice.uniform(1.4, 2.3))


def _draw_neck(canvas: Canvas, dice: Dice, tissues: Tissues, *, spine: Point, level: float, b: float) -> None:
    """Draw the lung tips with the upper ribs, the vessels, the windpipe and the thyroid."""
    blood = dice.uniform(150, 300) if dice.chance(0.4) else dice.uniform(38, 52)
    lung_tissue = parenchyma(canvas, dice, tissues)
    apex = (level - 0.12) / 0.88
    for side in (-1, 1):
        size = (14 + 24 * apex + dice.about(0, 2), 12 + 24 * apex + dice.about(0, 2))
        tip = Contour(oval(*size, 2.2) * (1 + dice.harmonics(ANGLES, amplitude=0.04, orders=(2, 3))),
                      (spine[0] + side * (24 + size[0]), spine[1] + 4))  # fmt: skip
        stems = grow_tree(
            dice,
            (tip.centre[0] - side * size[0] * 0.5, tip.centre[1]),
            0.0 if side > 0 else math.pi,
            reach=45,
            stems=5,
        )
        if apex > 0:
            canvas.paint(tip.inset(-9), tissues.muscle - 10, organ="muscle")
            canvas.paint(tip, lung_tissue, organ="lung")
            everywhere = (slice(None), slice(None))
            canvas.blend(everywhere, canvas.strokes(*stems) * canvas.mask(tip), 30.0, "vessel")
        for place in (-1.6, -0.7, 0.1, 0.9, 1.6):
            angle = place + dice.about(0, 0.12)
            rib = sheet(
                tip,
                angle if side > 0 else math.pi - angle,
                depth=-6,
                length=dice.uniform(16, 34),
                thickness=dice.uniform(7, 9.5),
            )
            canvas.bones([rib], tissues.marrow, cortex_hu=tissues.cortex, shell_mm=1.4)
        for dx, dy, radius in ((20.0, 34.0, 3.8), (27.0, 38.0, 6.0), (48.0, 44.0, 5.0)):
            vessel = Blob(
                (side * (dx + dice.about(0, 2)), spine[1] + dy + dice.about(0, 2)),
                (radius * dice.uniform(0.8, 1.3), radius),
            )
            canvas.paint(vessel, blood, organ="vessel")
        strap = Blob((side * dice.about(18, 3), b * 0.66), (13, 5), -side * dice.uniform(0.1, 0.5))
        canvas.paint(strap, tissues.muscle, organ="muscle")
        lobe = Blob((side * 15.0, spine[1] + 36), (dice.uniform(5, 8), dice.uniform(8, 12)), side * 0.3)
        if level < 0.4:
            canvas.paint(lobe, dice.uniform(90, 180), organ="thyroid")
    windpipe = Blob((dice.about(0, 2), spine[1] + 36), (dice.uniform(7.5, 9.5), dice.uniform(7.5, 10)))
    canvas.paint(Blob(windpipe.centre, (windpipe.axes[0] + 2, windpipe.axes[1] + 2)), 70.0, organ="airway")
    canvas.paint(windpipe, -1000.0, organ="airway")
    canvas.paint(Blob((dice.about(4, 3), spine[1] + 21), (8, 4.5)), 38.0, organ="oesophagus")


SHOULDER = Anatomy("shoulder", draw_shoulder)
