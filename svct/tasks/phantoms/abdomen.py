"""Abdomen: from the upper liver to the lower kidneys."""

import math

import numpy as np

from svct.geometry.grid import Grid
from svct.tasks.phantoms.anatomy import Anatomy
from svct.tasks.phantoms.body import draw_pose, draw_ribs, paint_skin_and_fat, sheet, trunk_contour
from svct.tasks.phantoms.bowel import draw_bowel, draw_stomach
from svct.tasks.phantoms.canvas import Canvas
from svct.tasks.phantoms.chance import Dice
from svct.tasks.phantoms.shapes import ANGLES, Array, Blob, Contour, Point, Stroke, bump, oval
from svct.tasks.phantoms.spine import draw_paraspinal, draw_vertebra
from svct.tasks.phantoms.tissue import Tissues, draw_tissues


def draw_abdomen(grid: Grid, dice: Dice, rotation: float) -> Canvas:
    """Draw an abdominal slice.

    Args:
        grid: The image grid.
        dice: The patient's random numbers.
        rotation: Rotation about the grid's centre, radians.

    Returns:
        The painted canvas.
    """
    level = dice.uniform(0, 1)
    a = float(np.clip(dice.about(163, 16), 128, 195))
    b = float(np.clip(a * dice.uniform(0.62, 0.78), 90, 142))
    outer = trunk_contour(dice, (a, b), power=dice.uniform(2.15, 2.45))
    depth = float(np.abs(outer.radii * np.sin(ANGLES)).max())
    centre, tilt = draw_pose(dice, shift_mm=min(15.0, 208.0 - a), tilt_deg=4.0)
    canvas = Canvas(grid, dice, centre=centre, half_axes=(a, depth), tilt=tilt, rotation=rotation)
    canvas.level = level
    tissues = draw_tissues(canvas, dice)
    paint_skin_and_fat(canvas, dice, tissues, outer)
    fat = float(np.clip(dice.about(19, 9) + 0.25 * (a - 163), 5, 42))
    fat_depth = fat * (1 + dice.harmonics(ANGLES, amplitude=0.1, orders=(1, 2, 3)) + 0.3 * np.sin(ANGLES))
    muscle = outer.inset(np.maximum(fat_depth, 3.0))
    wall = 13 + 30 * bump(-math.pi / 2, 0.55) - 3 * bump(math.pi / 2, 0.4)
    cavity = muscle.inset(wall + dice.harmonics(ANGLES, amplitude=0.7, orders=(2, 3)))
    _draw_wall(canvas, dice, tissues, muscle=muscle, cavity=cavity, level=level)
    inside = canvas.mask(cavity)
    visceral: Array = tissues.fat + np.float32(4)
    canvas.blend((slice(None), slice(None)), inside, visceral, "fat")

    size = (
        float(cavity.radii[0] + cavity.radii[1024]) / 2,
        float(cavity.radii[512] + cavity.radii[1536]) / 2,
    )
    spine = (dice.about(0, 2), cavity.point(-math.pi / 2)[1] + dice.uniform(4, 10))
    scale = float(np.clip(size[0] / 125, 0.75, 1.15))
    contrast = dice.chance(0.5)
    _draw_retroperitoneum(
        canvas, dice, tissues, spine=spine, level=level, scale=scale, contrast=contrast, inside=inside
    )
    draw_bowel(canvas, dice, tissues, level=level, size=size, inside=inside)
    draw_stomach(canvas, dice, level=level, size=size, inside=inside)
    _draw_liver_and_spleen(
        canvas, dice, tissues, level=level, size=size, contrast=contrast, cavity=cavity, inside=inside
    )
    draw_paraspinal(canvas, dice, tissues, centre=(spine[0], spine[1] - 46 * scale), size=(27 * scale, 18 * scale))
    draw_vertebra(canvas, dice, tissues, centre=spine, width=dice.about(22, 1.8), transverse=42 * scale)
    return canvas


def _draw_wall(canvas: Canvas, dice: Dice, tissues: Tissues, *, muscle: Contour, cavity: Contour, level: float) -> None:
    bulk = dice.uniform(0.7, 1.15)
    for side in (-1, 1):

        def at(angle: float, side: int = side) -> float:
            return angle if side > 0 else math.pi - angle

        for depth, thickness in ((3.0, 4.6), (7.6, 4.0), (11.0, 2.8)):
            flank = sheet(muscle, at(dice.about(0.1, 0.06)), depth=depth, length=175, thickness=thickness * bulk)
            canvas.paint(flank, tissues.muscle, organ="muscle")
        rectus = sheet(muscle, at(math.pi / 2 - dice.uniform(0.24, 0.32)), depth=5, length=62, thickness=10 * bulk)
        canvas.paint(rectus, tissues.muscle, organ="muscle")
        broad = sheet(muscle, at(-0.75), depth=5, length=70, thickness=8 * bulk)
        canvas.paint(broad, tissues.muscle, organ="muscle")
    canvas.paint(cavity.inset(-2.2), tissues.muscle, organ="muscle")
    count = round(6 * (1 - level))
    if count:
        draw_ribs(canvas, dice, tissues, cage=cavity.inset(-6.0), count=count, span=(-1.0, 0.8 - level))


def _draw_retroperitoneum(
    canvas: Canvas,
    dice: Dice,
    tissues: Tissues,
    *,
    spine: Point,
    level: float,
    scale: float,
    contrast: bool,
    inside: Array,
) -> None:
    """Draw psoas, kidneys, aorta, caval vein and pancreas."""
    blood = dice.uniform(150, 280) if contrast else dice.uniform(38, 50)
    x, y = spine
    for side in (-1, 1):
        psoas = (6 + 14 * level) * scale
        canvas.paint(
            Blob((x + side * (24 + psoas), y - 4), (psoas * dice.uniform(0.9, 1.1), psoas * 1.15), side * 0.3),
            tissues.muscle,
            organ="muscle",
        )
        crus = Stroke((x + side * 17, y + 4), (x + side * 10, y + 27), (3.0, 2.2))
        if level < 0.45:
            canvas.paint(crus, tissues.muscle, organ="muscle")
        _draw_kidney(
            canvas,
            dice,
            tissues,
            side=side,
            spine=spine,
            level=level,
            scale=scale,
            contrast=contrast,
            inside=inside,
        )
    aorta = Blob((x + dice.uniform(2, 10), y + 28), (dice.uniform(8.5, 11.5), dice.uniform(8.5, 11.5)))
    canvas.paint(aorta, tissues.organ(blood), organ="vessel")
    if dice.chance(0.35):
        canvas.paint(
            Blob((aorta.centre[0] + 8, aorta.centre[1] + 2), (1.2, 4), dice.uniform(-0.3, 0.3)),
            dice.uniform(300, 900),
            organ="vessel",
        )
    vein = Blob(
        (x - dice.uniform(18, 25), y + dice.uniform(25, 31)),
        (dice.uniform(9, 13), dice.uniform(6, 10)),
        dice.about(0, 0.3),
    )
    canvas.paint(vein, tissues.organ(blood * (0.75 if contrast else 1.0)), organ="vessel")
    gland = tissues.organ(dice.uniform(85, 115) if contrast else dice.uniform(35, 48), 2.5)
    if 0.2 < level < 0.7:
        lift = dice.uniform(44, 54)
        for start, end, radii in (
            ((-32, lift - 4), (-6, lift), (13, 8)),
            ((-6, lift), (24, lift + 5), (8, 8)),
            ((24, lift + 5), (62, lift - 16), (8, 7)),
        ):
            limb = Stroke((x + start[0] * scale, y + start[1]), (x + end[0] * scale, y + end[1]), radii)
            canvas.paint(limb, gland, organ="pancreas", within=inside)
        canvas.paint(
            Stroke((x - 8, y + lift - 7), (x + 45 * scale, y + lift - 6), (4.5, 3.5)),
            blood * 0.9,
            organ="vessel",
        )
    if level > 0.25:
        for dx in (-9.0, 7.0):
            canvas.paint(Blob((x + dx, y + 48 + dice.about(0, 3)), (4.5, 4.5)), blood * 0.9, organ="vessel")


def _draw_kidney(
    canvas: Canvas,
    dice: Dice,
    tissues: Tissues,
    *,
    side: int,
    spine: Point,
    level: float,
    scale: float,
    contrast: bool,
    inside: Array,
) -> None:
    """Draw one kidney cut across: cortex, medullary pyramids, sinus fat; the right one sits lower."""
    pole = 1 - ((level - (0.62 if side > 0 else 0.72)) / 0.48) ** 2
    size = math.sqrt(max(pole, 0.0)) * scale * dice.uniform(0.9, 1.1)
    x, y = spine[0] + side * (62 + dice.about(0, 3)) * scale, spine[1] + dice.about(4, 5)
    turn = side * dice.uniform(0.5, 0.9)
    cortex = dice.uniform(150, 210) if contrast else dice.uniform(30, 38)
    medulla = cortex - (dice.uniform(20, 70) if contrast else 5)
    cyst, cyst_radius, cyst_angle = dice.chance(0.2), dice.uniform(4, 14), dice.uniform(-1, 1)
    if size < 0.25:
        return
    canvas.paint(
        Blob((x, y), (27 * size, 32 * size), turn),
        tissues.organ(cortex),
        organ="kidney",
        within=inside,
        soft=1.5,
    )
    for k in range(5):
        angle = (0.0 if side > 0 else math.pi) + (k - 2) * 0.75 + turn
        place = (x + 15.5 * size * math.cos(angle), y + 18 * size * math.sin(angle))
        canvas.paint(Blob(place, (6.5 * size, 5 * size), angle), tissues.organ(medulla), organ="kidney", soft=2.0)
    sinus = Stroke((x, y), (x - side * 26 * size, y + 12 * size), (7.5 * size, 8.0 * size))
    canvas.paint(sinus, tissues.fat + 8, organ="fat", soft=2.0)
    canvas.paint(Blob((x - side * 4 * size, y + 1), (5 * size, 3.5 * size), turn), 12.0, organ="fluid", soft=2.0)
    canvas.paint(
        Stroke((x - side * 5 * size, y + 3), (spine[0] + side * 14, spine[1] + 27), (3.0, 3.5)),
        cortex * 0.9,
        organ="vessel",
    )
    if cyst:
        place = (x + side * 24 * size * math.cos(cyst_angle), y + 28 * size * math.sin(cyst_angle))
        canvas.paint(Blob(place, (cyst_radius, cyst_radius)), 6.0, organ="fluid")


def _draw_liver_and_spleen(
    canvas: Canvas,
    dice: Dice,
    tissues: Tissues,
    *,
    level: float,
    size: Point,
    contrast: bool,
    cavity: Contour,
    inside: Array,
) -> None:
    """Draw liver with its veins, gallbladder and spleen; they shrink towards the lower levels."""
    shrink = max(0.0, 1.05 - 0.75 * max(0.0, level - 0.25) / 0.75)
    liver_hu = dice.about(108, 8) if contrast else dice.about(57, 7)
    right = (-size[0] * 0.60, size[1] * dice.uniform(0.0, 0.12))
    shape = oval(size[0] * 0.56 * shrink, size[1] * 0.86 * shrink, 2.2) * (
        1 + dice.harmonics(ANGLES, amplitude=0.035, orders=(2, 3, 4))
    )
    liver = Contour(shape, right)
    tissue = tissues.organ(liver_hu, 1.2)
    hold = canvas.mask(cavity.inset(2.5))
    lobe = Blob(
        (-size[0] * 0.08, size[1] * 0.52),
        (size[0] * 0.52 * (1.25 - level), size[1] * 0.30 * (1.2 - 0.5 * level)),
        -0.1 + dice.about(0, 0.08),
    )
    covered = canvas.mask(liver)
    if level < 0.55:
        covered = np.maximum(covered, canvas.mask(lobe))
        canvas.paint(lobe, tissue, organ="liver", within=hold, soft=2.0)
    canvas.paint(liver, tissue, organ="liver", within=hold, soft=2.0)
    veins = [dice.uniform(-2.6, 1.6) for _ in range(9)]
    hub = (right[0] + size[0] * 0.28, right[1])
    starts, ends, radii = [], [], []
    for angle in veins:
        x, y, r = hub[0], hub[1], dice.uniform(2.0, 5.0)
        angle += math.pi
        for _ in range(7):
            nx, ny = x + 9 * math.cos(angle), y + 9 * math.sin(angle)
            starts.append((x, y))
            ends.append((nx, ny))
            radii.append(r)
            x, y, r, angle = nx, ny, r * dice.uniform(0.72, 0.95), angle + dice.about(0, 0.25)
    coverage = canvas.strokes(np.array(starts), np.array(ends), np.array(radii)) * covered * hold
    canvas.blend(
        (slice(None), slice(None)),
        coverage,
        liver_hu + (dice.uniform(25, 60) if contrast else -14.0),
        "vessel",
    )
    bladder = Blob(
        (-size[0] * 0.32, size[1] * 0.28), (dice.uniform(9, 17), dice.uniform(13, 24)), dice.about(-0.3, 0.3)
    )
    if 0.35 < level < 0.75:
        canvas.paint(bladder, dice.uniform(2, 18), organ="gallbladder", within=inside)
    extent = 1 - ((level - 0.2) / 0.42) ** 2
    spleen = Blob(
        (size[0] * 0.74, -size[1] * 0.22),
        (size[1] * 0.55 * math.sqrt(max(extent, 1e-3)), dice.uniform(17, 25)),
        dice.about(1.9, 0.12),
        0.006,
    )
    if extent > 0.05:
        canvas.paint(
            spleen,
            tissues.organ(dice.uniform(105, 130) if contrast else dice.uniform(42, 52)),
            organ="spleen",
            within=hold,
            soft=1.5,
        )


ABDOMEN = Anatomy("abdomen", draw_abdomen)
