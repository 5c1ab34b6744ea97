"""Metal in bone.

Attenuation at 70 keV, the energy at which svct states water (0.0193/mm): titanium, 4.5 g/cm^3, 0.242/mm; cobalt with
28 % chromium and 6 % molybdenum, 8.3 g/cm^3, 0.78/mm (cross-sections of Elam et al., Radiat Phys Chem 2002). Cortical
bone has about 0.05/mm. Screws are 3.5 to 6.5 mm wide, spinal rods 5 to 6.5 mm, prosthetic heads of the shoulder 38 to
52 mm (Robertson et al., J Bone Joint Surg Am 2000). Bone islands measure above 885 HU (Ulano et al., AJR 2016).
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from svct.geometry.grid import Grid
from svct.tasks.findings.anatomy import Labels, Mask, Place, bridge, depth, disk, lattice, organ, pick, pieces, side_of
from svct.tasks.findings.finding import Finding, Part
from svct.tasks.findings.kinds import FindingKind, draw, grades, seed_of
from svct.tasks.findings.outline import Points, blob, outline_of
from svct.units import mu_to_hu

METALS_PER_MM = {"titanium": 0.242, "cobalt-chrome": 0.78}
"""Attenuation, 1/mm."""

BONE_HU = 350.0
BONE = ("bone",)


@dataclass(frozen=True)
class Metal(FindingKind):
    """Something of metal in the thick of a bone.

    Args:
        shape: ``"screw"`` in the plane, ``"rod"`` cut across, or ``"disc"``, the head of a prosthesis.
        width_mm: Least and greatest width, mm.
        cobalt: Chance that it is cobalt-chrome, not titanium.
    """

    shape: str = "screw"
    width_mm: tuple[float, float] = (3.5, 6.5)
    cobalt: float = 0.3

    def propose(self, labels: Labels, grid: Grid, rng: np.random.Generator) -> Finding | None:
        """Draw it in one of the thick bones; see `FindingKind.propose`."""
        metal = "cobalt-chrome" if rng.random() < self.cobalt else "titanium"
        width, long, tilt = draw(rng, *self.width_mm), draw(rng, 1.3, 1.8), rng.uniform(0, math.pi)
        bones = thick_bones(labels, grid, {"screw": 7.0, "rod": width.value / 2, "disc": 14.0}[self.shape])
        if not bones:
            return None
        bone = bones[int(rng.integers(len(bones)))]
        inner = depth(bone, grid)
        x, y = lattice(grid)
        core = np.unravel_index(int(np.argmax(inner)), inner.shape)
        centre: Place | None = (float(x[core]), float(y[core]))
        if self.shape == "rod":
            centre = pick(inner > width.value / 2 + 1.0, grid, rng)
        if centre is None:
            return None
        radius = width.value / 2
        if self.shape == "screw":
            edge = _screw(centre, width.value, long.value * float(inner.max()), organ(labels, "bone"), grid, tilt)
        else:
            radius = min(radius, float(inner.max()) - 0.5) if self.shape == "disc" else radius
            edge = blob(rng, centre, (radius, radius))
        hu = float(mu_to_hu(METALS_PER_MM[metal]))
        return Finding(
            self.name, "bone", side_of(centre[0], labels, grid), (Part((outline_of(edge),), hu),), hu, hu - BONE_HU,
            metal, *grades(width),
        )  # fmt: skip


def thick_bones(labels: Labels, grid: Grid, radius_mm: float) -> list[Mask]:
    """Return the bones that a disc of some radius fits into, canal left out, largest first."""
    thick = ndimage.binary_opening(bridge(organ(labels, "bone"), 1.0, grid), disk(max(radius_mm + 1.5, 5.0), grid))
    return [piece for piece in pieces(thick, grid, 80.0) if float(depth(piece, grid).max()) > radius_mm + 1.0]


def _screw(centre: Place, width: float, length: float, bone: Mask, grid: Grid, tilt: float) -> Points:
    """Return a screw's outline along the direction, of twelve, in which most of it lies in bone."""
    x, y = lattice(grid)
    along = np.linspace(-0.5, 0.5, 41) * length

    def inside(angle: float) -> float:
        column = np.rint((centre[0] + along * math.cos(angle) - x[0, 0]) / grid.voxel_mm).astype(int)
        row = np.rint((y[0, 0] - centre[1] - along * math.sin(angle)) / grid.voxel_mm).astype(int)
        return float(bone[np.clip(row, 0, bone.shape[0] - 1), np.clip(column, 0, bone.shape[1] - 1)].mean())

    angle = max((tilt + k * math.pi / 6 for k in range(12)), key=inside)
    half, core, head = width / 2, 0.38 * width, 0.8 * width
    pitch = max(1.75, width / 3)
    teeth = np.arange(-length / 2 + head, length / 2 - width, pitch / 2)
    upper = [(-length / 2, head), (-length / 2 + 0.55 * width, head), (-length / 2 + 0.6 * width, core)]
    upper += [(t, half if k % 2 else core) for k, t in enumerate(teeth)] + [(length / 2, 0.1 * width)]
    shape = np.array(upper + [(a, -b) for a, b in upper[::-1]])
    cos, sin = math.cos(angle), math.sin(angle)
    return np.stack([centre[0] + shape @ [cos, -sin], centre[1] + shape @ [sin, cos]], 1)


@dataclass(frozen=True)
class BoneIsland(FindingKind):
    """A spot of compact bone in spongy bone: what metal is not."""

    def propose(self, labels: Labels, grid: Grid, rng: np.random.Generator) -> Finding | None:
        """Draw a bone island; see `FindingKind.propose`."""
        size, hu = draw(rng, 4.0, 11.0), draw(rng, 900.0, 1400.0)
        angle, oval, seed = rng.uniform(0, math.pi), rng.uniform(0.6, 1.0), seed_of(rng)
        room = np.zeros(grid.shape, bool)
        for bone in thick_bones(labels, grid, size.value / 2):
            room |= depth(bone, grid) > size.value / 2 + 2.0
        centre = pick(room, grid, rng)
        if centre is None:
            return None
        edge = blob(rng, centre, (size.value / 2, size.value / 2 * oval), angle=angle, roughness=0.1)
        part = Part((outline_of(edge),), hu.value, soft_mm=0.7, ripple_hu=20.0, seed=seed)
        return Finding(
            self.name, "bone", side_of(centre[0], labels, grid), (part,), hu.value, hu.value - BONE_HU, "compact bone",
            *grades(size, hu),
        )  # fmt: skip


SPINE = ("abdomen", "chest", "shoulder")
METAL_SCREW = Metal("metal screw", SPINE, BONE, ("bone island",))
METAL_ROD = Metal("metal rod", SPINE, BONE, ("bone island",), shape="rod", width_mm=(5.0, 6.5))
METAL_DISC = Metal("metal disc", ("shoulder",), BONE, ("bone island",), shape="disc", width_mm=(38.0, 52.0), cobalt=0.8)
BONE_ISLAND = BoneIsland("bone island", SPINE, BONE)
