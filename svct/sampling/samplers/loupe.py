"""Views by LOUPE: one probability per candidate, of a mean that is the budget."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from svct.sampling.fit import even_sets
from svct.sampling.fixed import ViewSet
from svct.sampling.relaxed import around_circle, draw_apart, drawn_loss, some_others
from svct.sampling.samplers.base import Choice, Problem
from svct.sampling.trial import measure_problem

DRAWS = 1000
"""At most so many masks are drawn until one has the budget."""


@dataclass(frozen=True)
class Loupe:
    """A probabilistic mask whose probabilities are scaled to the budget, learned straight through.

    Args:
        steps: Optimiser steps.
        batch: Patients of each task per step.
        patients: Training patients that are drawn from.
        start: Views that the probabilities start around. Default: equidistant ones of the first offset.
        spread: Standard deviation around each of them, over the mean spacing.
        even: Share of the probability that is spread over all candidates alike at the start, so that each has a slope.
        slope: Of the sigmoid that makes probabilities of weights.
        sharpness: Of the sigmoid that relaxes the mask.
        others: Candidates outside the drawn ones that get a gradient in a step.
        learning_rate: Of Adam.

    Notes:
        p = sigmoid(s w), brought to the mean alpha = budget / candidates by p' = p alpha / mean p, or 1 - (1 - p)
        (1 - alpha) / (1 - mean p) where mean p < alpha; mask m = [p' > u], u uniform, with the gradient of
        sigmoid(t (p' - u)) (Bahadir, Wang, Dalca and Sabuncu 2020, Deep-learning-based optimization of the
        under-sampling pattern in MRI, IEEE Trans. Comput. Imaging 6:1139; straight through and redrawn until the
        budget is met after Zhang et al. 2020, arXiv 2007.14450, and Wu et al. 2024, arXiv 2304.12507). In the end the
        largest p' are taken, each a quarter of the mean spacing or more from the others.
    """

    steps: int = 40
    batch: int = 4
    patients: int = 100
    start: ViewSet = ()
    spread: float = 0.15
    even: float = 0.5
    slope: float = 10.0
    sharpness: float = 12.0
    others: int = 36
    learning_rate: float = 0.02
    name: str = "loupe"

    def choose(self, problem: Problem, *, seed: int = 0, each: Callable[[], object] | None = None) -> Choice:
        """Choose views; `each` is called once per patient and step."""
        learned = self.probabilities(problem, seed=seed, each=each)
        return Choice(tuple(sorted(draw_apart(learned, problem.budget, problem.rules).tolist())))

    def probabilities(
        self, problem: Problem, *, seed: int = 0, each: Callable[[], object] | None = None
    ) -> Float[Tensor, " view"]:
        """Learn the probability of each candidate; arguments as for `choose`."""
        trial = measure_problem(problem, self.name, seed=seed, patients=self.patients)
        generator = torch.Generator().manual_seed(seed)
        count, budget = problem.candidates, problem.budget
        start = torch.tensor(self.start or even_sets(count, budget, problem.rules)[0])
        width = max(self.spread * count / budget, 0.5)
        likely = torch.exp(-0.5 * (around_circle(start, count) / width) ** 2).sum(dim=0)
        likely = budget * ((1 - self.even) * likely / likely.sum() + self.even / count)
        weights = (torch.logit(likely, eps=1e-3) / self.slope).detach().requires_grad_(True)
        optimiser = torch.optim.Adam([weights], lr=self.learning_rate)
        for _ in range(self.steps):
            patients = torch.randint(len(trial.parts[0].truth), (self.batch,), generator=generator)
            p = scaled(torch.sigmoid(self.slope * weights), budget / count)
            drawn, u = _draw(p.detach(), budget, generator)
            soft = torch.sigmoid(self.sharpness * (p - u))
            rest = some_others(drawn, count, self.others, generator)
            loss = drawn_loss(trial, drawn, rest, soft, patients=patients)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            for _ in range(self.batch if each else 0):
                each()  # type: ignore[misc]
        return scaled(torch.sigmoid(self.slope * weights.detach()), budget / count)


def scaled(p: Float[Tensor, " view"], share: float) -> Float[Tensor, " view"]:
    """Return probabilities brought to a mean, within 0 to 1.

    Example:
        >>> scaled(torch.tensor([0.2, 0.6]), 0.2)
        tensor([0.1000, 0.3000])
    """
    mean = p.mean()
    return p * share / mean if float(mean.detach()) >= share else 1 - (1 - p) * (1 - share) / (1 - mean)


def _draw(
    p: Float[Tensor, " view"], budget: int, generator: torch.Generator
) -> tuple[Int[Tensor, " drawn"], Float[Tensor, " view"]]:
    """Draw masks until one has the budget; return its views, and what the probabilities were compared with."""
    for _ in range(DRAWS):
        u = torch.rand(len(p), generator=generator)
        if int((p > u).sum()) == budget:
            return torch.nonzero(p > u).flatten(), u
    return (p - u).topk(budget).indices, u
