"""Gumbel top-K: learning which views to take by gradient through a frozen backbone."""

from collections.abc import Callable

import torch
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
    others: int = 48,
    temperature: float = 2.0,
    learning_rate: float = 0.1,
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
        learning_rate: Of Adam.
        each: Called with the number of images after each step.

    Returns:
        The views, ascending.

    Notes:
        Forward, the top K of logits + Gumbel noise; backward, K softmaxes in turn, each without what the earlier ones
        took (Huijben et al. 2020, ICLR, deep probabilistic subsampling; Yang et al. 2024, arXiv 2409.01544, for one set
        of logits per task on a shared network). A drawn view enters with its arc length, one that was not drawn with
        weight 0 and with half its gap as the slope.
    """
    generator = torch.Generator().manual_seed(seed)
    count, budget = len(trial.A.scan), len(start)
    place = torch.arange(count)
    apart = (place[:, None] - torch.tensor(start)).abs()
    apart = torch.minimum(apart, count - apart).amin(dim=1)
    logits = (3 * torch.exp(-0.5 * (apart / 1.5) ** 2)).requires_grad_(True)
    optimiser = torch.optim.Adam([logits], lr=learning_rate)
    for _ in range(steps):
        patients = torch.randint(len(trial.truth), (batch,), generator=generator)
        noise = -torch.log(-torch.log(torch.rand(count, generator=generator).clamp(1e-9, 1 - 1e-9)))
        noisy = logits + noise
        drawn = noisy.detach().topk(budget).indices
        mask = torch.zeros(count).index_fill(0, drawn, 1.0)
        soft = _relaxed(noisy / temperature, drawn[noisy.detach()[drawn].argsort(descending=True)])
        mask = mask + soft - soft.detach()
        rest = torch.randperm(count, generator=generator)
        rest = rest[~torch.isin(rest, drawn)][:others]
        shown = torch.cat([drawn, rest]).sort().values
        weights = mask[shown] * _base_weights(trial, drawn, shown)
        images = trial.net(trial.y[patients][:, shown], trial.A[shown.tolist()], view_weights=weights)
        error = (images - trial.truth[patients]).square().mean(dim=(-2, -1))
        loss = 0.5 * error.log().mean()
        optimiser.zero_grad()
        loss.backward()
        if logits.grad is not None and bool(logits.grad.isfinite().all()):
            # The slope of a single view is tiny beside the loss; its direction is what counts.
            logits.grad /= logits.grad.abs().max().clamp(min=1e-12)
            optimiser.step()
        if each:
            each(batch)
    return tuple(sorted(logits.detach().topk(budget).indices.tolist()))


def _relaxed(scaled: Tensor, order: Tensor) -> Tensor:
    """Sum of K softmaxes, each without the views that the earlier ones took."""
    total = torch.zeros_like(scaled)
    taken = torch.zeros_like(scaled, dtype=torch.bool)
    for view in order:
        total = total + torch.softmax(scaled.masked_fill(taken, -torch.inf), dim=0)
        taken = taken.clone()
        taken[view] = True
    return total


def _base_weights(trial: Trial, drawn: Tensor, shown: Tensor) -> Tensor:
    """Arc length of every shown view: among the drawn, or half its gap for one that is not drawn."""
    count = len(trial.A.scan)
    base = torch.empty(count)
    ordered = drawn.sort().values
    base[ordered] = arc_weights(trial.A.scan[ordered.tolist()])
    after = ordered[torch.searchsorted(ordered, torch.arange(count)) % len(ordered)]
    before = ordered[(torch.searchsorted(ordered, torch.arange(count)) - 1) % len(ordered)]
    gap = (after - before) % count
    gap = torch.where(gap == 0, count, gap)
    span = float(arc_weights(trial.A.scan).sum())
    not_drawn = ~torch.isin(torch.arange(count), ordered)
    base[not_drawn] = (gap * span / count / 2)[not_drawn]
    return base[shown]
