"""What a reconstruction invents in a lung, and what it keeps of a nodule that is there."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from scipy import ndimage

from svct.errors import InputError
from svct.geometry.grid import Grid
from svct.tasks.phantoms.truth import ORGANS, Truth
from svct.units import MU_WATER

SIZES_MM = (6.0, 8.0, 10.0)
"""Diameters of the discs that the detector looks for, those of the nodules that a screening follows up."""

THRESHOLD_HU = 100.0
"""Least contrast of a false structure: a faint ground-glass nodule stands 150 to 250 HU above lung, a solid one 850."""

EDGE_MM, VESSEL_MM = 6.0, 4.0
"""How far the detector stays away from the lung's border, and from vessels and airways."""

NODULE_MM, NODULE_HU = 8.0, 600.0
"""Diameter of an inserted nodule, and how far it stands above the lung around it."""

Plane = Float[np.ndarray, "y x"]


@dataclass(frozen=True, eq=False)
class Lung:
    """Where a drawn lung is, and where it has nothing but parenchyma.

    Args:
        grid: The image grid.
        inside: Lung with its vessels and airways, ``(ny, nx)``.
        free: The part of it that the detector looks at, ``(ny, nx)``.
    """

    grid: Grid
    inside: Bool[np.ndarray, "y x"]
    free: Bool[np.ndarray, "y x"]


@dataclass(frozen=True, eq=False)
class Inserted:
    """A nodule that was added to an image.

    Args:
        image: The image with it, 1/mm, ``(ny, nx)``.
        cover: How much of each pixel it covers, ``(ny, nx)``.
        contrast: What it adds where it covers all of a pixel, 1/mm.
    """

    image: Plane
    cover: Plane
    contrast: float


def lung_of(truth: Truth, grid: Grid) -> Lung | None:
    """Return the lung of a patient in whom no lesion was drawn, or None where there is no lung or a nodule in it.

    Args:
        truth: What was drawn.
        grid: The grid that it was drawn on.

    Raises:
        InputError: The truth is of another grid.
    """
    if truth.labels.shape != grid.shape:
        raise InputError(f"truth: expected labels of the grid's shape {grid.shape}, got {truth.labels.shape}")
    names = np.array(ORGANS)[truth.labels]
    branches = np.isin(names, ("vessel", "airway"))
    inside = branches | (names == "lung")
    if truth.nodule is not None or not (names == "lung").any():
        return None
    # Outside of the grid counts as border, too.
    from_edge = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1] * grid.voxel_mm
    from_branch = ndimage.distance_transform_edt(~branches) * grid.voxel_mm if branches.any() else np.inf
    return Lung(grid, inside, inside & (from_edge > EDGE_MM) & (from_branch > VESSEL_MM))


def false_structures(x: Plane, truth: Plane, lung: Lung, *, threshold_hu: float = THRESHOLD_HU) -> int:
    """Count the blobs of nodule size that an image shows in free lung and the truth does not.

    Args:
        x: Reconstruction, 1/mm, ``(ny, nx)``.
        truth: The true image, 1/mm, ``(ny, nx)``.
        lung: Where to look.
        threshold_hu: Least contrast of a blob, HU.

    Notes:
        The contrast of a place is the mean over a disc less that over the lung in the ring from its edge to twice its
        radius, the largest over `SIZES_MM`: the matched filter of a disc on an unknown level in white noise. A false
        structure is a connected region where both the reconstruction and its difference from the truth have a contrast
        above the threshold: the reader sees a blob, and it is not the truth's own, nor the spill of a blurred vessel,
        beside which the vessel raises the ring.
    """
    found = np.zeros(lung.free.shape, dtype=bool)
    for size in SIZES_MM:
        seen = (_contrast(image, lung, size) > threshold_hu / 1000 * MU_WATER for image in (x, x - truth))
        found |= np.logical_and(*seen)
    return int(ndimage.label(found & lung.free, structure=np.ones((3, 3)))[1])


def insert_nodule(
    truth: Plane, lung: Lung, *, seed: int, diameter_mm: float = NODULE_MM, contrast_hu: float = NODULE_HU
) -> Inserted:
    """Add a disc to an image, somewhere in free lung.

    Args:
        truth: The image, 1/mm, ``(ny, nx)``.
        lung: Its lung.
        seed: Seed of the place.
        diameter_mm: Diameter of the disc, mm.
        contrast_hu: What it adds, HU.

    Raises:
        InputError: The lung has no free place.
    """
    places = np.argwhere(lung.free)
    if not len(places):
        raise InputError("lung: expected some free of vessels and away from the border, got none; insert no nodule")
    rng = np.random.default_rng(seed)
    centre = places[rng.integers(len(places))] + rng.uniform(-0.5, 0.5, 2)
    cover = np.zeros(truth.shape, np.float32)
    reach = math.ceil(diameter_mm / 2 / lung.grid.voxel_mm) + 1
    row, column = np.rint(centre).astype(int)
    disc = _disc(diameter_mm / lung.grid.voxel_mm, reach, offset=tuple(centre - (row, column)))
    padded = np.pad(cover, reach)
    padded[row : row + 2 * reach + 1, column : column + 2 * reach + 1] = disc
    cover = padded[reach:-reach, reach:-reach]
    contrast = contrast_hu / 1000 * MU_WATER
    return Inserted(np.asarray(truth + contrast * cover, np.float32), cover, contrast)


def kept_contrast(x: Plane, without: Plane, nodule: Inserted, lung: Lung) -> float:
    """Return the part of an inserted nodule's contrast that a reconstruction shows; 1 is all of it.

    Args:
        x: Reconstruction of the image with the nodule, 1/mm, ``(ny, nx)``.
        without: Reconstruction of the image without, 1/mm, ``(ny, nx)``, so that streaks of the anatomy cancel.
        nodule: What was inserted.
        lung: The lung that it is in.

    Notes:
        The contrast is the mean over the disc less that over the lung within 4 mm, or two pixels, around it.
    """
    disc = nodule.cover / nodule.cover.sum()
    near = ndimage.distance_transform_edt(nodule.cover == 0) * lung.grid.voxel_mm
    ring = lung.inside & (nodule.cover == 0) & (near < max(NODULE_MM / 2, 2 * lung.grid.voxel_mm))

    def contrast(image: Plane) -> float:
        return float((disc * image).sum() - image[ring].mean())

    return contrast(x - without) / (nodule.contrast * contrast(nodule.cover))


def _contrast(image: Plane, lung: Lung, diameter_mm: float) -> NDArray[np.floating[Any]]:
    """Return the mean over a disc about each pixel less that over the lung in the ring around it."""
    pixels = diameter_mm / lung.grid.voxel_mm
    reach = math.ceil(pixels)
    disc = _disc(pixels, reach)
    ring = _disc(2 * pixels, reach) - disc
    inside = lung.inside.astype(np.float32)
    weight = ndimage.convolve(inside, ring, mode="constant")
    around = ndimage.convolve(image * inside, ring, mode="constant") / np.maximum(weight, 1e-6)
    result: NDArray[np.floating[Any]] = ndimage.convolve(image, disc / disc.sum(), mode="constant") - around
    return result


def _disc(pixels: float, reach: int, *, offset: tuple[float, ...] = (0.0, 0.0)) -> Plane:
    """Return how much of each pixel a disc of some diameter covers, ``(2 reach + 1, 2 reach + 1)``."""
    fine = 16
    at = (np.arange((2 * reach + 1) * fine) + 0.5) / fine - reach - 0.5
    covered = np.hypot(at[:, None] - offset[0], at - offset[1]) < pixels / 2
    return np.asarray(covered.reshape(2 * reach + 1, fine, 2 * reach + 1, fine).mean((1, 3)), np.float32)
