"""Tissues with their texture, as CT numbers on the whole canvas."""

from dataclasses import dataclass

import numpy as np

from svct.tasks.phantoms.canvas import Canvas
from svct.tasks.phantoms.chance import Dice
from svct.tasks.phantoms.shapes import Array
from svct.tasks.phantoms.texture import random_field


@dataclass(frozen=True, eq=False)
class Tissues:
    """One patient's tissues; arrays cover the canvas, HU.

    Args:
        fat: Fat crossed by fine septa.
        muscle: Muscle marbled by fat.
        marrow: Trabecular bone and marrow.
        cortex: CT number of cortical bone.
        fine: Field of unit variance, about 5 mm.
        medium: The same, about 13 mm.
        coarse: The same, about 45 mm.
        ridge: The same, about 24 mm; its zero lines make septa and folds.
    """

    fat: Array
    muscle: Array
    marrow: Array
    cortex: float
    fine: Array
    medium: Array
    coarse: Array
    ridge: Array

    def organ(self, hu: float, roughness: float = 1.0) -> Array:
        """Return an organ of mean `hu` with mild texture of some HU."""
        result: Array = np.float32(hu) + np.float32(roughness) * (2.5 * self.medium + 2 * self.fine + 2 * self.coarse)
        return result


def draw_tissues(canvas: Canvas, dice: Dice) -> Tissues:
    """Draw one patient's tissues: how dense the bone, how marbled the muscle."""
    fine, medium, coarse, ridge = (
        canvas.field(random_field(dice.rng, wavelength)) for wavelength in (5.0, 13.0, 45.0, 24.0)
    )
    septa = dice.uniform(15, 55) * np.exp(-((ridge / 0.11) ** 2))
    fat = np.float32(dice.about(-104, 4)) + 3 * coarse + 3 * medium + septa
    streaks = np.clip(0.55 * fine + 0.75 * medium + np.float32(0.2) * coarse - 0.9, 0, 0.9)
    muscle = np.float32(dice.about(55, 4)) + 3 * fine + 2 * coarse - np.float32(dice.uniform(10, 110)) * streaks
    marrow = np.float32(dice.uniform(150, 280)) + 38 * fine + 22 * medium
    return Tissues(
        fat.astype(np.float32), muscle.astype(np.float32), marrow.astype(np.float32), dice.uniform(850, 1300),
        fine, medium, coarse, ridge,
    )  # fmt: skip
