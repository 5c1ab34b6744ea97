"""Findings in the pleural space.

Effusion: fluid lies lowest in a lying patient; transudates measure about 0 to 20 HU and exudates up to 40 HU (Nandalur
et al., AJR 2005), depth below 3 cm counts as small (Moy et al., Chest 2013). Pneumothorax: air in front of and beside
the lung, 8 to 40 mm wide, bounded by the visceral pleura, a line below 1 mm (MacDuff et al., Thorax 2010, BTS).
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from svct.geometry.grid import Grid
from svct.tasks.findings.anatomy import Labels, Mask, depth, largest, lattice, rimmed, smooth
from svct.tasks.findings.finding import Finding, Part
from svct.tasks.findings.kinds import FindingKind, draw, grades, seed_of
from svct.tasks.findings.lung import LUNG, LUNG_HU, choose_lung, spread, wavy
from svct.tasks.findings.outline import ANY, Points, band, contours, outline_of

AIR_HU = -1000.0


@dataclass(frozen=True)
class Effusion(FindingKind):
    """Fluid behind the lung, deepest at the back, its surface hollow towards the lung.

    Args:
        depth_mm: Least and greatest depth, mm.
        hu: Least and greatest CT number, HU.
        texture: In a word.
    """

    depth_mm: tuple[float, float] = (8.0, 45.0)
    hu: tuple[float, float] = (0.0, 35.0)
    texture: str = "fluid"

    def propose(self, labels: Labels, grid: Grid, rng: np.random.Generator) -> Finding | None:
        """Draw an effusion on one side; see `FindingKind.propose`."""
        size, hu = draw(rng, *self.depth_mm), draw(rng, *self.hu)
        lung, climb, seed = choose_lung(labels, grid, rng), rng.uniform(0.25, 0.6), seed_of(rng)
        noise = wavy(rng, grid, 40.0)
        if lung is None:
            return None
        x, y = lattice(grid)
        back, front = float(y[lung].min()), float(y[lung].max())
        wide = (float(x[lung].max()) - float(x[lung].min())) / 2
        middle = float(x[lung & (y < back + 0.3 * (front - back))].mean())
        # The film thins out as it climbs along the chest wall; none runs along the mediastinum.
        film = size.value * np.clip(1 - (y - back) / (2.2 * size.value + 12.0), 0, 1) * (0.8 + 0.05 * noise)
        level = size.value + climb * size.value * np.minimum(((x - middle) / wide) ** 2, 1.0) + noise
        away = abs(x - float(x[labels > 0].mean()))
        film *= np.clip((away - float(np.median(away[lung]))) / (0.5 * wide) + 0.6, 0, 1)
        shape = lung & ((depth(lung, grid) < film) | (y - back < 0.55 * level))
        whole = largest(shape & (y - back < 2.4 * size.value))
        if whole is None or whole.sum() * grid.voxel_mm**2 < 8 * size.value:
            return None
        parts = rimmed(
            whole, lung, grid, Part(ANY, hu.value, mode="fill", soft_mm=0.6, ripple_hu=2.0, seed=seed), blur_mm=0.7
        )
        if not parts:
            return None
        side = spread(labels, grid, (float(x[lung].mean()), 0.0))
        return Finding(
            self.name, "pleura", side, tuple(parts), hu.value, hu.value - LUNG_HU, self.texture, *grades(size)
        )


@dataclass(frozen=True)
class Pneumothorax(FindingKind):
    """Air between the chest wall and a lung that has shrunk towards its root."""

    def propose(self, labels: Labels, grid: Grid, rng: np.random.Generator) -> Finding | None:
        """Draw a pneumothorax on one side; see `FindingKind.propose`."""
        size, line = draw(rng, 8.0, 40.0), float(rng.uniform(0.6, 0.95))
        lung, drop = choose_lung(labels, grid, rng), rng.uniform(0.0, 0.25)
        noise = wavy(rng, grid, 60.0)
        if lung is None:
            return None
        x, y = lattice(grid)
        side = spread(labels, grid, (float(x[lung].mean()), 0.0))
        back, front = float(y[lung].min()), float(y[lung].max())
        inward = 1.0 if side == "right" else -1.0
        root = (
            float(x[lung].mean()) + inward * 0.3 * (float(x[lung].max()) - float(x[lung].min())),
            back + drop * (front - back),
        )
        shrink = size.value / max(front - root[1], size.value + 20.0)
        shrunk = _shrunk(lung, root, 1 - shrink, grid)
        room = lung & ~shrunk & (depth(lung, grid) > 0) & (_room(lung, shrunk, grid) + 0.6 * noise > 1.5)
        gap = largest(room & (y > back + 0.15 * (front - back)))
        if gap is None or gap.sum() * grid.voxel_mm**2 < 12 * size.value:
            return None
        outlines = contours(smooth(gap, grid, 1.0), grid, 0.5, 30.0)
        rest = smooth(lung & ~gap, grid, 1.0)
        parts = [Part(tuple(map(outline_of, outlines)), AIR_HU + 5, soft_mm=0.4)]
        for points in contours(rest, grid, 0.5, 300.0):
            strip = _beside(points, gap, lung, grid)
            parts += [Part((outline_of(band(s, line)),), -60.0, mode="fill", soft_mm=0.3, role="beside") for s in strip]
        return Finding(self.name, "pleura", side, tuple(parts), AIR_HU + 5, AIR_HU + 5 - LUNG_HU, "air", *grades(size))


def _shrunk(lung: Mask, root: tuple[float, float], scale: float, grid: Grid) -> Mask:
    """Return a mask scaled about a place."""
    x, y = lattice(grid)
    row = (y[0, 0] - (root[1] + (y - root[1]) / scale)) / grid.voxel_mm
    column = ((root[0] + (x - root[0]) / scale) - x[0, 0]) / grid.voxel_mm
    return np.asarray(ndimage.map_coordinates(lung.astype(np.float32), [row, column], order=1) > 0.5) & lung


def _room(lung: Mask, shrunk: Mask, grid: Grid) -> Points:
    """Return the width of the gap that each pixel lies in, mm: its distances to both borders."""
    return np.asarray(depth(lung, grid) + ndimage.distance_transform_edt(~shrunk) * grid.voxel_mm)


def _beside(points: Points, gap: Mask, lung: Mask, grid: Grid) -> list[Points]:
    """Return the stretches of an outline that border on the gap and lie inside the lung."""
    x, y = lattice(grid)
    row = (y[0, 0] - points[:, 1]) / grid.voxel_mm
    column = (points[:, 0] - x[0, 0]) / grid.voxel_mm
    near = ndimage.map_coordinates(ndimage.distance_transform_edt(~gap) * grid.voxel_mm, [row, column], order=1) < 2.0
    inside = ndimage.map_coordinates(depth(lung, grid), [row, column], order=1) > 2.0
    keep = near & inside
    if keep.all():
        return [points]
    start = int(np.argmin(keep))
    keep, points = np.roll(keep, -start), np.roll(points, -start, axis=0)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], keep.astype(int), [0]])))
    return [points[a:b] for a, b in edges.reshape(-1, 2) if b - a >= 4]


EFFUSION = Effusion("effusion", ("chest",), LUNG, ("pleural thickening",))
PLEURAL_THICKENING = Effusion(
    "pleural thickening", ("chest",), LUNG, depth_mm=(2.5, 5.0), hu=(40.0, 70.0), texture="solid"
)
PNEUMOTHORAX = Pneumothorax("pneumothorax", ("chest",), LUNG, ("bulla",))
