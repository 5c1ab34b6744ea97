"""What lies between the lungs: fat, great vessels, airways, oesophagus, heart."""

import math
from collections.abc import Callable

from svct.tasks.phantoms.canvas import Canvas
from svct.tasks.phantoms.chance import Dice
from svct.tasks.phantoms.shapes import Array, Band, Blob, Contour, Point, Shape, Stroke
from svct.tasks.phantoms.tissue import Tissues

Height = Callable[[float], float]


def draw_mediastinum(
    canvas: Canvas,
    dice: Dice,
    tissues: Tissues,
    *,
    level: float,
    spine: Point,
    front: float,
    scale: float,
    cavity: Contour,
) -> list[Shape]:
    """Draw the mediastinum over the lungs.

    Args:
        canvas: Where to draw.
        dice: The patient's random numbers.
        tissues: The patient's tissues.
        level: 0 at the aortic arch, 1 at the diaphragm.
        spine: Middle of the vertebral body, mm.
        front: y behind the sternum, mm.
        scale: Size of the chest against an average one.
        cavity: The pleural contour, which holds it all.

    Returns:
        The shapes that cover lung.
    """
    inside = canvas.mask(cavity)
    room = front - spine[1]
    blood = dice.uniform(150, 300) if dice.chance(0.4) else dice.uniform(38, 52)

    def y(part: float) -> float:
        return spine[1] + part * room

    waist = scale * (30 + 8 * math.sin(math.pi * min(level / 0.6, 1.0))) * dice.uniform(0.85, 1.1)
    slim = dice.uniform(4, 16)
    heights = [y(-0.3), y(0.0), y(0.2), y(0.5), y(0.78), y(0.93), y(1.1)]
    right = [-12 * scale, -21 * scale, -22 * scale, -waist, -waist * 0.8, -slim, -slim - 14]
    left = [12 * scale, 22 * scale, 30 * scale, waist * 0.95, waist * 0.7, slim, slim + 14]
    band = Band(heights, [v + dice.about(0, 2.5) for v in right], [v + dice.about(0, 2.5) for v in left])
    canvas.paint(band, tissues.fat + 12, organ="fat", within=inside, soft=2.0)
    covers: list[Shape] = [band]
    vessel = tissues.organ(blood)
    if level < 0.28:
        covers += _arch(canvas, dice, vessel, y=y, scale=scale)
    elif level < 0.55:
        covers += _trunk(canvas, dice, vessel, y=y, scale=scale)
    else:
        covers += _heart(canvas, dice, tissues, blood=blood, level=level, y=y, scale=scale, inside=inside)
        aorta = Blob((24 * scale + dice.about(0, 3), y(0.16)), (11.5 * scale, 11.5 * scale))
        canvas.paint(aorta, vessel, organ="vessel")
        covers.append(aorta)
    gullet = Blob((dice.about(6, 4), y(0.27)), (dice.uniform(5, 8), dice.uniform(3.5, 5)), dice.about(0, 0.3))
    canvas.paint(gullet, 38.0, organ="oesophagus")
    if dice.chance(0.4):
        canvas.paint(Blob(gullet.centre, (2.2, 1.5)), -800.0, organ="gas")
    for _ in range(int(dice.rng.integers(2, 7))):
        node = Blob(
            (dice.about(0, 18 * scale), y(dice.uniform(0.35, 0.85))),
            (dice.uniform(2, 5), dice.uniform(1.5, 3.5)),
            dice.uniform(0, 3),
        )
        if level < 0.55:
            canvas.paint(node, 40.0, organ="vessel", within=inside)
    return covers


def _arch(canvas: Canvas, dice: Dice, vessel: Array, *, y: Height, scale: float) -> list[Shape]:
    """Draw the level of the aortic arch: arch, superior vena cava, trachea, thymic remnant."""
    width = dice.uniform(10.5, 13.5) * scale
    arch = Blob((dice.about(12, 3) * scale, y(0.48)), (38 * scale, width), math.radians(dice.about(118, 8)), 0.006)
    cava = Blob((dice.about(-24, 2) * scale, y(0.62)), (dice.uniform(7, 10) * scale, dice.uniform(8, 11) * scale))
    for shape in (arch, cava):
        canvas.paint(shape, vessel, organ="vessel")
    brachial = Stroke((-15 * scale, y(0.82)), (18 * scale, y(0.86)), (4.5 * scale, 3.5 * scale))
    if dice.chance(0.5):
        canvas.paint(brachial, vessel, organ="vessel")
    windpipe = Blob((dice.about(-5, 2) * scale, y(0.42)), (dice.uniform(7.5, 9.5), dice.uniform(7.5, 10)))
    canvas.paint(Blob(windpipe.centre, (windpipe.axes[0] + 1.6, windpipe.axes[1] + 1.6)), 25.0, organ="airway")
    canvas.paint(windpipe, -1000.0, organ="airway")
    return [arch, cava]


def _trunk(canvas: Canvas, dice: Dice, vessel: Array, *, y: Height, scale: float) -> list[Shape]:
    """Draw the level of the pulmonary trunk: ascending and descending aorta, arteries, main bronchi."""
    rising = Blob((dice.about(-9, 3) * scale, y(0.66)), (dice.uniform(14, 18) * scale, dice.uniform(14, 17) * scale))
    falling = Blob((dice.about(24, 2) * scale, y(0.14)), (dice.uniform(10.5, 13.5) * scale,) * 2)
    trunk = Blob(
        (dice.about(21, 3) * scale, y(0.66)),
        (dice.uniform(12, 15) * scale, 20 * scale),
        math.radians(dice.about(20, 10)),
    )
    crossing = Blob(
        (dice.about(-8, 3) * scale, y(0.45)),
        (40 * scale, dice.uniform(6, 9) * scale),
        dice.about(0.12, 0.08),
        0.006,
    )
    cava = Blob((dice.about(-31, 2) * scale, y(0.6)), (dice.uniform(7, 9) * scale, dice.uniform(8, 10) * scale))
    leftward = Blob((40 * scale, y(0.42)), (14 * scale, 8 * scale), dice.about(-0.9, 0.2))
    for shape in (falling, leftward, crossing, trunk):
        canvas.paint(shape, vessel, organ="vessel")
    for shape in (rising, cava):
        canvas.paint(Blob(shape.centre, (shape.axes[0] + 1.8, shape.axes[1] + 1.8)), -60.0, organ="fat")
        canvas.paint(shape, vessel, organ="vessel")
    spread = dice.uniform(9, 24) * scale
    for side in (-1, 1):
        place = (side * spread + dice.about(-2, 1.5), y(0.3) + dice.about(0, 2))
        lumen = (dice.uniform(5.5, 8.5) + (3.0 if spread < 14 else 0.0), dice.uniform(5, 7))
        turn = side * dice.uniform(-0.5, 0.0)
        canvas.paint(Blob(place, (lumen[0] + 1.6, lumen[1] + 1.6), turn), 20.0, organ="airway")
        canvas.paint(Blob(place, lumen, turn), -990.0, organ="airway")
    return [rising, falling, trunk, crossing, cava, leftward]


def _heart(
    canvas: Canvas,
    dice: Dice,
    tissues: Tissues,
    *,
    blood: float,
    level: float,
    y: Height,
    scale: float,
    inside: Array,
) -> list[Shape]:
    """Draw the heart in its fat: myocardium with four chambers, which shrink towards the diaphragm."""
    size = scale * dice.uniform(0.88, 1.12) * (1 - 0.25 * max(0.0, level - 0.85) / 0.15)
    x0, y0 = dice.about(17, 4) * scale, y(0.6)
    turn = math.radians(dice.about(-36, 7))
    cos, sin = math.cos(turn), math.sin(turn)

    def place(u: float, v: float) -> Point:
        return x0 + size * (cos * u - sin * v), y0 + size * (sin * u + cos * v)

    fat = dice.uniform(4, 9)
    outline = Blob((x0, y0), (60 * size + fat, 44 * size + fat), turn, 0.0012)
    muscle = dice.uniform(85, 125) if blood > 100 else dice.uniform(48, 60)
    canvas.paint(outline, tissues.fat + 8, organ="fat", within=inside, soft=3.0)
    canvas.paint(
        Blob((x0, y0), (58 * size, 42 * size), turn, 0.0012),
        tissues.organ(muscle),
        organ="heart",
        within=inside,
    )
    weak = blood * dice.uniform(0.65, 1.0)
    wall = dice.uniform(0.0, 3.0)
    chambers = (
        ((14.0, -14.0), (31.0 - wall, 16.0 - wall), blood, dice.about(0.0, 0.1)),  # left ventricle
        ((16.0, 21.0), (36.0, 13.0), weak, dice.about(-0.05, 0.08)),  # right ventricle
        ((-37.0, 18.0), (16.0, 19.0), weak, dice.about(0.2, 0.2)),  # right atrium
        ((-33.0, -23.0), (18.0, 15.0), blood, dice.about(-0.5, 0.2)),  # left atrium
    )
    shown = 1.0 if level < 0.85 else 0.8
    for (u, v), (a, b), hu, extra in chambers:
        canvas.paint(
            Blob(place(u, v), (a * size * shown, b * size * shown), turn + extra), tissues.organ(hu), organ="heart",
            within=inside, soft=3.0,
        )  # fmt: skip
    groove = Stroke(place(-14, 40), place(-12, 8), (4.0, 1.2))
    canvas.paint(groove, tissues.fat + 10, organ="fat", soft=2.0)
    canvas.paint(Blob(place(-12, 33), (2.0, 2.0)), blood, organ="vessel")
    if dice.chance(0.25):
        canvas.paint(Blob(place(-10, 36), (2.5, 1.0), dice.uniform(0, 3)), dice.uniform(250, 700), organ="vessel")
    if level > 0.85:
        vein = Blob((-26 * scale, y(0.38)), (12 * scale, 10 * scale))
        canvas.paint(vein, weak, organ="vessel")
    return [outline]
