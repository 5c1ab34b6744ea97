"""A vertebra with its canal and the muscles beside it."""

import math

from svct.tasks.phantoms.canvas import Canvas
from svct.tasks.phantoms.chance import Dice
from svct.tasks.phantoms.shapes import Blob, Point, Shape, Stroke
from svct.tasks.phantoms.tissue import Tissues


def draw_vertebra(
    canvas: Canvas, dice: Dice, tissues: Tissues, *, centre: Point, width: float, transverse: float
) -> None:
    """Draw a vertebra: body, pedicles, laminae, processes, canal, cord.

    Args:
        canvas: Where to draw.
        dice: The patient's random numbers.
        tissues: The patient's tissues.
        centre: Middle of the vertebral body, mm.
        width: Half width of the vertebral body, mm: about 9 in the neck, 16 in the chest, 24 in the loin.
        transverse: How far the transverse processes reach from the midline, mm.
    """
    x, y = centre
    depth = width * dice.uniform(0.68, 0.82)
    canal = 5.5 + 0.22 * width
    behind = y - depth - canal
    bones: list[Shape] = [Blob(centre, (width, depth), 0.0, 0.012)]
    tip = behind - canal - dice.uniform(14, 30)
    bones.append(Stroke((x, behind - canal - 1), (x + dice.about(0, 2), tip), (3.4, dice.uniform(2.4, 4.5))))
    for side in (-1, 1):
        joint = (x + side * (canal + 4.5), behind + dice.about(0, 1.2))
        bones.append(Stroke((x + side * width * 0.72, y - depth * 0.7), joint, (dice.uniform(2.6, 4.2), 3.8)))
        bones.append(Stroke(joint, (x, behind - canal - 2.5), (3.2, 3.0)))
        reach = transverse * dice.uniform(0.75, 1.1)
        end = (x + side * reach, behind - dice.uniform(-2, 9))
        bones.append(Stroke(joint, end, (dice.uniform(2.6, 4.0), dice.uniform(2.6, 4.6))))
    canvas.bones(bones, tissues.marrow, cortex_hu=tissues.cortex * 0.85, shell_mm=dice.uniform(0.9, 1.6))
    canvas.paint(Blob((x, behind), (canal * 1.12, canal)), -20.0, organ="fat")
    canvas.paint(Blob((x, behind), (canal * 0.9, canal * 0.85)), 12.0, organ="fluid")
    canvas.paint(Blob((x, behind + 0.6), (canal * 0.62, canal * 0.48)), 36.0, organ="cord")


def draw_paraspinal(canvas: Canvas, dice: Dice, tissues: Tissues, *, centre: Point, size: Point) -> None:
    """Draw the erector spinae on both sides of the spinous process, each in two bundles.

    Args:
        canvas: Where to draw.
        dice: The patient's random numbers.
        tissues: The patient's tissues.
        centre: The spinous process, mm.
        size: Half width and half depth of one side's muscle, mm.
    """
    for side in (-1, 1):
        a, b = size[0] * dice.uniform(0.9, 1.1), size[1] * dice.uniform(0.9, 1.1)
        angle = side * math.radians(dice.uniform(5, 22))
        x = centre[0] + side * (a + 4)
        canvas.paint(Blob((x + side * a * 0.25, centre[1]), (a, b), angle, 0.004), tissues.muscle, organ="muscle")
        inner = Blob((centre[0] + side * (a * 0.42 + 3), centre[1] + b * 0.15), (a * 0.42, b * 0.9))
        canvas.paint(inner, tissues.muscle, organ="muscle")
