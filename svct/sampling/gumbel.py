"""Gumbel top-K: learning which views to take by gradient through a frozen backbone."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from svct.sampling.constraints import Constraints
from svct.sampling.fixed import ViewSet
from svct.sampling.relaxed import (
    around,
    barred,
    down_the_slope,
    draw_apart,
    drawn_loss,
    gumbel_noise,
    peaks,
    some_others,
)
from svct.sampling.trial import Panel


def learn_logits(
    trial: Panel,
    start: ViewSet,
    *,
    steps: int,
    seed: int,
    batch: int = 4,
    others: int = 36,
    temperature: float = 2.0,
    learning_rate: float = 0.5,
    each: Callable[[int], object] | None = None,
    rules: Constraints | None = None,
) -> ViewSet:
    """Learn one logit per candidate view and return the views of the largest.

    Args:
        trial: Training patients with their data of every candidate, of one task or several.
        start: The design that the logits start from; its length is the budget.
        steps: Optimiser steps.
        seed: Seed of the Gumbel noise and of the patients' order.
        batch: Patients of each task per step.
        others: Candidates outside the drawn set that get a gradient in a step, drawn afresh each time.
        temperature: Of the relaxation.
        learning_rate: How far the logit with the steepest slope moves in a step.
        each: Called with the number of images after each step.
        rules: What every drawn set must satisfy.

    Returns:
        The views, ascending.

    Notes:
        Forward, the top K of logits + Gumbel noise, not closer than a quarter of the mean spacing, since neighbouring
        views say the same; backward, K softmaxes in turn, each without what the earlier ones took (Huijben et al. 2020,
        ICLR, deep probabilistic subsampling; Yang et al. 2024, arXiv 2409.01544, for one set of logits per task on a
        shared network). Views enter with their arc lengths, which change to first order as one comes and another goes.
        Steps follow the slope itself: Adam would move logits with a noisy slope as far as those with a steady one.
    """
    generator = torch.Generator().manual_seed(seed)
    count, budget = trial.candidates, len(start)
    never = barred(rules, count)
    logits = peaks(start, count).requires_grad_(True)
    for _ in range(steps):
        patients = torch.randint(len(trial.parts[0].truth), (batch,), generator=generator)
        noisy = (logits + gumbel_noise((count,), generator)).masked_fill(never, -torch.inf)
        drawn = draw_apart(noisy.detach(), budget, rules)
        soft = _relaxed(noisy / temperature, drawn)
        rest = some_others(drawn, count, others, generator)
        rest = rest[~never[rest]]
        loss = drawn_loss(trial, drawn, rest, soft, patients=patients)
        logits, _ = down_the_slope(loss, logits, learning_rate=learning_rate)
        if each:
            each(batch)
    return tuple(sorted(draw_apart(logits.detach(), budget, rules).tolist()))


def _relaxed(scaled: Float[Tensor, " view"], order: Int[Tensor, " drawn"]) -> Float[Tensor, " view"]:
    """Sum of K softmaxes, each without the views that the earlier ones took and their neighbours."""
    total = torch.zeros_like(scaled)
    taken = torch.zeros_like(scaled, dtype=torch.bool)
    for view in order:
        left = scaled.masked_fill(taken, -torch.inf)
        if bool(left.isfinite().any()):
            total = total + torch.softmax(left, dim=0)
        taken = taken.index_fill(0, around(int(view), scaled.detach(), len(order)), True)
    return total
