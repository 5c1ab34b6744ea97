"""Training of the shared backbone on generated patients and mixed view sets."""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from svct.bench.view_sets import PATTERNS, draw_angles
from svct.errors import InputError
from svct.geometry.grid import Grid
from svct.geometry.parallel import ParallelBeam
from svct.geometry.projector import Projector
from svct.physics.acquisition import Acquisition
from svct.recon.unrolled import UnrolledNet
from svct.tasks.cohort import Cohort
from svct.units import MU_WATER

VOXELS_MM = {"chest": 3.2, "shoulder": 4.2, "head": 2.0, "abdomen": 3.4, "water": 3.0}
"""Middle of the voxel sizes that each anatomy is drawn with."""


@dataclass(frozen=True)
class Recipe:
    """Everything that the weights depend on beside the code.

    Args:
        steps: Optimiser steps.
        batch: Images per step, which share one view set.
        pool: Patients drawn per anatomy, from the cohorts' training splits.
        size: Rows and columns of the images.
        learning_rate: Peak of the cosine schedule.
        unrolls: Unrolls of the network.
        width: Channels of its U-Nets.
        seed: Seed of everything.
    """

    steps: int = 5000
    batch: int = 4
    pool: int = 240
    size: int = 128
    learning_rate: float = 1.5e-3
    unrolls: int = 5
    width: int = 24
    seed: int = 0


def draw_pool(recipe: Recipe, *, each: Callable[[], None] | None = None) -> tuple[Tensor, Tensor]:
    """Draw the training images.

    Args:
        recipe: The recipe.
        each: Called after each image, for a progress bar.

    Returns:
        Images ``(n, size, size)``, 1/mm, and the voxel size of each, mm.
    """
    rng = np.random.default_rng([recipe.seed, 1])
    images, voxels = [], []
    for anatomy, middle in VOXELS_MM.items():
        count = recipe.pool // 4 if anatomy == "water" else recipe.pool
        patients = Cohort(anatomy, Grid(shape=(8, 8)), size=2 * recipe.pool + 20).split("train")[:count]
        for index in patients:
            voxel = middle * float(rng.uniform(0.9, 1.25)) * 128 / recipe.size
            turn = float(rng.choice([0.0, rng.uniform(-30, 30), rng.uniform(-180, 180)], p=[0.4, 0.4, 0.2]))
            cohort = Cohort(anatomy, Grid(shape=(recipe.size, recipe.size), voxel_mm=voxel), size=index + 1)
            images.append(cohort.patient(index, rotation_deg=turn).image)
            voxels.append(voxel)
            if each:
                each()
    return torch.stack(images), torch.tensor(voxels)


def draw_batch(recipe: Recipe, pool: tuple[Tensor, Tensor], step: int) -> tuple[Tensor, Tensor, Projector]:
    """Draw the data of one step: images, their measured projections and the projector.

    Images of a batch are drawn from the whole pool and projected as if they had the same voxel size, which turns the
    body's size into one more thing that varies.
    """
    rng = np.random.default_rng([recipe.seed, 2, step])
    chosen = rng.integers(len(pool[0]), size=recipe.batch)
    images = torch.stack([_on_table(image, rng) for image in pool[0][torch.from_numpy(chosen)]])
    if rng.uniform() < 0.5:
        images = images.rot90(int(rng.integers(4)), dims=(-2, -1))
    if rng.uniform() < 0.5:
        images = images.flip(-1)
    images = images * float(rng.uniform(0.9, 1.1))
    voxel = float(pool[1][int(chosen[0])])
    pattern = str(rng.choice(PATTERNS, p=[0.45, 0.25, 0.1, 0.2]))
    views = round(math.exp(rng.uniform(math.log(8), math.log(72))))
    pitch = float(rng.uniform(0.8, 1.1)) * voxel
    scan = ParallelBeam(draw_angles(pattern, views, rng), bins=math.ceil(recipe.size * voxel / pitch), bin_mm=pitch)
    A = Projector(scan, Grid(shape=tuple(images.shape[-2:]), voxel_mm=voxel))
    physics = Acquisition(photons=float(10 ** rng.uniform(4.2, 6)))
    return images, physics.measure(A(images), seed=int(rng.integers(2**31))), A


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


def loss_of(
    net: UnrolledNet, images: Float[Tensor, "batch y x"], y: Float[Tensor, "batch view col"], A: Projector
) -> Float[Tensor, ""]:
    """Return the mean over images of ln RMSE, so that easy and hard images count alike."""
    error = (net(y, A) - images) / MU_WATER
    loss: Tensor = 0.5 * error.square().mean(dim=(-2, -1)).clamp(min=1e-10).log().mean()
    return loss


def train(
    recipe: Recipe,
    *,
    checkpoint: Path | None = None,
    save_every: int = 100,
    each_image: Callable[[], None] | None = None,
) -> Iterator[tuple[int, float, UnrolledNet]]:
    """Train a backbone, one optimiser step at a time.

    Args:
        recipe: The recipe.
        checkpoint: File that holds the state; training goes on from it where it exists, and it is
            renewed every `save_every` steps.
        save_every: Steps between checkpoints.
        each_image: Called after each drawn training image.

    Yields:
        Number of the finished step, its loss, and the averaged network so far.
    """
    torch.manual_seed(recipe.seed)
    net = UnrolledNet(unrolls=recipe.unrolls, width=recipe.width)
    averaged = copy.deepcopy(net)
    optimiser = torch.optim.AdamW(net.parameters(), lr=recipe.learning_rate, weight_decay=1e-4, betas=(0.9, 0.98))
    done = 0
    if checkpoint and checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        if state["recipe"] != asdict(recipe):
            raise InputError(
                f"{checkpoint}: expected the state of {recipe}, got that of {state['recipe']}; use another file"
            )
        net.load_state_dict(state["net"])
        averaged.load_state_dict(state["averaged"])
        optimiser.load_state_dict(state["optimiser"])
        done = state["step"]
    pool = draw_pool(recipe, each=each_image)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for step in range(done, recipe.steps):
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * _rate(step, recipe.steps)
        images, y, A = draw_batch(recipe, pool, step)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = loss_of(net, images, y, A)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        if bool(norm.isfinite()):  # a backward pass in bf16 now and then gives infinity: skip the step
            optimiser.step()
        _average(averaged, net, keep=min(0.998, (1 + step) / (10 + step)))
        if checkpoint and ((step + 1) % save_every == 0 or step + 1 == recipe.steps):
            _save(checkpoint, recipe, step + 1, net, averaged, optimiser)
        yield step + 1, float(loss.detach()), averaged


def _rate(step: int, steps: int) -> float:
    warm = min(1.0, (step + 1) / 100)
    return warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))


@torch.no_grad()
def _average(averaged: UnrolledNet, net: UnrolledNet, *, keep: float) -> None:
    for mean, value in zip(averaged.parameters(), net.parameters(), strict=True):
        mean.lerp_(value, 1 - keep)


def _save(
    path: Path,
    recipe: Recipe,
    step: int,
    net: UnrolledNet,
    averaged: UnrolledNet,
    optimiser: torch.optim.Optimizer,
) -> None:
    state: dict[str, Any] = {
        "recipe": asdict(recipe),
        "step": step,
        "net": net.state_dict(),
        "averaged": averaged.state_dict(),
        "optimiser": optimiser.state_dict(),
    }
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)
