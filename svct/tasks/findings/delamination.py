"""Sheets of a part that came apart: a thin gap of air between them."""

import math

import numpy as np
from scipy import ndimage

from svct.geometry.grid import Grid
from svct.tasks.findings.anatomy import Labels, Mask, Place, lattice, organ, pick, side_of
from svct.tasks.findings.finding import Finding, Part
from svct.tasks.findings.kinds import FindingKind, draw, grades
from svct.tasks.findings.outline import blob, outline_of

AIR_HU = -1000.0
POLYMER_HU = 200.0
TRIES = 30


class Delamination(FindingKind):
    """A lens of air along the face between two sheets, 6 to 24 mm long and 0.5 to 1.4 mm wide."""

    def propose(self, labels: Labels, grid: Grid, rng: np.random.Generator) -> Finding | None:
        """Draw it where metal and polymer meet for its whole length; see `FindingKind.propose`."""
        long, wide = draw(rng, 6.0, 24.0), draw(rng, 0.5, 1.4)
        metal, polymer = organ(labels, "metal"), organ(labels, "polymer")
        if not metal.any():
            return None
        angle = _faces(metal)
        meeting = ndimage.binary_dilation(metal) & polymer
        for _ in range(TRIES):
            centre = pick(meeting, grid, rng)
            if centre is None:
                return None
            if _holds(ndimage.binary_erosion(metal | polymer, iterations=2), grid, centre, long.value, angle):
                edge = blob(rng, centre, (long.value / 2, wide.value / 2), angle=angle)
                return Finding(
                    self.name, "bond between sheets", side_of(centre[0], labels, grid),
                    (Part((outline_of(edge),), AIR_HU),), AIR_HU, AIR_HU - POLYMER_HU, "gap", *grades(long, wide),
                )  # fmt: skip
        return None


def _faces(metal: Mask) -> float:
    """Return the direction of most faces, radians: across the mean squared gradient (Bigun and Granlund 1987)."""
    down, right = np.gradient(ndimage.gaussian_filter(metal.astype(np.float64), 2.0))
    normal = 0.5 * math.atan2(-2 * float((right * down).sum()), float((right**2 - down**2).sum()))
    return normal + math.pi / 2


def _holds(solid: Mask, grid: Grid, centre: Place, length: float, angle: float) -> bool:
    """Return whether a line of some length lies in a mask throughout."""
    x, y = lattice(grid)
    along = np.linspace(-0.5, 0.5, 49) * length
    columns = np.rint((centre[0] + along * math.cos(angle) - x[0, 0]) / grid.voxel_mm).astype(int)
    rows = np.rint((y[0, 0] - centre[1] - along * math.sin(angle)) / grid.voxel_mm).astype(int)
    inside = (rows >= 0) & (rows < solid.shape[0]) & (columns >= 0) & (columns < solid.shape[1])
    return bool(inside.all() and solid[rows, columns].all())


DELAMINATION = Delamination("delamination", ("part",), ("polymer", "metal"))
