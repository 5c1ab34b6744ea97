"""Views that share the dose by a learned law: those of another sampler, or of a density that is learned with it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from svct.sampling.fit import even_sets
from svct.sampling.modulation import LoadLaw
from svct.sampling.samplers.base import Choice, Problem, Sampler
from svct.sampling.samplers.fixed import Equidistant
from svct.sampling.samplers.warped import Warped


@dataclass(frozen=True)
class Modulated:
    """The views of another sampler, each with a load that goes as a power of what the view lets through.

    Args:
        of: Chooses the views.
        law: Finds the exponent through the frozen backbone, see `svct.sampling.modulation`.
    """

    of: Sampler = field(default_factory=Equidistant)
    law: LoadLaw = field(default_factory=LoadLaw)
    name: str = "modulated"

    def choose(self, problem: Problem, *, seed: int = 0, each: Callable[[], object] | None = None) -> Choice:
        """Choose views and loads; `each` is called by the other sampler, then once per exponent."""
        views = self.of.choose(problem, seed=seed, each=each).views
        return self.law.share(problem, [views], seed=seed, each=each)[0]


@dataclass(frozen=True)
class Joint:
    """Views and loads together: a density of views that is learned under the loads which its views then have.

    Args:
        warped: Learns the density, see `svct.sampling.samplers.warped`.
        law: Finds the exponent of the loads first, on equidistant views.

    Notes:
        Learned with even loads, a density takes views from where little gets through; with the law's loads these carry
        as much as the others.
    """

    warped: Warped = field(default_factory=Warped)
    law: LoadLaw = field(default_factory=LoadLaw)
    name: str = "joint"

    def choose(self, problem: Problem, *, seed: int = 0, each: Callable[[], object] | None = None) -> Choice:
        """Choose views and loads; `each` is called once per exponent and once per density."""
        even = even_sets(problem.candidates, problem.budget, problem.rules)[:1]
        exponent = self.law.exponent(problem, even, seed=seed, each=each)
        return self.under(problem, exponent, seed=seed, each=each)

    def under(
        self, problem: Problem, exponent: float, *, seed: int = 0, each: Callable[[], object] | None = None
    ) -> Choice:
        """Choose views whose loads follow a known exponent."""
        lines = self.law.lines(problem)
        return self.warped.spread(problem, lambda views: self.law.loaded(lines, exponent, views), seed=seed, each=each)
