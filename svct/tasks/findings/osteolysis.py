"""Bone lost beside a hip implant.

Wear particles of the liner are answered by granulation tissue that eats into the bone behind the cup; it is taken to
attenuate like other soft tissue, 20 to 60 HU, and to be 8 to 26 mm across.
"""

import math

import numpy as np
from scipy import ndimage

from svct.geometry.grid import Grid
from svct.tasks.findings.anatomy import Labels, clipped, organ, pick, side_of
from svct.tasks.findings.finding import Finding, Part
from svct.tasks.findings.kinds import FindingKind, draw, grades
from svct.tasks.findings.metal import BONE_HU
from svct.tasks.findings.outline import blob, outline_of

NEAR_MM = (2.0, 12.0)
"""How far from the metal its middle lies, mm."""


class Osteolysis(FindingKind):
    """A soft hollow in the bone that holds an implant."""

    def propose(self, labels: Labels, grid: Grid, rng: np.random.Generator) -> Finding | None:
        """Draw it in bone near metal; see `FindingKind.propose`."""
        size, hu = draw(rng, 8.0, 26.0), draw(rng, 20.0, 60.0)
        angle, oval = rng.uniform(0, math.pi), rng.uniform(0.6, 1.0)
        metal = organ(labels, "metal")
        if not metal.any():
            return None
        bone = ndimage.binary_erosion(organ(labels, "bone"))
        away = ndimage.distance_transform_edt(~metal) * grid.voxel_mm
        centre = pick(bone & (away > NEAR_MM[0]) & (away < NEAR_MM[1]), grid, rng)
        if centre is None:
            return None
        edge = clipped(
            blob(rng, centre, (size.value / 2, size.value / 2 * oval), angle=angle, roughness=0.1), bone, grid, 20.0
        )
        if edge is None:
            return None
        return Finding(
            self.name, "bone", side_of(centre[0], labels, grid), (Part((outline_of(edge),), hu.value),), hu.value,
            hu.value - BONE_HU, "granulation tissue", *grades(size),
        )  # fmt: skip


OSTEOLYSIS = Osteolysis("osteolysis", ("hips",), ("bone",))
