"""Pelvis at the height of the hip joints, both replaced: cups of titanium, heads of titanium or cobalt-chrome.

A cup of 46 to 60 mm is lined with 5 to 9 mm of polyethylene and holds a head of 28 to 36 mm; its opening faces
outwards and, by 10 to 25 degrees, forwards (Lewinnek et al., J Bone Joint Surg Am 1978). Attenuation of the metals as
`svct.tasks.findings.metal` has it, at 70 keV.
"""

import math

import numpy as np

from svct.geometry.grid import Grid
from svct.tasks.findings.metal import METALS_PER_MM
from svct.tasks.phantoms.anatomy import Anatomy
from svct.tasks.phantoms.body import draw_pose, paint_skin_and_fat, sheet, trunk_contour
from svct.tasks.phantoms.bowel import draw_hollow
from svct.tasks.phantoms.canvas import Canvas
from svct.tasks.phantoms.chance import Dice
from svct.tasks.phantoms.implant import draw_implant
from svct.tasks.phantoms.shapes import ANGLES, Array, Blob, Contour, Point, Shape, Stroke, bump, oval
from svct.tasks.phantoms.tissue import Tissues, draw_tissues
from svct.units import mu_to_hu


def draw_hips(grid: Grid, dice: Dice, rotation: float) -> Canvas:
    """Draw a slice through both hip implants.

    Args:
        grid: The image grid.
        dice: The patient's random numbers.
        rotation: Rotation about the grid's centre, radians.

    Returns:
        The painted canvas.
    """
    level = dice.uniform(0, 1)
    a = float(np.clip(dice.about(186, 12), 162, 208))
    b = float(np.clip(a * dice.uniform(0.56, 0.66), 95, 132))
    outer = trunk_contour(dice, (a, b), power=dice.uniform(2.1, 2.35))
    cleft = 1 - dice.uniform(0.06, 0.14) * bump(-math.pi / 2, 0.06) - dice.uniform(0.0, 0.04) * bump(math.pi / 2, 0.3)
    outer = Contour(outer.radii * cleft)
    depth = float(np.abs(outer.radii * np.sin(ANGLES)).max())
    centre, tilt = draw_pose(dice, shift_mm=min(15.0, 222.0 - a), tilt_deg=4.0)
    canvas = Canvas(grid, dice, centre=centre, half_axes=(a, depth), tilt=tilt, rotation=rotation, warp_mm=2.4)
    canvas.level = level
    tissues = draw_tissues(canvas, dice)
    paint_skin_and_fat(canvas, dice, tissues, outer)
    scale = float(np.clip(a / 186, 0.9, 1.08))
    bulk = dice.uniform(0.75, 1.1)
    wall = float(np.clip(dice.about(20, 7) + 0.3 * (a - 186), 10, 38))
    joint = (dice.uniform(86, 96) * scale, dice.about(6, 3))
    _draw_pelvic_organs(canvas, dice, tissues, scale=scale, level=level, front=depth - wall)
    head = "cobalt-chrome" if dice.chance(0.6) else "titanium"
    for side in (-1, 1):
        _draw_muscles(canvas, dice, tissues, side=side, joint=joint, outer=outer, fat=wall, bulk=bulk, scale=scale)
    for side in (-1, 1):
        place = (side * (joint[0] + dice.about(0, 2)), joint[1] + dice.about(0, 2))
        _draw_bones(canvas, dice, tissues, side=side, joint=place, scale=scale, level=level)
        draw_implant(
            canvas, dice, side=side, joint=place, level=level,
            head_hu=float(mu_to_hu(METALS_PER_MM[head])), cup_hu=float(mu_to_hu(METALS_PER_MM["titanium"])),
        )  # fmt: skip
    return canvas


def _draw_pelvic_organs(
    canvas: Canvas, dice: Dice, tissues: Tissues, *, scale: float, level: float, front: float
) -> None:
    """Draw bladder, bowel, prostate or womb, rectum, coccyx and what holds them."""
    floor = dice.about(-8, 3)
    low = max(0.0, level - 0.5) / 0.5
    filled = dice.uniform(0.5, 1.15) * (1 - 0.45 * low)
    bladder = Contour(
        oval(44 * scale * filled**0.5, 32 * filled, 2.2)
        * (1 + dice.harmonics(ANGLES, amplitude=0.03, orders=(2, 3, 4))),
        (dice.about(0, 4), floor + 40 - 14 * low),
    )
    everything: Array = np.ones_like(canvas.hu)
    for k in range(round(5 * (1 - level))):
        place = (dice.uniform(-45, 45) * scale, floor + dice.uniform(40, 66))
        loop = Contour(
            oval(dice.uniform(9, 15), dice.uniform(8, 13), 2.0)
            * (1 + dice.harmonics(ANGLES, amplitude=0.08, orders=(2, 3, 4))),
            (place[0], min(place[1], front - 22)),
        )
        gas = dice.uniform(0.2, 0.7) if dice.chance(0.35) else 0.0
        content = dice.uniform(10, 40)
        draw_hollow(canvas, dice, loop, organ="bowel", content=content, gas=gas, inside=everything)
        if k == 0:
            canvas.paint(Blob((place[0] * 0.5, floor + 34), (30, 12)), tissues.fat + 10, organ="fat")
    canvas.paint(bladder, tissues.organ(dice.uniform(30, 45)), organ="bladder")
    canvas.paint(bladder.inset(dice.uniform(2.5, 5.0)), dice.uniform(2, 14), organ="bladder")
    behind = Blob(
        (dice.about(0, 3), floor + 2), (dice.uniform(20, 32) * scale, dice.uniform(9, 14)), dice.about(0, 0.06), 0.004
    )
    canvas.paint(behind, tissues.organ(dice.uniform(40, 60)), organ="gland", soft=1.5)
    stool = -30 + 60 * np.clip(tissues.fine, -1.5, 1.0) - 60 * np.clip(tissues.medium, 0, 1.5)
    rectum = Contour(
        oval(dice.uniform(14, 22), dice.uniform(13, 20), 2.1)
        * (1 + dice.harmonics(ANGLES, amplitude=0.05, orders=(2, 3))),
        (dice.about(0, 3), floor - 30),
    )
    gas = dice.uniform(0.1, 0.6) if dice.chance(0.5) else 0.0
    draw_hollow(canvas, dice, rectum, organ="bowel", content=stool, gas=gas, inside=everything)
    tail = Blob(
        (dice.about(0, 2), floor - 62 * scale), (dice.uniform(9, 15), dice.uniform(5, 8)), dice.about(0, 0.1), 0.02
    )
    canvas.bones([tail], tissues.marrow, cortex_hu=tissues.cortex * 0.8, shell_mm=1.2)
    for side in (-1, 1):
        sling = Blob(
            (side * dice.uniform(27, 33) * scale, floor - 28), (30, 2.8), side * dice.uniform(1.1, 1.3), 0.004 * side
        )
        canvas.paint(sling, tissues.muscle, organ="muscle")
    for side in (-1, 1):
        rectus = Blob((side * dice.uniform(20, 26), front - 7), (19, 6), -side * 0.06)
        canvas.paint(rectus, tissues.muscle, organ="muscle")


def _draw_muscles(
    canvas: Canvas,
    dice: Dice,
    tissues: Tissues,
    *,
    side: int,
    joint: Point,
    outer: Contour,
    fat: float,
    bulk: float,
    scale: float,
) -> None:
    """Draw the muscles around one hip and the vessels in front of it."""
    x, y = side * joint[0], joint[1]

    def paint(dx: float, dy: float, axes: Point, angle: float, bend: float = 0.0) -> None:
        at = (x + side * dx * scale, y + dy * scale)
        blob = Blob(at, (axes[0] * scale, axes[1] * scale * bulk), side * angle, bend)
        canvas.paint(blob, tissues.muscle, organ="muscle", soft=1.2)

    back = -math.pi / 2 + side * dice.uniform(0.72, 0.80)
    for depth, length, thickness in ((2.0, 112, 17), (15.0, 108, 15), (27.0, 88, 12)):
        bundle = sheet(outer, back, depth=fat + 8 + depth, length=length * scale, thickness=thickness * bulk)
        canvas.paint(bundle, tissues.muscle, organ="muscle", soft=2.0)
    paint(38, 20, (30, 13), 1.75, 0.004)
    paint(34, 42, (20, 11), 2.5)
    paint(4, 40, (17, 14), 0.3)
    paint(24, 56, (13, 9), 0.5)
    paint(-2, 57, (11, 5), 0.9)
    paint(-38, 2, (44, 8), 1.45, -0.003)
    paint(14, -38, (40, 7), 0.35)
    paint(-24, 38, (22, 8), 0.5)
    blood = dice.uniform(38, 55)
    artery = (x - side * dice.uniform(10, 14), y + dice.uniform(64, 68) * scale)
    canvas.paint(Blob(artery, (4.6, 4.6)), blood, organ="vessel")
    if dice.chance(0.5):
        canvas.paint(Blob((artery[0], artery[1] - 4), (3.0, 1.1), dice.about(0, 0.3)), 600.0, organ="vessel")
    canvas.paint(Blob((artery[0] - side * 12, artery[1] - 2), (6.2, 5.0), 0.2), blood, organ="vessel")
    canvas.paint(Blob((x - side * 14, y - 52 * scale), (6, 3.5), side * 0.4), 40.0, organ="muscle")


def _draw_bones(
    canvas: Canvas, dice: Dice, tissues: Tissues, *, side: int, joint: Point, scale: float, level: float
) -> None:
    """Draw the acetabulum, whose two columns hold the cup, and the greater trochanter."""
    x, y = joint
    shell = dice.uniform(1.3, 2.2)

    def at(dx: float, dy: float) -> Point:
        return x + side * dx * scale, y + dy * scale

    wall: list[Shape] = [
        Stroke(at(-27, 30), at(-33, 4), (7.5, 3.4)),
        Stroke(at(-33, 4), at(-26, -28), (3.4, 8.5)),
        Blob(at(-16, 32), ((17 - 3 * level) * scale, 11 * scale), side * -0.55),
        Blob(at(-14, -33), (17 * scale, (13 + 2 * level) * scale), side * 0.6),
    ]
    if level < 0.3:
        wall.append(Blob(at(0, 0), (34 * scale, 31 * scale), 0.0))
    elif level > 0.55:
        wall.append(Stroke(at(-28, 34), at(8 / scale - abs(x) / scale, 42), (9.0, 7.0)))
    canvas.bones(wall, tissues.marrow * 0.75, cortex_hu=tissues.cortex * 0.9, shell_mm=shell)
    out = dice.uniform(46, 52)
    femur: list[Shape] = [Blob(at(out, -13), ((9 + 7 * level) * scale, (14 + 5 * level) * scale), side * 0.35)]
    if level > 0.7:
        femur.append(Stroke(at(28, -5), at(out, -11), (9 + 8 * (level - 0.7) / 0.3, 13.0)))
    canvas.bones(femur, tissues.marrow * 0.6, cortex_hu=tissues.cortex * 0.9, shell_mm=shell)


HIPS = Anatomy("hips", draw_hips)
