"""An industrial part with one direction of edges: sheets of aluminium and polymer, stacked, with slots and voids.

Attenuation at 70 keV, the energy at which svct states water (0.0193/mm): aluminium, 2.70 g/cm^3, 0.065/mm;
polyoxymethylene, 1.41 g/cm^3, 0.026/mm; polyamide, 1.14 g/cm^3, 0.021/mm (Hubbell and Seltzer, NISTIR 5632, 1995).
"""

import math
from functools import partial

from svct.geometry.grid import Grid
from svct.tasks.phantoms.anatomy import Anatomy
from svct.tasks.phantoms.canvas import Canvas
from svct.tasks.phantoms.chance import Dice
from svct.tasks.phantoms.shapes import Array, Blob, Box
from svct.tasks.phantoms.texture import random_field
from svct.units import mu_to_hu

MATERIALS_PER_MM = {"aluminium": 0.065, "polyoxymethylene": 0.026, "polyamide": 0.021}
"""Attenuation, 1/mm."""

FACES_DEG = 35.0
"""Direction of the sheets' faces, anticlockwise from the rows of the image; parts lie within 3 degrees of it."""


def draw_part(grid: Grid, dice: Dice, rotation: float, *, gaps: bool = True) -> Canvas:
    """Draw a stack of sheets, 80 to 96 mm long and 44 to 60 mm high.

    Args:
        grid: The image grid.
        dice: The part's random numbers.
        rotation: Rotation about the grid's centre, radians.
        gaps: Let some sheets have come apart; without it all else stays the same.

    Returns:
        The painted canvas.
    """
    half, total = dice.uniform(40, 48), dice.uniform(44, 60)
    centre = (dice.uniform(-3, 3), dice.uniform(-3, 3))
    tilt = math.radians(FACES_DEG + dice.uniform(-3, 3))
    corner = math.sqrt(2)  # the ellipse of these half-axes holds the corners
    canvas = Canvas(
        grid, dice, centre=centre, half_axes=(corner * half, corner * total / 2), tilt=tilt, rotation=rotation,
        warp_mm=0.0,
    )  # fmt: skip
    canvas.half_axes = (half, total / 2)
    canvas.level = dice.uniform(0, 1)
    grain = canvas.field(random_field(dice.rng, 6.0))
    plastic = "polyoxymethylene" if dice.chance(0.5) else "polyamide"
    polymer = float(mu_to_hu(MATERIALS_PER_MM[plastic])) * dice.uniform(0.97, 1.03) + 12 * grain
    metal = float(mu_to_hu(MATERIALS_PER_MM["aluminium"])) + 6 * grain
    end = dice.uniform(5, 8)
    top = -total / 2
    sheets = [end, *_thicknesses(dice, total - 2 * end), end]
    for k, thickness in enumerate(sheets):
        solid = k in (0, len(sheets) - 1)
        is_metal = k % 2 == 0
        stagger = 0.0 if solid else dice.uniform(-1.5, 1.5)
        reach = half if solid else half - dice.uniform(0.5, 3.5)
        middle = top + thickness / 2
        sheet = Box((stagger, middle), (reach, thickness / 2), corner=0.4)
        canvas.paint(sheet, metal if is_metal else polymer, organ="metal" if is_metal else "polymer")
        if not is_metal:
            _cut_slots(canvas, dice, middle=middle, thickness=thickness, reach=reach)
        elif not solid:
            _drop_voids(canvas, dice, middle=middle, thickness=thickness, reach=reach)
        if not solid and dice.chance(0.5):
            _unbond(canvas, dice, at=top, reach=reach, show=gaps)
        top += thickness
    _drill(canvas, dice, half=half, total=total, end=end, filling=polymer)
    return canvas


def _thicknesses(dice: Dice, total: float) -> list[float]:
    """Return an odd number of thicknesses, mm, polymer first and last, that add up to a total."""
    count = 2 * int(dice.rng.integers(3, 6)) + 1
    parts = [dice.uniform(0.7, 1.3) for _ in range(count)]
    return [total * part / sum(parts) for part in parts]


def _cut_slots(canvas: Canvas, dice: Dice, *, middle: float, thickness: float, reach: float) -> None:
    """Cut channels into a sheet, as high as the sheet or nearly so."""
    x = -reach + dice.uniform(3, 14)
    while x < reach - 8:
        long = dice.uniform(6, 30)
        if x + long > reach - 3:
            break
        high = thickness * dice.uniform(0.45, 1.0)
        at = (x + long / 2, middle + (thickness - high) / 2 * (1 if dice.chance(0.5) else -1))
        canvas.paint(Box(at, (long / 2, high / 2), corner=0.3), -1000.0, organ="air")
        x += long + dice.uniform(4, 18)


def _drop_voids(canvas: Canvas, dice: Dice, *, middle: float, thickness: float, reach: float) -> None:
    """Leave a few pores in cast metal."""
    for _ in range(int(dice.rng.integers(0, 4))):
        radius = dice.uniform(0.12, 0.3) * thickness
        at = (dice.uniform(-0.9, 0.9) * reach, middle + dice.uniform(-0.2, 0.2) * thickness)
        canvas.paint(Blob(at, (radius * dice.uniform(1, 2.2), radius)), -1000.0, organ="air")


def _unbond(canvas: Canvas, dice: Dice, *, at: float, reach: float, show: bool) -> None:
    """Part two sheets by a thin gap somewhere between them, tilted a little against the faces."""
    long = dice.uniform(8, 32)
    place = (dice.uniform(-1, 1) * (reach - long / 2 - 1), at)
    gap = Box(place, (long / 2, dice.uniform(0.3, 0.8)), math.radians(dice.about(0, 0.7)), 0.25)
    if show:
        canvas.paint(gap, -1000.0, organ="air")


def _drill(canvas: Canvas, dice: Dice, *, half: float, total: float, end: float, filling: Array) -> None:
    """Drill a hole or two, seen on edge, into an end plate and plug it."""
    for _ in range(int(dice.rng.integers(0, 3))):
        side = 1 if dice.chance(0.5) else -1
        place = (dice.uniform(-0.85, 0.85) * half, side * (total / 2 - end / 2))
        radius = dice.uniform(0.2, 0.36) * end
        canvas.paint(Blob(place, (radius, radius)), filling, organ="polymer")


PART = Anatomy("part", draw_part, partial(draw_part, gaps=False), fine=Grid((512, 512), voxel_mm=0.25))
