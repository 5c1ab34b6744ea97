"""Great vessels filled with contrast medium, with and without an embolus.

Pulmonary arteries enhance to 200 to 450 HU (Jones and Wittram, Radiology 2005), a clot measures 30 to 90 HU and fills
part of the lumen (Wittram et al., RadioGraphics 2004 and AJR 2006).
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from svct.geometry.grid import Grid
from svct.tasks.findings.anatomy import Labels, Mask, bridge, depth, disk, lattice, organ, pieces, side_of, smooth
from svct.tasks.findings.finding import Finding, Part, Role
from svct.tasks.findings.kinds import Draw, FindingKind, draw, grades, seed_of
from svct.tasks.findings.outline import blob, contours, coverage, outline_of

BLOOD_HU = 45.0
VESSEL = ("vessel",)


def great_vessels(labels: Labels, grid: Grid, *, off_spine: bool = False) -> list[Mask]:
    """Return the vessels of the chest that are at least 8 mm wide, largest first.

    Args:
        labels: Label map.
        grid: Its grid.
        off_spine: Leave out what lies beside the spine, the descending aorta.
    """
    vessel = organ(labels, "vessel")
    parts = pieces(ndimage.binary_opening(vessel, disk(4.0, grid)) & vessel, grid, 60.0)
    if not off_spine:
        return parts
    spine = ndimage.binary_opening(bridge(organ(labels, "bone"), 1.0, grid), disk(7.0, grid))
    near = ndimage.distance_transform_edt(~spine) * grid.voxel_mm < 14.0 if spine.any() else spine
    return [part for part in parts if not (part & near).any()]


def filling(vessels: list[Mask], grid: Grid, hu: float, seed: int, *, setting: bool) -> Part:
    """Return the contrast medium in some vessels."""
    total = np.zeros(grid.shape, bool)
    for vessel in vessels:
        total |= vessel
    outlines = tuple(map(outline_of, contours(smooth(total, grid, 0.7), grid, 0.5, 20.0)))
    role: Role = "setting" if setting else "sign"
    return Part(outlines, hu, mode="fill", soft_mm=0.6, ripple_hu=6.0, ripple_mm=9.0, seed=seed, role=role)


@dataclass(frozen=True)
class EnhancedVessel(FindingKind):
    """One great vessel filled with contrast medium."""

    def propose(self, labels: Labels, grid: Grid, rng: np.random.Generator) -> Finding | None:
        """Draw the filling of a vessel; see `FindingKind.propose`."""
        hu, seed, which = draw(rng, 200.0, 450.0), seed_of(rng), float(rng.random())
        vessels = great_vessels(labels, grid)
        if not vessels:
            return None
        vessel = vessels[int(which * len(vessels))]
        x, _ = lattice(grid)
        return Finding(
            self.name, "vessel", side_of(float(x[vessel].mean()), labels, grid),
            (filling([vessel], grid, hu.value, seed, setting=False),), hu.value, hu.value - BLOOD_HU, "enhanced",
            *grades(hu),
        )  # fmt: skip


@dataclass(frozen=True)
class Embolus(FindingKind):
    """A clot in a great vessel; contrast medium fills the great vessels in cases without the clot too.

    Label maps do not tell arteries from veins: any great vessel but the one beside the spine may hold the clot.

    Args:
        share: Least and greatest diameter as a part of the vessel's.
        hu: Least and greatest CT number of the clot, HU; with `mixing` its difference from the blood around it.
        mixing: Whether it is unmixed blood instead, a faint smooth dip: the lookalike.
    """

    share: tuple[float, float] = (0.35, 0.75)
    hu: tuple[float, float] = (90.0, 30.0)
    mixing: bool = False

    def propose(self, labels: Labels, grid: Grid, rng: np.random.Generator) -> Finding | None:
        """Draw a clot; see `FindingKind.propose`."""
        medium, share, hu = draw(rng, 250.0, 450.0), draw(rng, *self.share), draw(rng, *self.hu)
        which, away, turn, oval = rng.random(), rng.uniform(0.0, 1.0), rng.uniform(0, 2 * math.pi), rng.uniform(0.6, 1)
        seed = seed_of(rng)
        vessels = great_vessels(labels, grid, off_spine=True)
        if not vessels:
            return None
        vessel = vessels[int(which * len(vessels))]
        inner = depth(vessel, grid)
        x, y = lattice(grid)
        middle = np.unravel_index(int(np.argmax(inner)), inner.shape)
        lumen = float(inner[middle])
        radius = share.value * lumen
        shift = away * (lumen - 0.6 * radius)
        centre = (float(x[middle]) + shift * math.cos(turn), float(y[middle]) + shift * math.sin(turn))
        edge = blob(rng, centre, (radius, radius * oval), angle=turn + math.pi / 2, roughness=0.06)
        window, part = coverage([outline_of(edge)], grid)
        inside = np.zeros(grid.shape)
        inside[window] = part
        held = contours(np.minimum(inside, smooth(vessel, grid, 0.7)), grid, 0.5, 6.0)
        if not held:
            return None
        outlines = tuple(map(outline_of, held))
        if self.mixing:
            clot = Part(outlines, hu.value, mode="add", soft_mm=2.5)
            attenuation = medium.value + hu.value
        else:
            clot = Part(outlines, hu.value, soft_mm=0.6, ripple_hu=5.0, seed=seed)
            attenuation = hu.value
        contrast = Draw(attenuation - medium.value, (share.part + medium.part) / 2)
        parts = (filling(great_vessels(labels, grid), grid, medium.value, seed + 1, setting=True), clot)
        return Finding(
            self.name, "vessel", side_of(centre[0], labels, grid), parts, attenuation, contrast.value,
            "mixed blood" if self.mixing else "clot", *grades(share, contrast),
        )  # fmt: skip


ENHANCED_VESSEL = EnhancedVessel("enhanced vessel", ("chest",), VESSEL)
EMBOLUS = Embolus("embolus", ("chest",), VESSEL, ("contrast mixing",))
CONTRAST_MIXING = Embolus("contrast mixing", ("chest",), VESSEL, share=(0.5, 0.9), hu=(-25.0, -60.0), mixing=True)
