"""Findings in the kidneys.

Stones of 2 to 10 mm; uric acid measures 200 to 500 HU, calcium oxalate and phosphate 800 to 1600 HU (Mostafavi et al.,
J Urol 1998; Nakada et al., J Endourol 2000). They lie in the collecting system: in a calyx or the pelvis.
"""

import math
from dataclasses import dataclass

import numpy as np

from svct.geometry.grid import Grid
from svct.tasks.findings.anatomy import Labels, close, depth, organ, pick, pieces, side_of
from svct.tasks.findings.finding import Finding, Part
from svct.tasks.findings.kinds import FindingKind, draw, grades
from svct.tasks.findings.outline import Points, band, blob, outline_of, pixel_centres

KIDNEY = ("kidney", "fluid", "fat", "vessel")
SINUS_HU = -20.0


@dataclass(frozen=True)
class Stone(FindingKind):
    """A stone in the sinus of a kidney.

    Args:
        diameter_mm: Least and greatest diameter, mm.
    """

    diameter_mm: tuple[float, float] = (2.0, 10.0)

    def propose(self, labels: Labels, grid: Grid, rng: np.random.Generator) -> Finding | None:
        """Draw a stone; see `FindingKind.propose`."""
        acid = bool(rng.random() < 0.2)
        size, hu = draw(rng, *self.diameter_mm), draw(rng, 200.0, 500.0) if acid else draw(rng, 700.0, 1500.0)
        radius, oval, angle = size.value / 2, rng.uniform(0.65, 1.0), rng.uniform(0, math.pi)
        weights = np.zeros(grid.shape)
        for kidney in pieces(organ(labels, "kidney"), grid, 250.0)[:2]:
            hull = close(kidney, 9.0, grid)
            room = (depth(hull, grid) > radius + 4.0) & organ(labels, "fat", "fluid")
            weights += room * (1 + 4.0 * organ(labels, "fluid"))
        centre = pick(weights, grid, rng)
        if centre is None:
            return None
        edge = outline_of(blob(rng, centre, (radius, radius * oval), angle=angle, roughness=0.06))
        return Finding(
            self.name, "kidney", side_of(centre[0], labels, grid), (Part((edge,), hu.value, soft_mm=0.3),), hu.value,
            hu.value - SINUS_HU, "uric acid" if acid else "calcium", *grades(size, hu),
        )  # fmt: skip


@dataclass(frozen=True)
class ArteryCalcification(FindingKind):
    """Lime in the wall of a renal artery, a line: a stone's lookalike."""

    def propose(self, labels: Labels, grid: Grid, rng: np.random.Generator) -> Finding | None:
        """Draw the line at the hilum; see `FindingKind.propose`."""
        size, hu = draw(rng, 3.0, 9.0), draw(rng, 200.0, 700.0)
        turn, thick, bend = rng.uniform(0, math.pi), rng.uniform(0.9, 1.6), rng.uniform(-0.4, 0.4)
        near = np.zeros(grid.shape, bool)
        for kidney in pieces(organ(labels, "kidney"), grid, 250.0)[:2]:
            hull = close(kidney, 9.0, grid)
            near |= depth(~hull, grid) < 14.0
            near |= hull & (depth(hull, grid) > 4.0)
        vessel = organ(labels, "vessel")
        centre = pick(near & vessel & (depth(vessel, grid) < 2.6), grid, rng)
        if centre is None:
            return None
        t = np.linspace(-0.5, 0.5, 7) * size.value
        line = np.stack([t, bend * t**2 / size.value], 1)
        x, y = pixel_centres(grid)

        def laid(angle: float) -> tuple[float, Points]:
            """Return how much of the line lies in vessel when laid that way, and the line."""
            cos, sin = math.cos(angle), math.sin(angle)
            path = line @ np.array([[cos, sin], [-sin, cos]]) + np.array(centre)
            row = np.clip(np.rint((y[0] - path[:, 1]) / grid.voxel_mm).astype(int), 0, grid.shape[0] - 1)
            column = np.clip(np.rint((path[:, 0] - x[0]) / grid.voxel_mm).astype(int), 0, grid.shape[1] - 1)
            return float(vessel[row, column].mean()), path

        held, path = max((laid(turn + k * math.pi / 12) for k in range(12)), key=lambda found: found[0])
        if held < 0.85:
            return None
        part = Part((outline_of(band(path, thick)),), hu.value, soft_mm=0.3)
        return Finding(
            self.name, "renal artery", side_of(centre[0], labels, grid), (part,), hu.value, hu.value - 45.0, "calcium",
            *grades(size, hu),
        )  # fmt: skip


KIDNEY_STONE = Stone("kidney stone", ("abdomen",), KIDNEY, ("renal artery calcification",))
RENAL_ARTERY_CALCIFICATION = ArteryCalcification("renal artery calcification", ("abdomen",), KIDNEY)
