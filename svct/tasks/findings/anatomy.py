"""Where organs are, read from a map of labels on a grid."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from svct.errors import InputError, unknown_name
from svct.geometry.grid import Grid
from svct.tasks.findings.finding import Part
from svct.tasks.findings.outline import Points, contours, coverage, outline_of, pixel_centres, signed_area
from svct.tasks.phantoms.truth import ORGANS

Mask = NDArray[np.bool_]
Labels = NDArray[np.int16]
Place = tuple[float, float]
BRAIN = ("white matter", "grey matter", "fluid", "falx")


def labels_from_masks(masks: Mapping[str, NDArray[np.bool_]]) -> Labels:
    """Return a label map from masks of organs, such as a segmentation of a real slice.

    Args:
        masks: Organ to mask ``(ny, nx)``; later ones lie over earlier ones. Organs are those of
            `svct.tasks.phantoms.truth.ORGANS`.

    Raises:
        UnknownNameError: No such organ.
        InputError: No mask, or masks of different shapes.

    Example:
        >>> int(labels_from_masks({"liver": np.ones((2, 2), bool)})[0, 0]) == ORGANS.index("liver")
        True
    """
    shapes = {mask.shape for mask in masks.values()}
    if len(shapes) != 1:
        raise InputError(f"organ masks: expected one or more of the same shape, got shapes {sorted(shapes)}")
    labels = np.zeros(shapes.pop(), np.int16)
    for organ, mask in masks.items():
        if organ not in ORGANS:
            raise unknown_name("organ", organ, list(ORGANS))
        labels[np.asarray(mask, bool)] = ORGANS.index(organ)
    return labels


def organ(labels: Labels, *names: str) -> Mask:
    """Return where any of some organs is."""
    return np.isin(labels, [ORGANS.index(name) for name in names])


def disk(radius_mm: float, grid: Grid) -> Mask:
    """Return a round structuring element."""
    n = max(1, round(radius_mm / grid.voxel_mm))
    row, column = np.mgrid[-n : n + 1, -n : n + 1]
    return np.asarray(row**2 + column**2 <= (n + 0.3) ** 2)


def close(mask: Mask, radius_mm: float, grid: Grid) -> Mask:
    """Return a mask with gaps up to twice `radius_mm` wide closed and its holes filled."""
    return np.asarray(ndimage.binary_fill_holes(bridge(mask, radius_mm, grid)))


def depth(mask: Mask, grid: Grid) -> NDArray[np.float64]:
    """Return how deep each pixel lies inside a mask, mm; 0 outside."""
    return np.asarray(ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1] * grid.voxel_mm)


def body(labels: Labels) -> Mask:
    """Return the patient with all that is in him."""
    return np.asarray(ndimage.binary_fill_holes(labels > 0))


def side_of(x: float, labels: Labels, grid: Grid, *, middle_mm: float = 8.0) -> str:
    """Return the patient's own side of a place: his right lies at small x.

    Args:
        x: The place, mm.
        labels: Label map.
        grid: Its grid.
        middle_mm: As near as this to the middle of the body counts as the middle.
    """
    xs, _ = pixel_centres(grid)
    columns = np.flatnonzero((labels > 0).any(0))
    if not len(columns):
        return "middle"
    middle = (xs[columns[0]] + xs[columns[-1]]) / 2
    return "middle" if abs(x - middle) < middle_mm else "right" if x < middle else "left"


def bridge(mask: Mask, radius_mm: float, grid: Grid) -> Mask:
    """Return a mask with gaps up to twice `radius_mm` wide closed, its larger holes open."""
    pad = math.ceil(radius_mm / grid.voxel_mm) + 1
    return np.asarray(ndimage.binary_closing(np.pad(mask, pad), disk(radius_mm, grid))[pad:-pad, pad:-pad])


def pieces(mask: Mask, grid: Grid, smallest_mm2: float) -> list[Mask]:
    """Return the connected pieces of a mask that are larger than an area, largest first."""
    labelled, _ = ndimage.label(mask)
    sizes = np.bincount(labelled.ravel())[1:] * grid.voxel_mm**2
    return [labelled == k + 1 for k in np.argsort(-sizes, kind="stable") if sizes[k] > smallest_mm2]


def lungs(labels: Labels, grid: Grid) -> list[Mask]:
    """Return the lungs with their vessels and airways, largest first; two at most."""
    parts = pieces(ndimage.binary_opening(organ(labels, "lung", "nodule", "airway"), disk(1.5, grid)), grid, 1500.0)
    if len(parts) == 1 and (pair := _split(parts[0], labels, grid)):
        parts = pair
    return [close(part, 2.5, grid) for part in parts[:2]]


def _split(mask: Mask, labels: Labels, grid: Grid) -> list[Mask]:
    """Cut lungs that touch before the heart at the middle of the body."""
    columns = np.flatnonzero((labels > 0).any(0))
    middle = (columns[0] + columns[-1] + 1) // 2
    halves = [mask.copy(), mask.copy()]
    halves[0][:, middle:] = False
    halves[1][:, :middle] = False
    kept = [piece for half in halves for piece in pieces(half, grid, 1500.0)[:1]]
    return sorted(kept, key=lambda m: -int(m.sum())) if len(kept) == 2 else []


def pick(weights: Mask | NDArray[np.floating], grid: Grid, rng: np.random.Generator) -> Place | None:
    """Draw a pixel with probability in proportion to its weight and return a place inside it, mm; None without any."""
    flat = np.cumsum(np.asarray(weights, np.float64).ravel())
    draw, dx, dy = rng.random(3)
    if flat[-1] <= 0:
        return None
    row, column = divmod(int(np.searchsorted(flat, draw * flat[-1], side="right")), grid.shape[1])
    x, y = pixel_centres(grid)
    return float(x[column] + (dx - 0.5) * grid.voxel_mm), float(y[row] + (dy - 0.5) * grid.voxel_mm)


def lattice(grid: Grid) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y of every pixel, each ``(ny, nx)``, mm."""
    x, y = pixel_centres(grid)
    return np.meshgrid(x, y)


def smooth(mask: Mask, grid: Grid, sigma_mm: float) -> NDArray[np.float64]:
    """Return a mask blurred, 0 to 1, so that its outline at 0.5 has no steps."""
    return np.asarray(ndimage.gaussian_filter(mask.astype(np.float64), sigma_mm / grid.voxel_mm))


def largest(mask: Mask) -> Mask | None:
    """Return the largest connected piece of a mask; None of an empty one."""
    labelled, count = ndimage.label(mask)
    if not count:
        return None
    return np.asarray(labelled == 1 + int(np.argmax(np.bincount(labelled.ravel())[1:])))


def over_edge(shape: Mask, within: Mask, grid: Grid, over_mm: float = 1.6) -> Mask:
    """Let a shape that touches the edge of an organ reach a little over it.

    So no rim of the organ is left between the shape and the wall; mode ``"fill"`` spares the wall.
    """
    near = np.asarray(ndimage.distance_transform_edt(~shape)) * grid.voxel_mm <= over_mm
    return np.asarray(shape | (near & ~within))


def rimmed(
    shape: Mask, within: Mask, grid: Grid, part: Part, *, blur_mm: float = 1.0, over_mm: float = 1.6
) -> list[Part]:
    """Return a part with the outlines of a mask, and one beside it that closes the gap to the wall it touches.

    Args:
        shape: Where the finding is.
        within: The organ that holds it; only over its edge does the rim reach.
        grid: The grid of both.
        part: All else of the part, with any outlines; mode ``"fill"``, which spares the wall.
        blur_mm: Standard deviation of a blur that takes the steps out of the outlines, mm.
        over_mm: How far the rim reaches, mm.

    Returns:
        The finding's part, then its rim; nothing if the shape is too small for an outline.
    """
    made = []
    for mask, role in ((shape, part.role), (over_edge(shape, within, grid, over_mm), "beside")):
        found = tuple(map(outline_of, contours(smooth(mask, grid, blur_mm), grid, 0.5, 6.0)))
        if not found:
            return []
        made.append(replace(part, outlines=found, role=role))
    return made


def clipped(edge: Points, mask: Mask, grid: Grid, smallest_mm2: float = 30.0) -> Points | None:
    """Return the largest outline of what lies both inside an outline and in a mask; None if that is small."""
    window, share = coverage([outline_of(edge)], grid)
    inside = np.zeros(grid.shape)
    inside[window] = share
    found = contours(np.minimum(inside, smooth(mask, grid, 0.8)), grid, 0.5, smallest_mm2)
    return max(found, key=lambda p: abs(signed_area(p))) if found else None
