"""What networks are trained on: generated patients, scanned in every way."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from svct.bench.recipe import Recipe
from svct.bench.view_sets import PATTERNS, draw_angles
from svct.data.catalogue import locate
from svct.data.open import read_volume
from svct.geometry.fan import FanBeam
from svct.geometry.grid import Grid
from svct.geometry.parallel import ParallelBeam
from svct.geometry.projector import Projector
from svct.geometry.scan import Scan
from svct.physics.acquisition import Acquisition
from svct.tasks.cohort import Cohort
from svct.units import MU_WATER

VOXELS_MM = {"chest": 3.2, "shoulder": 4.2, "head": 2.0, "abdomen": 3.4, "water": 3.0}
"""Middle of the voxel sizes that each anatomy is drawn with at 128x128."""


@dataclass(frozen=True, eq=False)
class Pool:
    """Training images of one size.

    Args:
        images: ``(n, size, size)``, 1/mm.
        voxel_mm: Size of each image's voxels.
    """

    images: Float[Tensor, "image y x"]
    voxel_mm: Float[Tensor, " image"]


def draw_pools(recipe: Recipe, *, each: Callable[[], None] | None = None) -> tuple[Pool, Pool]:
    """Draw the training images.

    Args:
        recipe: The recipe.
        each: Called after each image, for a progress bar.

    Returns:
        Images of the recipe's size, and a quarter as many of twice that size.

    Raises:
        DataFileError: A volume of the recipe cannot be read.
    """
    return _draw_pool(recipe, 1, each), _draw_pool(recipe, 2, each)


def _draw_pool(recipe: Recipe, finer: int, each: Callable[[], None] | None) -> Pool:
    rng = np.random.default_rng([recipe.seed, finer])
    size = finer * recipe.size
    images, voxels = [], []
    for anatomy, middle in VOXELS_MM.items():
        count = max(1, (recipe.pool // 4 if anatomy == "water" else recipe.pool) // finer**2)
        patients = Cohort(anatomy, Grid(shape=(8, 8)), size=2 * recipe.pool + 20).split("train")[:count]
        for index in patients:
            voxel = middle * float(rng.uniform(0.9, 1.25)) * 128 / size
            turn = float(rng.choice([0.0, rng.uniform(-30, 30), rng.uniform(-180, 180)], p=[0.4, 0.4, 0.2]))
            cohort = Cohort(anatomy, Grid(shape=(size, size), voxel_mm=voxel), size=index + 1)
            images.append(cohort.patient(index, rotation_deg=turn).image)
            voxels.append(voxel)
            if each:
                each()
    for name in recipe.volumes:
        volume = read_volume(locate(name))
        plane = [n * mm for n, mm in zip(volume.hu.shape[1:], volume.spacing_mm[1:], strict=True)]
        for index in np.flatnonzero(volume.body_fraction() > 0.05)[:: 3 * finer**2]:
            voxel = max(plane) / size * float(rng.uniform(1.0, 1.3))
            slices = volume.slices_on(Grid(shape=(size, size), voxel_mm=voxel), [int(index)])
            images.append(torch.from_numpy(slices[0]))
            voxels.append(voxel)
            if each:
                each()
    return Pool(torch.stack(images), torch.tensor(voxels))


def draw_batch(recipe: Recipe, pools: tuple[Pool, Pool], step: int) -> tuple[Tensor, Tensor, Projector]:
    """Draw the data of one step: images, their measured projections and the projector.

    Images of a batch are drawn from the whole pool and projected as if they had the same voxel size, which turns the
    body's size into one more thing that varies.
    """
    rng = np.random.default_rng([recipe.seed, 3, step])
    fine = rng.uniform() < 1 / 6
    pool = pools[int(fine)]
    chosen = rng.integers(len(pool.images), size=1 if fine else recipe.batch)
    images = torch.stack([_on_table(_textured(image, rng), rng) for image in pool.images[torch.from_numpy(chosen)]])
    if rng.uniform() < 0.5:
        images = images.rot90(int(rng.integers(4)), dims=(-2, -1))
    if rng.uniform() < 0.5:
        images = images.flip(-1)
    images = images * float(rng.uniform(0.9, 1.1))
    if recipe.off_centre and rng.uniform() < recipe.off_centre:
        images = _moved(images, rng)
    voxel = float(pool.voxel_mm[int(chosen[0])]) * math.exp(rng.uniform(math.log(0.5), math.log(1.1)))
    views = round(math.exp(rng.uniform(math.log(8), math.log(360))))
    scan = _draw_scan(recipe, images.shape[-1] * voxel, voxel, views, rng)
    A = Projector(scan, Grid(shape=tuple(images.shape[-2:]), voxel_mm=voxel))
    physics = Acquisition(photons=float(10 ** rng.uniform(4, 6)))
    return images, physics.measure(A(images), seed=int(rng.integers(2**31))), A


def _draw_scan(recipe: Recipe, across_mm: float, voxel: float, views: int, rng: np.random.Generator) -> Scan:
    """Draw a parallel beam, or one time in four a fan beam on a full circle or a short scan."""
    pattern = str(rng.choice(PATTERNS, p=recipe.patterns))
    pitch = float(rng.uniform(0.8, 1.2)) * voxel
    if rng.uniform() < 0.75:
        angles = draw_angles(pattern, views, rng, widest_gap=recipe.widest_gap)
        return ParallelBeam(angles, bins=math.ceil(across_mm / pitch), bin_mm=pitch)
    source, magnification = float(rng.uniform(1.2, 3)) * across_mm, float(rng.uniform(1.3, 2))
    half = math.asin(min(across_mm / 2 / source, 0.99))
    if rng.uniform() < 0.3:
        angles = rng.uniform(0, 2 * math.pi) + np.linspace(0, math.pi + 2 * half, max(views, 24))
    else:
        angles = draw_angles(pattern, views, rng, turn=2 * math.pi, widest_gap=recipe.widest_gap)
    curved = bool(rng.uniform() < 0.5)
    reach = source * magnification
    wide = 2 * reach * (half if curved else math.tan(half))
    step = pitch * magnification
    return FanBeam(
        angles, bins=math.ceil(wide / step), bin_mm=step, source_mm=source, detector_mm=reach - source, curved=curved
    )


def _moved(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Move patients by up to a quarter of the image in each direction; what leaves it is gone."""
    size = images.shape[-1]
    down, right = (int(rng.integers(-size // 4, size // 4 + 1)) for _ in range(2))
    moved = torch.zeros_like(images)
    moved[..., max(down, 0) : size + min(down, 0), max(right, 0) : size + min(right, 0)] = images[
        ..., max(-down, 0) : size + min(-down, 0), max(-right, 0) : size + min(-right, 0)
    ]
    return moved


def _textured(image: Tensor, rng: np.random.Generator) -> Tensor:
    """Give every second patient a texture of up to 40 HU, as tissue and the noise of a scanner have."""
    if rng.uniform() < 0.5:
        return image
    strength, width = float(rng.uniform(0, 0.04)), float(rng.uniform(0.4, 2))
    noise = torch.from_numpy(rng.standard_normal(tuple(image.shape), dtype=np.float32))
    row, col = (torch.fft.fftfreq(n) for n in image.shape)
    falloff = torch.exp(-2 * (math.pi * width) ** 2 * (row[:, None] ** 2 + col**2))
    texture = torch.fft.ifft2(torch.fft.fft2(noise) * falloff).real
    textured: Tensor = image + image.clamp(max=MU_WATER) * strength * texture / texture.std()
    return textured


def _on_table(image: Tensor, rng: np.random.Generator) -> Tensor:
    """Lay two patients in three on a table: a thin shell, curved like a trough, with a fainter mat on it."""
    if rng.uniform() < 1 / 3:
        return image
    size = len(image)
    lowest = int(torch.nonzero((image > 0.5 * MU_WATER).any(dim=1)).max())
    row, col = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    across = (col - size / 2 - float(rng.uniform(-0.05, 0.05)) * size) / size
    table = torch.zeros_like(image)
    for depth, strength in (
        (rng.uniform(0, 0.05), rng.uniform(0.05, 0.3)),
        (rng.uniform(0.05, 0.14), rng.uniform(0.2, 1.0)),
    ):
        surface = lowest + 1 + float(depth) * size - float(rng.uniform(0.1, 0.6)) * across**2 * size
        shell = (1.0 - (row - surface).abs() / float(rng.uniform(0.6, 1.5))).clamp(min=0)
        table = torch.maximum(
            table, shell * (across.abs() < float(rng.uniform(0.35, 0.48))) * float(strength) * MU_WATER
        )
    # Where the trough rises beside the body the body stays as it is.
    return torch.where(image > 0.02 * MU_WATER, image, torch.maximum(image, table))
