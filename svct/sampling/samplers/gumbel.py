"""Views by Gumbel top-K: one logit per candidate, learned through the frozen backbone."""

from collections.abc import Callable
from dataclasses import dataclass

from svct.sampling.fit import even_sets
from svct.sampling.fixed import ViewSet
from svct.sampling.gumbel import learn_logits
from svct.sampling.samplers.base import Choice, Problem
from svct.sampling.trial import measure_problem


@dataclass(frozen=True)
class Gumbel:
    """The K largest of one logit per candidate, see `svct.sampling.gumbel.learn_logits`.

    Args:
        steps: Optimiser steps.
        batch: Patients of each task per step.
        patients: Training patients that are drawn from.
        start: Views that the logits start from. Default: equidistant ones of the first offset.
        temperature: Of the relaxation.
        learning_rate: How far the logit with the steepest slope moves in a step.
    """

    steps: int = 40
    batch: int = 4
    patients: int = 100
    start: ViewSet = ()
    temperature: float = 2.0
    learning_rate: float = 0.5
    name: str = "gumbel"

    def choose(self, problem: Problem, *, seed: int = 0, each: Callable[[], object] | None = None) -> Choice:
        """Choose views; `each` is called once per patient and step."""
        trial = measure_problem(problem, self.name, seed=seed, patients=self.patients)

        def count(images: int) -> None:
            for _ in range(images if each else 0):
                each()  # type: ignore[misc]

        return Choice(
            learn_logits(
                trial,
                self.start or even_sets(problem.candidates, problem.budget, problem.rules)[0],
                steps=self.steps,
                seed=seed,
                batch=self.batch,
                temperature=self.temperature,
                learning_rate=self.learning_rate,
                each=count,
                rules=problem.rules,
            )
        )
