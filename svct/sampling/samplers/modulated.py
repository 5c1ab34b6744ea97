"""Views of another sampler that share the dose by a learned law."""

from collections.abc import Callable
from dataclasses import dataclass, field

from svct.sampling.modulation import LoadLaw
from svct.sampling.samplers.base import Choice, Problem, Sampler
from svct.sampling.samplers.fixed import Equidistant


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
