"""Findings in the liver.

Metastases measure 15 to 60 HU less than enhanced liver, tumours that take up contrast medium early 15 to 60 HU more, at
5 to 40 mm, as in the observer studies of Fletcher et al. (Radiology 2015) and Schindera et al. (Radiology 2010). Simple
cysts measure below 20 HU and have a sharp edge (Mortele and Ros, RadioGraphics 2001).
"""

import math
from dataclasses import dataclass

import numpy as np

from svct.geometry.grid import Grid
from svct.tasks.findings.anatomy import Labels, close, depth, organ, pick, side_of
from svct.tasks.findings.finding import Finding, Part
from svct.tasks.findings.kinds import FindingKind, draw, grades, seed_of
from svct.tasks.findings.outline import blob, outline_of

LIVER_HU = 58.0
LIVER = ("liver", "vessel")


@dataclass(frozen=True)
class LiverLesion(FindingKind):
    """A round lesion.

    Args:
        diameter_mm: Least and greatest diameter, mm.
        contrast_hu: Faintest and strongest difference from the liver, HU.
        soft_mm: Blur of its edge, mm.
        roughness: Of its edge, as a part of the radius.
        cyst: Whether it holds water instead, of the drawn contrast's CT number.
        texture: In a word.
    """

    diameter_mm: tuple[float, float] = (8.0, 35.0)
    contrast_hu: tuple[float, float] = (-15.0, -50.0)
    soft_mm: float = 1.5
    roughness: float = 0.06
    cyst: bool = False
    texture: str = "homogeneous"

    def propose(self, labels: Labels, grid: Grid, rng: np.random.Generator) -> Finding | None:
        """Draw a lesion inside the liver; see `FindingKind.propose`."""
        size, hu = draw(rng, *self.diameter_mm), draw(rng, *self.contrast_hu)
        radius, oval, angle, seed = size.value / 2, rng.uniform(0.75, 1.0), rng.uniform(0, math.pi), seed_of(rng)
        tissue = organ(labels, "liver")
        whole = close(tissue, 4.0, grid) & organ(labels, *LIVER)
        centre = pick((depth(whole, grid) > 1.15 * radius + 2.0) & tissue, grid, rng)
        if centre is None:
            return None
        edge = outline_of(blob(rng, centre, (radius, radius * oval), angle=angle, roughness=self.roughness))
        if self.cyst:
            part = Part((edge,), hu.value, soft_mm=self.soft_mm, ripple_hu=1.0, seed=seed)
            contrast = hu.value - LIVER_HU
        else:
            part = Part((edge,), hu.value, mode="add", soft_mm=self.soft_mm, ripple_hu=4.0, ripple_mm=6.0, seed=seed)
            contrast = hu.value
        return Finding(
            self.name, "liver", side_of(centre[0], labels, grid), (part,), LIVER_HU + contrast, contrast, self.texture,
            *grades(size, hu),
        )  # fmt: skip


HYPODENSE = LiverLesion("hypodense liver lesion", ("abdomen",), LIVER, ("liver cyst",))
HYPERDENSE = LiverLesion(
    "hyperdense liver lesion", ("abdomen",), LIVER, ("liver cyst",), contrast_hu=(15.0, 55.0), texture="enhancing"
)
LIVER_CYST = LiverLesion(
    "liver cyst", ("abdomen",), LIVER,
    diameter_mm=(5.0, 25.0), contrast_hu=(14.0, 2.0), soft_mm=0.5, roughness=0.015, cyst=True, texture="fluid",
)  # fmt: skip
