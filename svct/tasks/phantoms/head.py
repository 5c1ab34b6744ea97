"""Head: from the petrous bones to the vertex."""

import math

import numpy as np

from svct.geometry.grid import Grid
from svct.tasks.phantoms.anatomy import Anatomy
from svct.tasks.phantoms.body import draw_pose, paint_skin_and_fat
from svct.tasks.phantoms.canvas import Canvas
from svct.tasks.phantoms.chance import Dice
from svct.tasks.phantoms.shapes import ANGLES, Array, Blob, Contour, Point, Shape, Stroke, bump, oval
from svct.tasks.phantoms.texture import random_field
from svct.tasks.phantoms.tissue import Tissues, draw_tissues

EVERYWHERE = (slice(None), slice(None))


def draw_head(grid: Grid, dice: Dice, rotation: float) -> Canvas:
    """Draw a head slice.

    Args:
        grid: The image grid.
        dice: The patient's random numbers.
        rotation: Rotation about the grid's centre, radians.

    Returns:
        The painted canvas.
    """
    level = dice.uniform(0, 1)
    vertex = 1 - 0.22 * max(0.0, level - 0.75) / 0.25
    a, b = dice.about(75, 4) * vertex, dice.about(94, 4.5) * vertex
    radii = oval(a, b, dice.uniform(2.0, 2.25)) * (1 + dice.harmonics(ANGLES, amplitude=0.006, orders=(2, 3, 4, 5)))
    radii *= 1 - dice.uniform(0.01, 0.05) * (bump(0.95, 0.3) + bump(math.pi - 0.95, 0.3))
    outer = Contour(radii)
    centre, tilt = draw_pose(dice, shift_mm=10.0, tilt_deg=4.0)
    canvas = Canvas(grid, dice, centre=centre, half_axes=(a, b), tilt=tilt, rotation=rotation, warp_mm=1.2)
    canvas.level = level
    tissues = draw_tissues(canvas, dice)
    paint_skin_and_fat(canvas, dice, tissues, outer)
    low = max(0.0, 0.45 - level) / 0.45
    scalp = (
        dice.uniform(4.0, 7.0)
        + 6 * low * (bump(0.3, 0.35) + bump(math.pi - 0.3, 0.35))
        + 7 * low * bump(-math.pi / 2, 0.6)
    )
    skull = outer.inset(scalp)
    for side in (-1, 1):
        if low > 0.1:
            place = outer.point(0.3 if side > 0 else math.pi - 0.3, scalp.mean() * 0.9 + 2)
            canvas.paint(
                Blob(place, (26 * low + 6, 4.5 * low + 1), math.pi / 2 + side * 0.1, 0.0),
                tissues.muscle,
                organ="muscle",
            )
    thick = dice.uniform(5.5, 8.5) * (
        1 + 0.3 * bump(-math.pi / 2, 0.5) + 0.25 * bump(math.pi / 2, 0.3) - 0.3 * bump(0, 0.4)
    )
    thick = thick * (1 - 0.3 * bump(math.pi, 0.4) + dice.harmonics(ANGLES, amplitude=0.07, orders=(2, 3, 5, 8, 11)))
    inner = skull.inset(np.maximum(thick, 3.0))
    cortex = tissues.cortex + 150
    canvas.bones([skull], cortex, cortex_hu=cortex, shell_mm=1.0)
    table = dice.uniform(1.3, 1.9)
    diploe = canvas.mask(skull.inset(table)) * (1 - canvas.mask(inner.inset(-table)))
    canvas.blend(EVERYWHERE, diploe, tissues.marrow * 1.5 + 150, "bone")
    _draw_brain(canvas, dice, tissues, inner=inner, level=level)
    if level > 0.3:
        _draw_ventricles(canvas, dice, level=level, half_axes=(a, b))
    else:
        _draw_base(canvas, dice, tissues, inner=inner, level=level)
    return canvas


def _draw_brain(canvas: Canvas, dice: Dice, tissues: Tissues, *, inner: Contour, level: float) -> None:
    """Draw cortex folded over white matter: sulci are the zero lines of a random field, fading with depth."""
    inside = canvas.mask(inner)
    canvas.blend(EVERYWHERE, inside, 9.0, "fluid")
    atrophy = dice.uniform(0.5, 2.0)
    depth = -inner.distance(canvas.x, canvas.y) - np.float32(1.2 + atrophy)
    middle = np.abs(canvas.x + 0.8 * tissues.coarse) - np.float32(0.5 + 0.5 * atrophy)
    posterior = (
        np.abs(canvas.y) < np.float32(0.35 * inner.table[1536]) if level < 0.7 else np.zeros(canvas.y.shape, bool)
    )
    middle = np.where(posterior, 99.0, middle) if level > 0.3 else np.full(canvas.x.shape, np.float32(99.0))
    folds = np.abs(canvas.field(random_field(dice.rng, 21.0))) * np.float32(4.2) - np.float32(0.25 * atrophy)
    reach = np.float32(dice.uniform(13, 19))
    sulcus = folds + np.maximum(0, np.minimum(depth, middle) - reach) * 1.5
    surface = np.minimum(np.minimum(depth, middle), sulcus)
    ribbon = np.float32(dice.uniform(2.6, 3.6))
    tissue = np.clip(surface / np.float32(canvas.step) + 0.5, 0, 1)
    white = np.clip((surface - ribbon) / np.float32(1.6) + 0.5, 0, 1)
    grey_hu, white_hu = np.float32(dice.about(38, 1.5)), np.float32(dice.about(28, 1.5))
    matter = grey_hu + white * (white_hu - grey_hu) + 0.7 * tissues.medium + 0.5 * tissues.fine
    canvas.blend(EVERYWHERE, inside * tissue * (1 - white), matter, "grey matter")
    canvas.blend(EVERYWHERE, inside * tissue * white, matter, "white matter")
    if level > 0.3:
        top, bottom = float(inner.table[1536]), -float(inner.table[512])
        x = dice.about(0, 1)
        shut = level > 0.7
        for begin, end in (
            ((x, top), (x, 1.0 if shut else top * 0.45)),
            ((x, bottom), (x, -1.0 if shut else bottom * 0.55)),
        ):
            canvas.paint(Stroke(begin, end, (1.0, 0.6)), 62.0, organ="falx", within=inside)
        canvas.paint(Blob((x, bottom + 3), (5, 4)), 60.0, organ="vessel", within=inside)


def _draw_ventricles(canvas: Canvas, dice: Dice, *, level: float, half_axes: Point) -> None:
    """Draw lateral and third ventricles with the deep grey nuclei at middle levels; above them there are none."""
    a, b = half_axes
    full = dice.uniform(0.6, 1.8)
    deep = level < 0.55
    for side in (-1, 1):

        def at(x: float, y: float, side: int = side) -> Point:
            return side * x * a / 75 + dice.about(0, 0.7), y * b / 94 + dice.about(0, 0.7)

        nuclei = dice.about(37.5, 1)
        if deep:
            canvas.paint(Blob(at(12, -6), (8, 14), -side * 0.35), nuclei, organ="grey matter", soft=2.0)
            canvas.paint(Blob(at(27, 10), (7, 17), -side * 0.2), nuclei, organ="grey matter", soft=2.0)
            canvas.paint(Blob(at(12, 22), (4.5, 8), side * 0.3), nuclei, organ="grey matter", soft=2.0)
            canvas.paint(Blob(at(6, 28), (3.2 * full, 11), side * 0.35, 0.0), 8.0, organ="fluid", soft=1.5)
            canvas.paint(Blob(at(24, -32), (4.0 * full, 15), side * 0.45), 8.0, organ="fluid", soft=1.5)
            if dice.chance(0.5):
                canvas.paint(Blob(at(22, -30), (2.0, 3.0)), dice.uniform(80, 300), organ="bone")
        elif level < 0.75:
            canvas.paint(Blob(at(10, 0), (4.2 * full, 34), side * 0.12), 8.0, organ="fluid", soft=2.0)
            canvas.paint(Blob(at(17, 8), (3.5, 20), side * 0.12), nuclei, organ="grey matter", soft=2.0)
    if deep:
        canvas.paint(Blob((0, -2), (1.2 + 1.5 * full, 12)), 8.0, organ="fluid", soft=1.0)
        if dice.chance(0.6):
            canvas.paint(Blob((0, -20), (2.5, 2.0)), dice.uniform(100, 350), organ="bone")


def _draw_base(canvas: Canvas, dice: Dice, tissues: Tissues, *, inner: Contour, level: float) -> None:
    """Draw the base of the skull: petrous ridges with air cells, sphenoid, sinuses, brain stem."""
    inside = canvas.mask(inner)
    rise = 1 - level / 0.3
    canvas.paint(Blob((dice.about(0, 1), -12), (19, 16)), 14.0, organ="fluid", within=inside)
    canvas.paint(Blob((0, -16), (13, 12)), tissues.organ(31.0, 0.4), organ="white matter", within=inside)
    canvas.paint(Blob((0, -33), (4 + 3 * dice.uniform(0, 1), 4)), 8.0, organ="fluid", within=inside, soft=1.0)
    bones: list[Shape] = [Stroke((0, 6), (0, 12), (10 + 6 * rise, 9 + 8 * rise))]
    for side in (-1, 1):
        tip = (side * dice.uniform(10, 15), dice.uniform(0, 6))
        ear = inner.point(-0.42 if side > 0 else math.pi + 0.42, dice.uniform(-2, 4))
        bones.append(Stroke(tip, ear, (4 + 3 * rise, 8 + 6 * rise)))
        wing = inner.point(0.45 if side > 0 else math.pi - 0.45, 0.0)
        bones.append(Stroke((side * 14.0, 18), wing, (2.5 + 2 * rise, 2.5 + 2 * rise)))
    dense: Array = tissues.marrow * 1.2 + np.float32(420)
    canvas.bones(bones, dense, cortex_hu=tissues.cortex + 250, shell_mm=1.6)
    for side in (-1, 1):
        ear = inner.point(-0.42 if side > 0 else math.pi + 0.42, 2.0)
        for _ in range(int(dice.rng.integers(8, 22))):
            cell = (ear[0] + dice.about(0, 5) - side * 3, ear[1] + dice.about(0, 6))
            canvas.paint(
                Blob(cell, (dice.uniform(0.8, 2.4), dice.uniform(0.8, 2.4)), dice.uniform(0, 3)),
                -900.0,
                organ="air",
            )
        canal = (side * dice.uniform(20, 26), dice.uniform(-8, -3))
        canvas.paint(Stroke(canal, (canal[0] - side * 8, canal[1] - 4), (1.6, 2.0)), 10.0, organ="fluid")
        if dice.chance(0.7):
            canvas.paint(
                Blob((side * dice.uniform(6, 9), 10), (6 + 3 * rise, 7), dice.about(0, 0.3)),
                -990.0,
                organ="air",
            )
        front = inner.point(math.pi / 2 - side * dice.uniform(0.1, 0.22), -3.0)
        canvas.paint(Blob(front, (dice.uniform(6, 11), 2.5 + 2 * rise), -side * 0.25), -990.0, organ="air")
    if rise > 0.45:
        _draw_orbits(canvas, dice, tissues, inner=inner, cortex=tissues.cortex)


def _draw_orbits(canvas: Canvas, dice: Dice, tissues: Tissues, *, inner: Contour, cortex: float) -> None:
    """Draw the roofs of the orbits: fat and the upper muscle in a thin bony wall."""
    for side in (-1, 1):
        place = inner.point(math.pi / 2 - side * dice.uniform(0.42, 0.5), 15.0)
        orbit = Blob(place, (dice.uniform(13, 16), dice.uniform(16, 20)), side * dice.uniform(0.1, 0.35))
        canvas.bones([orbit], tissues.fat, cortex_hu=cortex * 0.8, shell_mm=1.5)
        canvas.paint(Blob((place[0], place[1] - 3), (4.5, 12), -side * 0.3), tissues.muscle, organ="muscle")
        canvas.paint(Blob((place[0] + side * 5, place[1] + 6), (5, 3)), 40.0, organ="gland")


HEAD = Anatomy("head", draw_head, fine=Grid((256, 256), voxel_mm=1.0))
