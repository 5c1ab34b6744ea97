"""Findings in the head.

Acute blood measures 50 to 85 HU, with a rim of oedema (Kidwell and Wintermark, Lancet Neurol 2008). A subdural
haematoma is a crescent of 4 to 20 mm that follows the hemisphere, an epidural one a lens held by the sutures
(Provenzale, Emerg Radiol 2007). Ischaemic brain loses about 2 HU for each per cent of water that it takes up, 4 to 14
HU in the first hours (Dzialowski et al., J Neuroimaging 2004). A fracture is a gap of 0.8 to 2.5 mm through both
tables; a suture is narrower, toothed and has dense edges (Sanchez et al., Emerg Radiol 2010). Physiological lime
measures 80 to 300 HU.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import convex_hull_image

from svct.geometry.grid import Grid
from svct.tasks.findings.anatomy import (
    BRAIN,
    Labels,
    Mask,
    clipped,
    close,
    depth,
    disk,
    largest,
    lattice,
    organ,
    pick,
    rimmed,
    side_of,
    smooth,
)
from svct.tasks.findings.finding import Finding, Part
from svct.tasks.findings.kinds import FindingKind, draw, grades, seed_of
from svct.tasks.findings.lung import wavy
from svct.tasks.findings.outline import ANY, band, blob, contours, outline_of

BRAIN_HU = 33.0
INSIDE = (*BRAIN, "vessel")


def cranial_cavity(labels: Labels, grid: Grid) -> Mask | None:
    """Return what lies inside the skull."""
    return largest(close(organ(labels, *INSIDE), 2.0, grid) & ~organ(labels, "bone", "air"))


def polar(mask: Mask, grid: Grid) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[float, float]]:
    """Return distance from the middle of a mask and direction of each pixel, and that middle, mm and radians."""
    x, y = lattice(grid)
    middle = (float(x[mask].mean()), float(y[mask].mean()))
    return np.hypot(x - middle[0], y - middle[1]), np.arctan2(y - middle[1], x - middle[0]), middle


def off(direction: NDArray[np.float64], towards: float) -> NDArray[np.float64]:
    """Return how far directions turn away from one, -pi to pi."""
    return np.asarray((direction - towards + np.pi) % (2 * np.pi) - np.pi)


@dataclass(frozen=True)
class InBrain(FindingKind):
    """A round finding inside the brain.

    Args:
        diameter_mm: Least and greatest diameter, mm.
        hu: Faintest and strongest CT number, HU.
        roughness: Of the edge, as a part of the radius.
        oedema: Whether swollen brain surrounds it.
        texture: In a word.
    """

    diameter_mm: tuple[float, float] = (8.0, 40.0)
    hu: tuple[float, float] = (50.0, 85.0)
    roughness: float = 0.09
    oedema: bool = True
    texture: str = "blood"

    def propose(self, labels: Labels, grid: Grid, rng: np.random.Generator) -> Finding | None:
        """Draw it in brain tissue; see `FindingKind.propose`."""
        size, hu, halo = draw(rng, *self.diameter_mm), draw(rng, *self.hu), draw(rng, 2.0, 7.0)
        radius, oval, angle, seed = size.value / 2, rng.uniform(0.65, 1.0), rng.uniform(0, math.pi), seed_of(rng)
        cavity = cranial_cavity(labels, grid)
        if cavity is None:
            return None
        centre = pick(
            (depth(cavity, grid) > 1.1 * radius + 5.0) & organ(labels, "white matter", "grey matter"), grid, rng
        )
        if centre is None:
            return None
        parts = []
        if self.oedema:
            ring = blob(rng, centre, (radius + halo.value, radius * oval + halo.value), angle=angle, roughness=0.07)
            tissue = close(organ(labels, "white matter", "grey matter"), 1.5, grid)
            rim = clipped(ring, tissue & (depth(cavity, grid) > 2.0), grid)
            if rim is not None:
                parts.append(Part((outline_of(rim),), 20.0, opacity=0.75, soft_mm=1.8, role="beside"))
        edge = outline_of(blob(rng, centre, (radius, radius * oval), angle=angle, roughness=self.roughness))
        parts.append(Part((edge,), hu.value, soft_mm=0.7, ripple_hu=3.0, seed=seed))
        return Finding(
            self.name, "brain", side_of(centre[0], labels, grid, middle_mm=5.0), tuple(parts), hu.value,
            hu.value - BRAIN_HU, self.texture, *grades(size, hu),
        )  # fmt: skip


@dataclass(frozen=True)
class AlongSkull(FindingKind):
    """A finding that lies on the inner table of the skull.

    Args:
        thick_mm: Least and greatest thickness, mm.
        half_span: Least and greatest half width, radians seen from the middle of the brain.
        power: How its thickness falls off: small for a crescent, 0.5 and more for a lens.
        hu: Faintest and strongest CT number, HU.
        texture: In a word.
    """

    thick_mm: tuple[float, float] = (4.0, 18.0)
    half_span: tuple[float, float] = (0.65, 1.25)
    power: float = 0.35
    hu: tuple[float, float] = (50.0, 80.0)
    texture: str = "blood"

    def propose(self, labels: Labels, grid: Grid, rng: np.random.Generator) -> Finding | None:
        """Draw it along one hemisphere; see `FindingKind.propose`."""
        size, hu, span = draw(rng, *self.thick_mm), draw(rng, *self.hu), float(rng.uniform(*self.half_span))
        left, sway, seed, noise = bool(rng.random() < 0.5), rng.uniform(-0.6, 0.6), seed_of(rng), wavy(rng, grid, 30.0)
        cavity = cranial_cavity(labels, grid)
        if cavity is None:
            return None
        _, direction, middle = polar(cavity, grid)
        x, _ = lattice(grid)
        vault = convex_hull_image(cavity)  # type: ignore[no-untyped-call]
        towards = sway if left else math.pi - sway
        fall = np.clip(1 - (off(direction, towards) / span) ** 2, 0, 1) ** self.power
        half = x > middle[0] + 4 if left else x < middle[0] - 4
        shape = largest(cavity & half & (depth(vault, grid) < size.value * fall + 0.5 * noise * fall))
        if shape is None or shape.sum() * grid.voxel_mm**2 < 4 * size.value:
            return None
        part = Part(ANY, hu.value, mode="fill", soft_mm=0.4, ripple_hu=3.0, ripple_mm=9.0, seed=seed)
        parts = rimmed(shape, cavity, grid, part, blur_mm=0.5, over_mm=0.8)
        if not parts:
            return None
        return Finding(
            self.name, "dura", "left" if left else "right", tuple(parts), hu.value, hu.value - BRAIN_HU, self.texture,
            *grades(size, hu),
        )  # fmt: skip


@dataclass(frozen=True)
class Ischaemia(FindingKind):
    """Brain without blood: a wedge of an artery's territory, a little darker."""

    def propose(self, labels: Labels, grid: Grid, rng: np.random.Generator) -> Finding | None:
        """Draw the wedge in one hemisphere; see `FindingKind.propose`."""
        size, hu, tip = draw(rng, 0.22, 0.7), draw(rng, -4.0, -14.0), float(rng.uniform(0.3, 0.6))
        left, sway = bool(rng.random() < 0.5), rng.uniform(-0.9, 0.9)
        noise = wavy(rng, grid, 18.0) + 0.6 * wavy(rng, grid, 7.0)
        cavity = cranial_cavity(labels, grid)
        if cavity is None:
            return None
        away, direction, middle = polar(cavity, grid)
        x, _ = lattice(grid)
        tissue = close(organ(labels, "white matter", "grey matter"), 1.2, grid) & cavity
        tissue &= ~ndimage.binary_opening(organ(labels, "fluid"), disk(1.5, grid))
        towards = sway if left else math.pi - sway
        reach = away / (away + depth(cavity, grid))
        inside = np.minimum(size.value - np.abs(off(direction, towards)), 1.4 * (reach - tip)) + 0.05 * noise > 0
        half = x > middle[0] + 3 if left else x < middle[0] - 3
        shape = largest(tissue & inside & half)
        if shape is None or shape.sum() * grid.voxel_mm**2 < 200:
            return None
        outlines = tuple(map(outline_of, contours(smooth(shape, grid, 1.2), grid, 0.5, 25.0)))
        part = Part(outlines, hu.value, mode="add", soft_mm=2.0)
        return Finding(
            self.name, "brain", "left" if left else "right", (part,), BRAIN_HU + hu.value, hu.value, "oedema",
            *grades(size, hu),
        )  # fmt: skip


@dataclass(frozen=True)
class Crack(FindingKind):
    """A gap through the vault of the skull.

    Args:
        gap_mm: Least and greatest width, mm.
        teeth_mm: How far it swings from side to side, mm.
        opacity: How much bone is missing in it.
        edges: Whether dense bone lines it.
        texture: In a word.
    """

    gap_mm: tuple[float, float] = (0.8, 2.5)
    teeth_mm: float = 0.3
    opacity: float = 1.0
    edges: bool = False
    texture: str = "gap"

    def propose(self, labels: Labels, grid: Grid, rng: np.random.Generator) -> Finding | None:
        """Draw a gap where both tables can be followed; see `FindingKind.propose`."""
        size, hu, slant = draw(rng, *self.gap_mm), draw(rng, 60.0, -60.0), rng.uniform(-0.09, 0.09)
        towards, swing = rng.uniform(-math.pi, math.pi, 12), rng.normal(0, self.teeth_mm, 9)
        cavity = cranial_cavity(labels, grid)
        if cavity is None:
            return None
        bone = organ(labels, "bone")
        middle = polar(cavity, grid)[2]
        for angle in towards:
            ends = _tables(bone, middle, float(angle), grid)
            if ends is None:
                continue
            t = np.linspace(0, 1, 9)
            turn = angle + slant * (t - 0.5)
            along = ends[0] + t * (ends[1] - ends[0])
            teeth = swing * np.where(np.arange(9) % 2, 1, -1) if self.edges else swing
            teeth[[0, -1]] *= 0.3
            path = np.array(middle) + along[:, None] * np.stack([np.cos(turn), np.sin(turn)], 1)
            path += teeth[:, None] * np.stack([-np.sin(turn), np.cos(turn)], 1)
            gap = Part((outline_of(band(path, size.value)),), hu.value, opacity=self.opacity, soft_mm=0.2)
            lined = [Part((outline_of(band(path, size.value + 3.0)),), 180.0, mode="add", soft_mm=0.5, role="beside")]
            attenuation = self.opacity * hu.value + (1 - self.opacity) * 900.0
            return Finding(
                self.name, "skull", side_of(float(path[4, 0]), labels, grid, middle_mm=5.0),
                tuple(lined * self.edges + [gap]), attenuation, attenuation - 900.0, self.texture, *grades(size),
            )  # fmt: skip
        return None


def _tables(bone: Mask, middle: tuple[float, float], angle: float, grid: Grid) -> tuple[float, float] | None:
    """Return the distances from the middle at which a ray enters and leaves a single shell of bone, mm."""
    x, y = lattice(grid)
    steps = np.arange(20.0, 130.0, 0.25)
    row = np.rint((y[0, 0] - middle[1] - steps * math.sin(angle)) / grid.voxel_mm).astype(int)
    column = np.rint((middle[0] + steps * math.cos(angle) - x[0, 0]) / grid.voxel_mm).astype(int)
    valid = (row >= 0) & (row < bone.shape[0]) & (column >= 0) & (column < bone.shape[1])
    hit = np.zeros(len(steps), bool)
    hit[valid] = bone[row[valid], column[valid]]
    edges = np.flatnonzero(np.diff(np.concatenate([[0], hit.astype(int), [0]])))
    if len(edges) != 2 or not 3.0 < (edges[1] - edges[0]) * 0.25 < 14.0:
        return None
    return float(steps[edges[0]]), float(steps[edges[1] - 1])


CAVITY = (*INSIDE, "bone")
INTRAPARENCHYMAL = InBrain("intraparenchymal haemorrhage", ("head",), INSIDE, ("brain calcification",))
BRAIN_CALCIFICATION = InBrain(
    "brain calcification", ("head",), INSIDE,
    diameter_mm=(2.5, 8.0), hu=(90.0, 300.0), roughness=0.12, oedema=False, texture="calcium",
)  # fmt: skip
LACUNE = InBrain(
    "lacune", ("head",), INSIDE,
    diameter_mm=(3.0, 12.0), hu=(14.0, 6.0), roughness=0.05, oedema=False, texture="fluid",
)  # fmt: skip
SUBDURAL = AlongSkull("subdural haemorrhage", ("head",), CAVITY, ("dural calcification",))
EPIDURAL = AlongSkull(
    "epidural haemorrhage", ("head",), CAVITY, ("dural calcification",),
    thick_mm=(6.0, 24.0), half_span=(0.32, 0.55), power=0.6,
)  # fmt: skip
DURAL_CALCIFICATION = AlongSkull(
    "dural calcification", ("head",), CAVITY,
    thick_mm=(2.0, 4.0), half_span=(0.08, 0.25), power=0.4, hu=(120.0, 400.0), texture="calcium",
)  # fmt: skip
ISCHAEMIA = Ischaemia("ischaemia", ("head",), INSIDE, ("lacune",))
SKULL_FRACTURE = Crack("skull fracture", ("head",), ("bone",), ("suture",))
SUTURE = Crack(
    "suture", ("head",), ("bone",), gap_mm=(0.4, 0.8), teeth_mm=0.9, opacity=0.6, edges=True, texture="toothed"
)
