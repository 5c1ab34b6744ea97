"""Stomach and bowel: walls, contents and gas, which rises to the front."""

import math

import numpy as np

from svct.tasks.phantoms.canvas import Canvas
from svct.tasks.phantoms.chance import Dice
from svct.tasks.phantoms.shapes import ANGLES, Array, Contour, Point, oval
from svct.tasks.phantoms.tissue import Tissues


def draw_hollow(
    canvas: Canvas,
    dice: Dice,
    shape: Contour,
    *,
    organ: str,
    content: float | Array,
    gas: float,
    inside: Array,
) -> None:
    """Draw a hollow organ with its contents up to a flat level and gas above it.

    Args:
        canvas: Where to draw.
        dice: The patient's random numbers.
        shape: Outer wall.
        organ: Its name.
        content: CT number of the contents, HU.
        gas: Part of the depth that is gas, 0 to 1.
        inside: Where it may be drawn.
    """
    canvas.paint(shape, dice.uniform(35, 60), organ=organ, within=inside)
    lumen = shape.inset(dice.uniform(1.6, 3.5))
    canvas.paint(lumen, content, organ=organ, within=inside)
    half = float(np.abs(lumen.radii * np.sin(ANGLES)).max())
    window = canvas.window(lumen)
    surface = shape.centre[1] + half * (1 - 2 * gas)
    above = np.clip((canvas.y[window] - np.float32(surface)) / np.float32(canvas.step) + 0.5, 0, 1)
    if gas > 0.05:
        canvas.blend(window, canvas.cover(lumen, window) * above * inside[window], -985.0, "gas")


def draw_bowel(canvas: Canvas, dice: Dice, tissues: Tissues, *, level: float, size: Point, inside: Array) -> None:
    """Draw loops of small bowel in the middle and colon along both flanks.

    Args:
        canvas: Where to draw.
        dice: The patient's random numbers.
        tissues: The patient's tissues.
        level: 0 at the upper liver, 1 at the lower kidneys.
        size: Half width and half depth of the cavity, mm.
        inside: Where it may be drawn.
    """
    loops = round(4 + 22 * max(0.0, level - 0.2))
    oral = dice.uniform(120, 260) if dice.chance(0.2) else dice.uniform(10, 40)
    for k in range(loops):
        turn = 2.4 * k + dice.about(0, 0.3)
        away = math.sqrt((k + 0.5) / loops)
        place = (
            size[0] * (0.1 + 0.62 * away * math.cos(turn)),
            size[1] * (0.34 + 0.42 * away * math.sin(turn)),
        )
        radii = oval(dice.uniform(9, 19), dice.uniform(8, 14), 2.0) * (
            1 + dice.harmonics(ANGLES, amplitude=0.09, orders=(2, 3, 4, 5))
        )
        gas = dice.uniform(0.2, 0.8) if dice.chance(0.22) else 0.0
        draw_hollow(canvas, dice, Contour(radii, place), organ="bowel", content=oral, gas=gas, inside=inside)
    stool = -40 + 70 * np.clip(tissues.fine, -1.5, 1.0) - 60 * np.clip(tissues.medium, 0, 1.5)
    for side in (-1, 1):
        place = (side * size[0] * dice.uniform(0.76, 0.82), size[1] * dice.uniform(-0.1, 0.2))
        radii = oval(dice.uniform(15, 24), dice.uniform(16, 27), 2.2) * (
            1 + dice.harmonics(ANGLES, amplitude=0.06, orders=(3, 4, 5))
        )
        gas = dice.uniform(0.0, 0.9)
        if level > (0.45 if side < 0 else 0.3):
            draw_hollow(canvas, dice, Contour(radii, place), organ="bowel", content=stool, gas=gas, inside=inside)
    across = [(dice.uniform(-0.5, 0.6), dice.uniform(0.1, 0.9)) for _ in range(3)]
    for x, gas in across:
        radii = oval(dice.uniform(18, 34), dice.uniform(11, 18), 2.2) * (
            1 + dice.harmonics(ANGLES, amplitude=0.07, orders=(3, 4, 6))
        )
        if level > 0.35:
            shape = Contour(radii, (size[0] * x, size[1] * 0.72))
            draw_hollow(canvas, dice, shape, organ="bowel", content=stool, gas=gas, inside=inside)


def draw_stomach(canvas: Canvas, dice: Dice, *, level: float, size: Point, inside: Array) -> None:
    """Draw the stomach on the left in front, with food, fluid and a bubble of gas.

    Args:
        canvas: Where to draw.
        dice: The patient's random numbers.
        level: 0 at the upper liver, 1 at the lower kidneys.
        size: Half width and half depth of the cavity, mm.
        inside: Where it may be drawn.
    """
    fullness = dice.uniform(0.6, 1.1)
    place = (size[0] * dice.uniform(0.36, 0.46), size[1] * dice.uniform(0.30, 0.42))
    radii = oval(size[0] * 0.36 * fullness, size[1] * 0.42 * fullness, 2.1) * (
        1 + dice.harmonics(ANGLES, amplitude=0.05, orders=(2, 3, 4))
    )
    content, gas = dice.uniform(5, 45), dice.uniform(0.1, 0.6)
    if level < 0.6:
        draw_hollow(canvas, dice, Contour(radii, place), organ="stomach", content=content, gas=gas, inside=inside)
