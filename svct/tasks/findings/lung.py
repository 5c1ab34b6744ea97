"""Findings in the lungs.

Sizes and CT numbers: solid, part-solid and ground-glass nodules up to 30 mm with 4 mm as the least that is reported
(MacMahon et al., Radiology 2017, Fleischner Society); ground-glass about -750 to -300 HU and solid parts above -300 HU
(Henschke et al., AJR 2002; de Hoop et al., Radiology 2010); calcified nodules above 164 HU (Siegelman et
al., Radiology 1986); emphysema below -950 HU (Gevenois et al., AJRCCM 1996); a bulla is over 10 mm wide with a wall
below 1 mm, and consolidation hides the vessels (Hansell et al., Radiology 2008, Fleischner glossary).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svct.geometry.grid import Grid
from svct.tasks.findings.anatomy import (
    Labels,
    Mask,
    Place,
    clipped,
    depth,
    largest,
    lattice,
    lungs,
    organ,
    pick,
    rimmed,
    side_of,
)
from svct.tasks.findings.finding import Finding, Part
from svct.tasks.findings.kinds import FindingKind, draw, grades, seed_of
from svct.tasks.findings.outline import ANY, band, blob, contours, outline_of
from svct.tasks.phantoms.texture import random_field

LUNG_HU = -860.0
"""What lung tissue usually measures, HU."""

LUNG = ("lung", "vessel", "airway", "nodule")


def lung_place(labels: Labels, grid: Grid, rng: np.random.Generator, clear_mm: float) -> Place | None:
    """Draw a place in lung tissue that far from the pleura and from larger vessels."""
    inside = np.zeros(grid.shape, bool)
    for lung in lungs(labels, grid):
        inside |= depth(lung, grid) > clear_mm
    return pick(inside & organ(labels, "lung"), grid, rng)


def spread(labels: Labels, grid: Grid, centre: Place) -> str:
    """Return the side of a place in the lungs, which is never the middle."""
    return side_of(centre[0], labels, grid, middle_mm=0.0)


@dataclass(frozen=True)
class Nodule(FindingKind):
    """A round opacity.

    Args:
        diameter_mm: Least and greatest diameter, mm.
        hu: Least and greatest CT number of its solid tissue, HU.
        haze: Least and greatest opacity of ground glass; 1 for a solid nodule.
        core: Least and greatest diameter of a solid core as a part of the whole; 0 for none.
        roughness: Of the edge, as a part of the radius.
        texture: In a word.
    """

    diameter_mm: tuple[float, float] = (4.0, 14.0)
    hu: tuple[float, float] = (-20.0, 80.0)
    haze: tuple[float, float] = (1.0, 1.0)
    core: tuple[float, float] = (0.0, 0.0)
    roughness: float = 0.05
    texture: str = "solid"

    def propose(self, labels: Labels, grid: Grid, rng: np.random.Generator) -> Finding | None:
        """Draw a nodule in lung tissue, clear of the pleura; see `FindingKind.propose`."""
        size, hu, haze, core = (draw(rng, *r) for r in (self.diameter_mm, self.hu, self.haze, self.core))
        radius, oval, angle = size.value / 2, rng.uniform(0.8, 1.0), rng.uniform(0, math.pi)
        rough = self.roughness * rng.uniform(0.5, 1.8)
        centre = lung_place(labels, grid, rng, 1.15 * radius + 1.5)
        if centre is None:
            return None
        glass = self.haze[0] < 1
        edge = blob(rng, centre, (radius, radius * oval), angle=angle, roughness=rough)
        parts = [
            Part(
                (outline_of(edge),),
                hu.value,
                opacity=haze.value,
                soft_mm=1.2 if glass else 0.5,
                ripple_hu=60.0 if glass else 6.0,
                ripple_mm=4.0,
                seed=seed_of(rng),
            )
        ]
        if self.core[1] > 0:
            inner = radius * core.value
            away, turn = rng.uniform(0, 0.6 * (radius * oval - inner)), rng.uniform(0, 2 * math.pi)
            at = (centre[0] + away * math.cos(turn), centre[1] + away * math.sin(turn))
            solid = blob(rng, at, (inner, inner * rng.uniform(0.75, 1.0)), angle=angle, roughness=rough)
            parts.append(Part((outline_of(solid),), hu.value, soft_mm=0.5, ripple_hu=6.0, seed=seed_of(rng)))
        attenuation = haze.value * hu.value + (1 - haze.value) * LUNG_HU
        return Finding(
            self.name, "lung", spread(labels, grid, centre), tuple(parts), attenuation, attenuation - LUNG_HU,
            self.texture, *grades(size, haze if glass else None),
        )  # fmt: skip


@dataclass(frozen=True)
class VesselEndOn(FindingKind):
    """A vessel that crosses the slice near the hilum, with a branch that gives it away: a nodule's lookalike."""

    def propose(self, labels: Labels, grid: Grid, rng: np.random.Generator) -> Finding | None:
        """Draw the vessel; see `FindingKind.propose`."""
        size, hu = draw(rng, 3.0, 7.0), draw(rng, 20.0, 50.0)
        radius = size.value / 2
        centre = lung_place(labels, grid, rng, radius + 9.0)
        if centre is None:
            return None
        turn, length = rng.uniform(0, 2 * math.pi), rng.uniform(6.0, 9.0)
        ends = [(centre[0] + t * math.cos(turn), centre[1] + t * math.sin(turn)) for t in (0.0, length / 2, length)]
        tail = band(np.array(ends), np.array([0.9, 0.6, 0.3]) * radius)
        edge = outline_of(blob(rng, centre, (radius, radius * rng.uniform(0.85, 1.0)), angle=turn, roughness=0.02))
        parts = (
            Part((edge,), hu.value, soft_mm=0.5),
            Part((outline_of(tail),), hu.value, soft_mm=0.5, mode="fill", role="beside"),
        )
        return Finding(
            self.name,
            "lung",
            spread(labels, grid, centre),
            parts,
            hu.value,
            hu.value - LUNG_HU,
            "solid",
            *grades(size),
        )


def choose_lung(labels: Labels, grid: Grid, rng: np.random.Generator) -> Mask | None:
    """Draw one of the lungs, the larger more often."""
    both = lungs(labels, grid)
    if not both:
        return None
    area = np.array([mask.sum() for mask in both], float)
    return both[int(rng.choice(len(both), p=area / area.sum()))]


def wavy(rng: np.random.Generator, grid: Grid, wavelength_mm: float) -> NDArray[np.float64]:
    """Return a random field of unit variance on a grid."""
    x, y = lattice(grid)
    noise = random_field(rng, wavelength_mm)
    return noise.on_lattice(x[0], y[:, 0], centre=(0.0, 0.0), angle=0.0).astype(np.float64)


@dataclass(frozen=True)
class Consolidation(FindingKind):
    """Lung filled with fluid, against the pleura, crossed by open airways.

    Args:
        diameter_mm: Least and greatest width, mm.
        flat: Least and greatest depth as a part of the width; well below 1 it lies flat on the pleura.
        back: Only in the lowest part, where a lying patient's lung collapses.
        airways: Whether open airways cross it.
    """

    diameter_mm: tuple[float, float] = (25.0, 70.0)
    flat: tuple[float, float] = (0.6, 1.0)
    back: bool = False
    airways: bool = True

    def propose(self, labels: Labels, grid: Grid, rng: np.random.Generator) -> Finding | None:
        """Draw a consolidation at the pleura; see `FindingKind.propose`."""
        size, hu, flat = draw(rng, *self.diameter_mm), draw(rng, 10.0, 50.0), float(rng.uniform(*self.flat))
        lung = choose_lung(labels, grid, rng)
        noise, seed = wavy(rng, grid, 14.0) + 0.6 * wavy(rng, grid, 6.0), seed_of(rng)
        if lung is None:
            return None
        inner = depth(lung, grid)
        x, y = lattice(grid)
        rim = lung & (inner < 3.0)
        if self.back:
            rim &= y < np.quantile(y[lung], 0.12)
        centre = pick(rim, grid, rng)
        if centre is None:
            return None
        away = np.hypot(x - centre[0], y - centre[1])
        reach = np.maximum(away / (size.value / 2), inner / (size.value * flat / 1.6))
        shape = largest(lung & (1 - reach + 0.10 * noise > 0))
        if shape is None or shape.sum() * grid.voxel_mm**2 < 0.12 * size.value**2 * flat:
            return None
        parts = rimmed(
            shape, lung, grid, Part(ANY, hu.value, opacity=0.96, mode="fill", soft_mm=1.5, ripple_hu=8.0, seed=seed)
        )
        if not parts:
            return None
        if self.airways:
            parts += _bronchogram(rng, shape, inner, centre, grid)
        return Finding(
            self.name, "lung", spread(labels, grid, centre), tuple(parts), hu.value, hu.value - LUNG_HU,
            "consolidated", *grades(size),
        )  # fmt: skip


def _bronchogram(
    rng: np.random.Generator, shape: Mask, inner: NDArray[np.float64], pleura: Place, grid: Grid
) -> list[Part]:
    """Return open airways that run from deep in the shape towards the pleura."""
    x, y = lattice(grid)
    strips = []
    start = np.unravel_index(int(np.argmax(np.where(shape, inner, -1.0))), shape.shape)
    root = np.array([x[start], y[start]])
    heading = math.atan2(pleura[1] - root[1], pleura[0] - root[0])
    for fan in np.linspace(-0.8, 0.8, int(rng.integers(2, 5))):
        points, at, turn = [], root.copy(), heading + fan + rng.normal(0, 0.15)
        for _ in range(int(rng.integers(4, 8))):
            row, column = round((y[0, 0] - at[1]) / grid.voxel_mm), round((at[0] - x[0, 0]) / grid.voxel_mm)
            if not (0 <= row < shape.shape[0] and 0 <= column < shape.shape[1] and shape[row, column]):
                break
            points.append(at.copy())
            turn += rng.normal(0, 0.2)
            at = at + 4.0 * np.array([math.cos(turn), math.sin(turn)])
        if len(points) >= 3:
            width = rng.uniform(1.6, 2.6) * np.linspace(1.0, 0.5, len(points))
            strips.append(outline_of(band(np.array(points), width)))
    return [Part((strip,), -850.0, opacity=0.9, soft_mm=0.5, role="beside") for strip in strips]


@dataclass(frozen=True)
class Emphysema(FindingKind):
    """Lung tissue lost in many small holes.

    Args:
        part: Least and greatest part of the lung that is lost.
        opacity: Least and greatest loss of tissue within a hole.
        hole_mm: Least and greatest distance of the holes, mm.
    """

    part: tuple[float, float] = (0.08, 0.40)
    opacity: tuple[float, float] = (0.6, 0.9)
    hole_mm: tuple[float, float] = (9.0, 16.0)

    def propose(self, labels: Labels, grid: Grid, rng: np.random.Generator) -> Finding | None:
        """Draw holes in one lung, more towards the front, where the apices' disease lies; see `FindingKind.propose`."""
        part, opacity = draw(rng, *self.part), draw(rng, *self.opacity)
        lung = choose_lung(labels, grid, rng)
        noise = wavy(rng, grid, float(rng.uniform(*self.hole_mm))) + 0.5 * wavy(rng, grid, 70.0)
        if lung is None:
            return None
        inside = depth(lung, grid) > 2.5
        if not inside.any():
            return None
        level = float(np.quantile(noise[inside], 1 - part.value))
        shape = np.where(inside, noise - level, -1.0)
        found = contours(shape, grid, 0.0, 6.0)
        if not found:
            return None
        finding_part = Part(tuple(map(outline_of, found)), -1000.0, opacity=opacity.value, soft_mm=0.8)
        attenuation = -1000 * opacity.value + (1 - opacity.value) * LUNG_HU
        x, _ = lattice(grid)
        return Finding(
            self.name, "lung", spread(labels, grid, (float(x[lung].mean()), 0.0)), (finding_part,), attenuation,
            attenuation - LUNG_HU, "rarefied", *grades(part, opacity),
        )  # fmt: skip


@dataclass(frozen=True)
class Bulla(FindingKind):
    """A hole in the lung with a hair-thin wall, mostly below the pleura."""

    def propose(self, labels: Labels, grid: Grid, rng: np.random.Generator) -> Finding | None:
        """Draw a bulla; see `FindingKind.propose`."""
        size = draw(rng, 11.0, 50.0)
        radius, wall = size.value / 2, float(rng.uniform(0.6, 0.95))
        lung = choose_lung(labels, grid, rng)
        if lung is None:
            return None
        inner = depth(lung, grid)
        near = (inner > 0.7 * radius) & (inner < 0.95 * radius + 3.0)
        centre = pick(near, grid, rng)
        if centre is None:
            return None
        edge = blob(rng, centre, (radius, radius * rng.uniform(0.75, 1.0)), angle=rng.uniform(0, 3), roughness=0.03)
        held = clipped(edge, lung & (inner > 1.0), grid)
        if held is None:
            return None
        parts = (
            Part((outline_of(held),), -995.0, soft_mm=0.4),
            Part((outline_of(band(np.concatenate([held, held[:1]]), wall)),), -80.0, mode="fill", role="beside"),
        )
        return Finding(
            self.name, "lung", spread(labels, grid, centre), parts, -995.0, -995.0 - LUNG_HU, "air", *grades(size)
        )


SOLID_NODULE = Nodule("solid nodule", ("chest",), LUNG, ("calcified granuloma", "vessel end-on"))
PART_SOLID_NODULE = Nodule(
    "part-solid nodule", ("chest",), LUNG, ("vessel end-on", "calcified granuloma"),
    diameter_mm=(8.0, 24.0), haze=(0.18, 0.5), core=(0.3, 0.6), roughness=0.09, texture="part-solid",
)  # fmt: skip
GROUND_GLASS_NODULE = Nodule(
    "ground-glass nodule", ("chest",), LUNG, ("vessel end-on", "dependent atelectasis"),
    diameter_mm=(6.0, 24.0), haze=(0.12, 0.45), roughness=0.08, texture="ground-glass",
)  # fmt: skip
CALCIFIED_GRANULOMA = Nodule(
    "calcified granuloma", ("chest",), LUNG, ("vessel end-on",),
    diameter_mm=(3.0, 9.0), hu=(250.0, 900.0), roughness=0.02, texture="calcified",
)  # fmt: skip
VESSEL_END_ON = VesselEndOn("vessel end-on", ("chest",), LUNG)
CONSOLIDATION = Consolidation("consolidation", ("chest",), LUNG, ("dependent atelectasis",))
DEPENDENT_ATELECTASIS = Consolidation(
    "dependent atelectasis", ("chest",), LUNG, diameter_mm=(20.0, 60.0), flat=(0.15, 0.28), back=True, airways=False
)
EMPHYSEMA = Emphysema("emphysema", ("chest",), LUNG, ("air trapping",))
AIR_TRAPPING = Emphysema("air trapping", ("chest",), LUNG, part=(0.1, 0.3), opacity=(0.15, 0.3), hole_mm=(28.0, 45.0))
BULLA = Bulla("bulla", ("chest",), LUNG, ("air trapping",))
