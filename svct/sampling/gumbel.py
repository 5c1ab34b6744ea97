"""Gumbel top-K: learning which views to take by gradient through a frozen backbone."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from svct.recon.weights import arc_weights
from svct.sampling.fixed import ViewSet
from svct.sampling.trial import Trial


def learn_logits(
    trial: Trial,
    start: ViewSet,
    *,
    steps: int,
    seed: int,
    batch: int = 4,
    others: int = 36,
    temperature: float = 2.0,
    learning_rate: float = 0.5,
    each: Callable[[int], object] | None = None,
) -> ViewSet:
    """Learn one logit per candidate view and return the views of the largest.

    Args:
        trial: Training patients with their data of every candidate.
        start: The design that the logits start from; its length is the budget.
        steps: Optimiser steps.
        seed: Seed of the Gumbel noise and of the patients' order.
        batch: Patients per step.
        others: Candidates outside the drawn set that get a gradient in a step, drawn afresh each time.
        temperature: Of the relaxation.
        learning_rate: How far the logit with the steepest slope moves in a step.
        each: Called with the number of images after each step.

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
    count, budget = len(trial.A.scan), len(start)
    place = torch.arange(count)
    apart = (place[:, None] - torch.tensor(start)).abs()
    apart = torch.minimum(apart, count - apart).amin(dim=1)
    logits = (3 * torch.exp(-0.5 * (apart / 1.5) ** 2)).requires_grad_(True)
    for _ in range(steps):
        patients = torch.randint(len(trial.truth), (batch,), generator=generator)
        noise = -torch.log(-torch.log(torch.rand(count, generator=generator).clamp(1e-9, 1 - 1e-9)))
        noisy = logits + noise
        drawn = _draw(noisy.detach(), budget)
        soft = _relaxed(noisy / temperature, drawn)
        rest = torch.randperm(count, generator=generator)
        rest = rest[~torch.isin(rest, drawn)][:others]
        shown = torch.cat([drawn, rest]).sort().values
        weights = _weights(trial, drawn.sort().values, shown, (soft - soft.detach())[shown])
        images = trial.net(trial.y[patients][:, shown], trial.A[shown.tolist()], view_weights=weights)
        loss = trial.reading.loss(images, trial.truth[patients], patients)
        (slope,) = torch.autograd.grad(loss, logits)
        if bool(slope.isfinite().all()):
            logits = (logits.detach() - learning_rate * slope / slope.abs().max().clamp(min=1e-12)).requires_grad_(True)
        if each:
            each(batch)
    return tuple(sorted(_draw(logits.detach(), budget).tolist()))


def _around(view: int, count: int, budget: int) -> Int[Tensor, " neighbour"]:
    """Candidates within a quarter of the mean spacing of a view."""
    reach = count // (4 * budget)
    return torch.arange(view - reach, view + reach + 1) % count


def _draw(noisy: Float[Tensor, " view"], budget: int) -> Int[Tensor, " {budget}"]:
    """Take the largest one by one, each a quarter of the mean spacing or more from the others."""
    left = noisy.clone()
    drawn = []
    for _ in range(budget):
        drawn.append(int(left.argmax()))
        left[_around(drawn[-1], len(noisy), budget)] = -torch.inf
    return torch.tensor(drawn)


def _relaxed(scaled: Float[Tensor, " view"], order: Int[Tensor, " drawn"]) -> Float[Tensor, " view"]:
    """Sum of K softmaxes, each without the views that the earlier ones took and their neighbours."""
    total = torch.zeros_like(scaled)
    taken = torch.zeros_like(scaled, dtype=torch.bool)
    for view in order:
        total = total + torch.softmax(scaled.masked_fill(taken, -torch.inf), dim=0)
        taken = taken.index_fill(0, _around(int(view), len(scaled), len(order)), True)
    return total


def _weights(
    trial: Trial, drawn: Int[Tensor, " drawn"], shown: Int[Tensor, " shown"], change: Float[Tensor, " shown"]
) -> Float[Tensor, " shown"]:
    """Arc lengths of the drawn views, as they change to first order while views come and go.

    A view that comes takes half of what lies between it and its drawn neighbours from each of them; one that goes
    gives it back.

    Args:
        trial: The trial.
        drawn: Views that are taken, ascending.
        shown: Those and others, ascending.
        change: How much of each shown view comes (positive) or goes; of value 0, with a gradient.

    Returns:
        Radians for each shown view; 0 for those not drawn.
    """
    count = len(trial.A.scan)
    step = float(arc_weights(trial.A.scan).sum()) / count
    position = torch.searchsorted(drawn, shown)
    is_drawn = torch.isin(shown, drawn)
    left = (position - 1) % len(drawn)
    right = (position + is_drawn.long()) % len(drawn)
    to_left = ((shown - drawn[left] - 1) % count + 1).float() * step
    to_right = ((drawn[right] - shown - 1) % count + 1).float() * step
    own = (to_left + to_right) / 2
    place = torch.searchsorted(shown, drawn)
    weights = torch.where(is_drawn, own, 0.0) + change * own
    weights = weights.index_add(0, place[left], -change * to_right / 2)
    return weights.index_add(0, place[right], -change * to_left / 2)
