"""Views by deep probabilistic subsampling: one categorical distribution over the candidates for each view."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from svct.sampling.fit import even_sets, nearest
from svct.sampling.fixed import ViewSet
from svct.sampling.relaxed import around_circle, down_the_slope, drawn_loss, gumbel_noise, some_others
from svct.sampling.samplers.base import Choice, Problem
from svct.sampling.trial import measure_problem


@dataclass(frozen=True)
class DeepProbabilistic:
    """One row of logits per view, drawn without replacement by the Gumbel-max trick, at a falling temperature.

    Args:
        steps: Optimiser steps.
        batch: Patients of each task per step.
        patients: Training patients that are drawn from.
        start: Views that the rows start around. Default: equidistant ones of the first offset.
        spread: Standard deviation of a row at the start, over the mean spacing.
        hot: Temperature of the first step.
        cold: Of the last.
        others: Candidates outside the drawn ones that get a gradient in a step.
        learning_rate: How far the logit with the steepest slope moves in a step.

    Notes:
        Row k draws v_k = argmax_v (phi_kv + g_kv), g = -ln(-ln u), among those which rows before it left; backward, the
        draw is softmax((phi_k + g_k) / tau) over the same candidates (Huijben, Veeling and van Sloun 2020, Deep
        probabilistic subsampling for task-adaptive compressed sensing, ICLR). In the end each row gives its likeliest
        free candidate. A row starts as a Gaussian around a view, where theirs starts at random: 360 candidates and few
        steps leave no time to find the even spacing anew.
    """

    steps: int = 40
    batch: int = 4
    patients: int = 100
    start: ViewSet = ()
    spread: float = 0.15
    hot: float = 2.0
    cold: float = 0.5
    others: int = 36
    learning_rate: float = 1.0
    name: str = "dps"

    def choose(self, problem: Problem, *, seed: int = 0, each: Callable[[], object] | None = None) -> Choice:
        """Choose views; `each` is called once per patient and step."""
        trial = measure_problem(problem, self.name, seed=seed, patients=self.patients)
        generator = torch.Generator().manual_seed(seed)
        count, budget = problem.candidates, problem.budget
        start = torch.tensor(self.start or even_sets(count, budget, problem.rules)[0])
        width = max(self.spread * count / budget, 0.5)
        logits = (-0.5 * (around_circle(start, count) / width) ** 2).requires_grad_(True)
        steepest = 0.0
        for step in range(self.steps):
            temperature = self.hot * (self.cold / self.hot) ** (step / max(self.steps - 1, 1))
            patients = torch.randint(len(trial.parts[0].truth), (self.batch,), generator=generator)
            noisy = logits + gumbel_noise((budget, count), generator)
            drawn = one_per_row(noisy.detach())
            soft = _relaxed(noisy / temperature, drawn)
            rest = some_others(drawn, count, self.others, generator)
            loss = drawn_loss(trial, drawn, rest, soft, patients=patients)
            logits, steepest = down_the_slope(loss, logits, learning_rate=self.learning_rate, steepest=steepest)
            for _ in range(self.batch if each else 0):
                each()  # type: ignore[misc]
        return Choice(nearest(problem.rules, one_per_row(logits.detach()).tolist()))


def one_per_row(values: Float[Tensor, "row view"]) -> Int[Tensor, " row"]:
    """Return the place of each row's largest value among those that rows before it left."""
    drawn: list[int] = []
    for row in values:
        left = row.clone()
        left[drawn] = -torch.inf
        drawn.append(int(left.argmax()))
    return torch.tensor(drawn)


def _relaxed(scaled: Float[Tensor, "row view"], drawn: Int[Tensor, " row"]) -> Float[Tensor, " view"]:
    """Sum of the rows' softmaxes, each without what rows before it drew."""
    total = torch.zeros_like(scaled[0])
    for k, row in enumerate(scaled):
        total = total + torch.softmax(row.index_fill(0, drawn[:k], -torch.inf), dim=0)
    return total
