"""View sets that need no patients."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from svct.errors import InputError
from svct.sampling.fit import even_sets, nearest
from svct.sampling.fixed import golden_set, random_set
from svct.sampling.samplers.base import Choice, Problem


@dataclass(frozen=True)
class Equidistant:
    """Evenly spaced views.

    Args:
        offset: Candidate that the first view is at, or, where a device sets constraints, which of
            `svct.sampling.fit.even_sets`. The best offset of a task is found by trying them all, see
            `svct.bench.learn.learn_views`.
    """

    offset: int = 0
    name: str = "equidistant"

    def choose(self, problem: Problem, *, seed: int = 0, each: Callable[[], object] | None = None) -> Choice:
        """Choose views; the seed changes nothing."""
        sets = even_sets(problem.candidates, problem.budget, problem.rules)
        if not 0 <= self.offset < len(sets):
            raise InputError(f"offset: expected 0 to {len(sets) - 1}, the different ones, got {self.offset!r}")
        return Choice(sets[self.offset])


@dataclass(frozen=True)
class Golden:
    """Golden-angle views, see `svct.sampling.fixed.golden_set`."""

    name: str = "golden"

    def choose(self, problem: Problem, *, seed: int = 0, each: Callable[[], object] | None = None) -> Choice:
        """Choose views; the seed changes nothing."""
        return Choice(nearest(problem.rules, golden_set(problem.candidates, problem.budget)))


@dataclass(frozen=True)
class Random:
    """Views drawn at random without repetition."""

    name: str = "random"

    def choose(self, problem: Problem, *, seed: int = 0, each: Callable[[], object] | None = None) -> Choice:
        """Choose views."""
        return Choice(nearest(problem.rules, random_set(problem.candidates, problem.budget, seed=seed)))


@dataclass(frozen=True)
class Jittered:
    """One view drawn at random within each of as many equal arcs as there are views.

    Notes:
        Stratified sampling (Cook 1986, ACM Trans. Graph. 5:51), which turns the aliasing of even spacing into noise.
    """

    name: str = "jittered"

    def choose(self, problem: Problem, *, seed: int = 0, each: Callable[[], object] | None = None) -> Choice:
        """Choose views."""
        edges = np.arange(problem.budget + 1) * problem.candidates // problem.budget
        drawn = np.random.default_rng(seed).integers(edges[:-1], edges[1:])
        return Choice(nearest(problem.rules, drawn.tolist()))
