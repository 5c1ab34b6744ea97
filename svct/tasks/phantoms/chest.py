"""Chest: from the aortic arch to the domes of the diaphragm."""

import math
from functools import partial

import numpy as np

from svct.geometry.grid import Grid
from svct.tasks.phantoms.anatomy import Anatomy
from svct.tasks.phantoms.body import draw_pose, draw_ribs, paint_skin_and_fat, sheet, trunk_contour
from svct.tasks.phantoms.canvas import Canvas
from svct.tasks.phantoms.chance import Dice
from svct.tasks.phantoms.lungs import draw_lungs
from svct.tasks.phantoms.mediastinum import draw_mediastinum
from svct.tasks.phantoms.shapes import ANGLES, Blob, Contour, Point, Shape, bump
from svct.tasks.phantoms.spine import draw_paraspinal, draw_vertebra
from svct.tasks.phantoms.tissue import Tissues, draw_tissues
from svct.tasks.phantoms.truth import Nodule


def draw_chest(grid: Grid, dice: Dice, rotation: float, *, nodule: bool = True) -> Canvas:
    """Draw a chest slice.

    Args:
        grid: The image grid.
        dice: The patient's random numbers.
        rotation: Rotation about the grid's centre, radians.
        nodule: Give half of the patients a lung nodule; it is drawn last, so that without it all else stays the same.

    Returns:
        The painted canvas.
    """
    level = dice.uniform(0, 1)
    a = dice.about(163, 12)
    b = float(np.clip(a * dice.uniform(0.60, 0.74), 80, 128))
    fat = float(np.clip(dice.about(13, 6) + 0.12 * (a - 163), 4, 30))
    base = trunk_contour(dice, (a, b), power=dice.uniform(2.25, 2.6))
    outer = _with_breasts(dice, base, level)
    fat_depth = fat * (1 + dice.harmonics(ANGLES, amplitude=0.12, orders=(1, 2, 3)) + 0.25 * np.cos(2 * ANGLES))
    muscle = base.inset(np.maximum(fat_depth, 2.5))
    depth = float(np.abs(outer.radii * np.sin(ANGLES)).max())
    centre, tilt = draw_pose(dice, shift_mm=min(15.0, 192.0 - a), tilt_deg=4.0)
    canvas = Canvas(grid, dice, centre=centre, half_axes=(a, depth), tilt=tilt, rotation=rotation)
    canvas.level = level
    tissues = draw_tissues(canvas, dice)
    paint_skin_and_fat(canvas, dice, tissues, outer)

    girdle = max(0.0, 0.5 - level) / 0.5
    wall = 19 + 20 * bump(-math.pi / 2, 0.34) + 3 * bump(math.pi / 2, 0.5)
    wall = wall + girdle * (20 * (bump(-2.35, 0.45) + bump(-0.79, 0.45)) + 6 * (bump(0.9, 0.5) + bump(2.25, 0.5)))
    cavity = muscle.inset(wall + dice.harmonics(ANGLES, amplitude=0.8, orders=(2, 3, 5)))
    if outer is not base:
        _glands(canvas, dice, outer)
    _draw_muscles(canvas, dice, tissues, muscle=muscle, cavity=cavity, girdle=girdle)
    draw_ribs(canvas, dice, tissues, cage=cavity.inset(-6.0), count=int(dice.rng.integers(4, 8)))
    sternum = Blob(
        cavity.point(math.pi / 2, -7),
        (dice.uniform(15, 25), dice.uniform(4.5, 6.5)),
        dice.about(0, 0.06),
        0.003,
    )
    canvas.bones([sternum], tissues.marrow * 0.7, cortex_hu=tissues.cortex * 0.7, shell_mm=1.1)

    size = (
        float(cavity.radii[0] + cavity.radii[1024]) / 2,
        float(cavity.radii[512] + cavity.radii[1536]) / 2,
    )
    back = cavity.point(-math.pi / 2)[1]
    spine = (dice.about(0, 2), back + dice.uniform(6, 11))
    front = cavity.point(math.pi / 2)[1]
    scale = float(np.clip(size[0] / 128, 0.8, 1.2))
    hilum = spine[1] + 0.45 * (front - spine[1])
    hila = ((-34.0 * scale, hilum + dice.about(0, 4)), (36.0 * scale, hilum + dice.about(2, 4)))
    draw_lungs(canvas, dice, tissues, cavity=cavity, hila=hila, size=size)
    over = [*_domes(canvas, dice, tissues, cavity=cavity, level=level, size=size)]
    over += draw_mediastinum(canvas, dice, tissues, level=level, spine=spine, front=front, scale=scale, cavity=cavity)
    draw_paraspinal(canvas, dice, tissues, centre=(spine[0], spine[1] - 44), size=(20 * scale, 13 * scale))
    draw_vertebra(canvas, dice, tissues, centre=spine, width=dice.about(16.5, 1.5), transverse=30 * scale)
    if nodule and dice.chance(0.5):
        _draw_nodule(canvas, dice, cavity=cavity, over=over, size=size)
    return canvas


def _with_breasts(dice: Dice, base: Contour, level: float) -> Contour:
    if level < 0.15 or not dice.chance(0.45):
        return base
    radii = base.radii.copy()
    for side in (-1, 1):
        angle = math.pi / 2 - side * dice.uniform(0.62, 0.85)
        radii += dice.uniform(9, 24) * bump(angle, dice.uniform(0.22, 0.32))
    wide = np.abs(radii * np.cos(ANGLES)).max() / np.abs(base.radii * np.cos(ANGLES)).max()
    return Contour(radii / max(1.0, wide))


def _glands(canvas: Canvas, dice: Dice, outer: Contour) -> None:
    density = dice.uniform(0.1, 1.0)
    for side in (-1, 1):
        for _ in range(7):
            angle = math.pi / 2 - side * dice.about(0.72, 0.14)
            shape = sheet(
                outer,
                angle,
                depth=dice.uniform(7, 16),
                length=dice.uniform(8, 30),
                thickness=dice.uniform(1, 5),
            )
            canvas.paint(shape, -90 + 110 * density, organ="breast", soft=3.0)


def _draw_muscles(
    canvas: Canvas, dice: Dice, tissues: Tissues, *, muscle: Contour, cavity: Contour, girdle: float
) -> None:
    ring = cavity.inset(-dice.uniform(9.5, 12.0))
    canvas.paint(ring, tissues.muscle - 14, organ="muscle")
    bulk = dice.uniform(0.75, 1.25)
    for side in (-1, 1):

        def at(angle: float, side: int = side) -> float:
            return angle if side > 0 else math.pi - angle

        lateral = sheet(muscle, at(dice.about(-0.35, 0.1)), depth=5 * bulk, length=100, thickness=9 * bulk)
        canvas.paint(lateral, tissues.muscle, organ="muscle")
        serratus = sheet(cavity.inset(-14), at(dice.about(0.1, 0.1)), depth=0, length=80, thickness=6 * bulk)
        canvas.paint(serratus, tissues.muscle, organ="muscle")
        trapezius = sheet(muscle, at(-1.25), depth=3.5, length=75, thickness=5 + 5 * girdle * bulk)
        canvas.paint(trapezius, tissues.muscle, organ="muscle")
        thickness = bulk * (5 + 13 * girdle)
        pectoral = sheet(muscle, at(dice.about(1.0, 0.05)), depth=thickness * 0.55, length=105, thickness=thickness)
        canvas.paint(pectoral, tissues.muscle, organ="muscle")
        if girdle > 0.15:
            _draw_scapula(
                canvas,
                dice,
                tissues,
                cavity=cavity,
                angle=at(dice.about(-0.72, 0.08)),
                girdle=girdle,
                bulk=bulk,
            )


def _draw_scapula(
    canvas: Canvas, dice: Dice, tissues: Tissues, *, cavity: Contour, angle: float, girdle: float, bulk: float
) -> None:
    length = 40 + 60 * girdle
    for depth, thick in ((-15.5, 9.0), (-27.0, 11.0)):
        belly = sheet(cavity, angle, depth=depth, length=length * 1.1, thickness=thick * bulk)
        canvas.paint(belly, tissues.muscle, organ="muscle")
    blade = sheet(cavity, angle + dice.about(0, 0.04), depth=-21.0, length=length, thickness=dice.uniform(4.0, 6.5))
    canvas.bones([blade], tissues.marrow, cortex_hu=tissues.cortex, shell_mm=1.3)


def _domes(canvas: Canvas, dice: Dice, tissues: Tissues, *, cavity: Contour, level: float, size: Point) -> list[Shape]:
    """Draw the domes of the liver and the spleen where the slice is low enough; they rise on the right first."""
    grow = (level - dice.uniform(0.78, 0.86)) / 0.2
    drawn: list[Shape] = []
    inside = canvas.mask(cavity)
    bright = dice.uniform(50, 115)
    for side, organ, delay in ((-1, "liver", 0.0), (1, "spleen", 0.45)):
        extent = grow - delay
        axes = (
            size[0] * 0.42 * min(math.sqrt(max(extent, 0.0)), 0.95),
            size[1] * 0.62 * min(math.sqrt(max(extent, 0.0)), 0.95),
        )
        dome = Blob(
            (side * size[0] * 0.52, dice.about(0, 8)),
            (max(axes[0], 1.0), max(axes[1], 1.0)),
            dice.about(0, 0.2),
        )
        if extent > 0.02:
            canvas.paint(dome, tissues.organ(bright), organ=organ, within=inside, soft=3.0)
            drawn.append(dome)
    return drawn


def _draw_nodule(canvas: Canvas, dice: Dice, *, cavity: Contour, over: list[Shape], size: Point) -> None:
    """Place one solid nodule in lung, clear of the pleura and of what covers the lung."""
    radius, hu = dice.uniform(2.5, 10), dice.uniform(-20, 80)
    spots = dice.rng.uniform(-1, 1, (256, 2)) * np.array(size)
    x, y = spots.astype(np.float32).T
    clear = -cavity.distance(x, y)
    for shape in over:
        clear = np.minimum(clear, shape.distance(x, y))
    spot = spots[int(np.argmax(clear > radius + 4))]
    world = canvas.to_world(spot[None])[0]
    nodule = Nodule((float(world[0]), float(world[1])), 2 * radius, hu)
    canvas.disc(nodule.centre_mm, nodule.diameter_mm, hu=hu, organ="nodule")
    canvas.nodule = nodule


CHEST = Anatomy("chest", draw_chest, partial(draw_chest, nodule=False))
