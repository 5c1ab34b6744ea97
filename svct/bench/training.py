"""Training of the backbone and of its rivals, all on the same data."""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from svct.bench.recipe import Recipe, build
from svct.bench.training_data import draw_batch, draw_pools
from svct.errors import InputError
from svct.geometry.projector import Projector
from svct.recon.uncertainty import Uncertainty
from svct.units import MU_WATER


def loss_of(
    net: nn.Module, images: Float[Tensor, "batch y x"], y: Float[Tensor, "batch view col"], A: Projector
) -> Float[Tensor, ""]:
    """Return the mean over images of ln RMSE, so that easy and hard count alike; a head has its own loss."""
    if isinstance(net, Uncertainty):
        return net.loss(images, y, A)
    error = (net(y, A) - images) / MU_WATER
    loss: Tensor = 0.5 * error.square().mean(dim=(-2, -1)).clamp(min=1e-10).log().mean()
    return loss


def train(
    recipe: Recipe,
    *,
    checkpoint: Path | None = None,
    save_every: int = 100,
    each_image: Callable[[], None] | None = None,
    device: str = "cpu",
) -> Iterator[tuple[int, float, nn.Module]]:
    """Train a backbone, one optimiser step at a time.

    Args:
        recipe: The recipe.
        checkpoint: File that holds the state; training goes on from it where it exists, and it is
            renewed every `save_every` steps.
        save_every: Steps between checkpoints.
        each_image: Called after each drawn training image.
        device: Where to train; patients are drawn on the CPU.

    Yields:
        Number of the finished step, its loss, and the averaged network so far.
    """
    torch.manual_seed(recipe.seed)
    net = build(recipe).to(device)
    averaged = copy.deepcopy(net)
    optimiser = torch.optim.AdamW(net.parameters(), lr=recipe.learning_rate, weight_decay=1e-4, betas=(0.9, 0.98))
    done = 0
    if checkpoint and checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True, map_location=device)
        if state["recipe"] != asdict(recipe):
            raise InputError(
                f"{checkpoint}: expected the state of {recipe}, got that of {state['recipe']}; use another file"
            )
        net.load_state_dict(state["net"])
        averaged.load_state_dict(state["averaged"])
        optimiser.load_state_dict(state["optimiser"])
        done = state["step"]
    pools = draw_pools(recipe, each=each_image)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    last = recipe.steps + recipe.further
    for step in range(done, last):
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * _rate(step, recipe)
        images, y, A = draw_batch(recipe, pools, step)
        with torch.autocast(torch.device(device).type, dtype=torch.bfloat16):
            loss = loss_of(net, images.to(device), y.to(device), A)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        if bool(norm.isfinite()):  # a backward pass in bf16 now and then gives infinity: skip the step
            optimiser.step()
        _average(averaged, net, keep=min(0.998, (1 + step) / (10 + step)))
        if checkpoint and ((step + 1) % save_every == 0 or step + 1 == last):
            _save(checkpoint, recipe, step + 1, net, averaged, optimiser)
        yield step + 1, float(loss.detach()), averaged


def _rate(step: int, recipe: Recipe) -> float:
    peak, steps = 1.0, recipe.steps
    if step >= steps:
        peak, step, steps = 0.5, step - steps, recipe.further
    warm = min(1.0, (step + 1) / 100)
    return peak * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))


@torch.no_grad()
def _average(averaged: nn.Module, net: nn.Module, *, keep: float) -> None:
    for mean, value in zip(averaged.parameters(), net.parameters(), strict=True):
        mean.lerp_(value, 1 - keep)


def _save(
    path: Path,
    recipe: Recipe,
    step: int,
    net: nn.Module,
    averaged: nn.Module,
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
