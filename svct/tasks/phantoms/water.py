"""The negative control: a round water cylinder with rods, no direction unlike another."""

import math

import numpy as np

from svct.geometry.grid import Grid
from svct.tasks.phantoms.anatomy import Anatomy
from svct.tasks.phantoms.canvas import Canvas
from svct.tasks.phantoms.chance import Dice
from svct.tasks.phantoms.shapes import Blob


def draw_water(grid: Grid, dice: Dice, rotation: float) -> Canvas:
    """Draw a water cylinder of 160 to 320 mm with a thin shell and a few rods of other CT numbers.

    Args:
        grid: The image grid.
        dice: The patient's random numbers.
        rotation: Rotation about the grid's centre, radians.

    Returns:
        The painted canvas.
    """
    radius = dice.uniform(80, 160)
    away, towards = 15 * math.sqrt(dice.uniform(0, 1)), dice.uniform(-math.pi, math.pi)
    centre = (away * math.cos(towards), away * math.sin(towards))
    canvas = Canvas(
        grid, dice, centre=centre, half_axes=(radius, radius), tilt=dice.uniform(-math.pi, math.pi),
        rotation=rotation, warp_mm=0.0,
    )  # fmt: skip
    shell = dice.uniform(2, 5)
    canvas.level = dice.uniform(0, 1)
    canvas.paint(Blob((0, 0), (radius, radius)), dice.uniform(90, 140), organ="rod")
    canvas.paint(Blob((0, 0), (radius - shell, radius - shell)), dice.uniform(-2, 2), organ="water")
    placed: list[tuple[float, float, float]] = []
    for _ in range(int(dice.rng.integers(4, 10))):
        rod = dice.uniform(3, 16)
        for _ in range(20):
            r, angle = (
                (radius - shell - rod - 4) * math.sqrt(dice.uniform(0, 1)),
                dice.uniform(-math.pi, math.pi),
            )
            x, y = r * math.cos(angle), r * math.sin(angle)
            if all(math.hypot(x - px, y - py) > rod + pr + 3 for px, py, pr in placed):
                placed.append((x, y, rod))
                hu = float(np.clip(dice.about(0, 60), -100, 120)) + (15 if dice.chance(0.5) else -15)
                canvas.paint(Blob((x, y), (rod, rod)), hu, organ="rod")
                break
    return canvas


WATER = Anatomy("water", draw_water)
