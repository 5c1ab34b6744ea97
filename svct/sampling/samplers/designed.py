"""Views by optimal design in the linear-Gaussian model of a task."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Float64
from numpy.typing import NDArray
from torch import Tensor

from svct.errors import InputError, unknown_name
from svct.sampling.constraints import Constraints
from svct.sampling.fit import stacked, thinned
from svct.sampling.linear import LinearModel, Posterior, linear_model
from svct.sampling.load import share_load
from svct.sampling.samplers.base import Choice, Problem

Unknown = TypeVar("Unknown", Posterior, "Together")

Score = Callable[[Unknown, float], Float64[Tensor, " view"]]
"""Takes what is unknown and a load over the mean; returns a number per candidate, the larger the better."""

Free = Callable[[list[int]], NDArray[np.bool_]]
"""Takes what is chosen; tells which candidates may come next."""


@dataclass(frozen=True, eq=False)
class Designed:
    """Greedy views, each the one of the highest score given those before, then exchanged one by one.

    Args:
        criterion: ``"A"``: what a view takes from the expected squared error, tr(W C), with the problem's importance W;
            ``"D"``: from the volume of what is unknown, log det C, which is what it tells; ``"E"``: from the largest
            eigenvalue of C, to first order; ``"d"``: what it adds to the squared detectability of `signals`.
        share: Share the dose among the views too, for A alone, see `svct.sampling.load.share_load`: exchange and
            sharing take turns.
        signals: Images ``(n, ny, nx)`` of what is to be detected, on the model's coarse grid, for ``"d"``.
        rounds: Rounds of exchange at most; for A and d alone, whose criterion has no order of views.
        coarse: Pixels along the longer side of the model's grid.
        most: About so many candidates are looked at, evenly taken: the coarse model tells closer ones hardly apart.

    Raises:
        UnknownNameError: No such criterion.

    Notes:
        A and D after Burger et al. 2021 (arXiv 2006.12579), E after Pukelsheim 2006 (Optimal Design of Experiments,
        chapter 6), exchange after Fedorov 1972 (Theory of Optimal Experiments). The ideal linear observer of a known
        signal s in a Gaussian background has d'^2 = s^T A^T (A C A^T + R)^-1 A s (Barrett and Myers 2004, Foundations
        of Image Science, section 13.2), which is s^T C^-1 (C - C') C^-1 s with the posterior covariance C'.
    """

    criterion: str = "A"
    share: bool = False
    signals: Float[Tensor, "signal y x"] | None = None
    rounds: int = 2
    coarse: int = 32
    most: int = 120
    name: str = "designed"

    def __post_init__(self) -> None:
        if self.criterion not in ("A", "D", "E", "d"):
            raise unknown_name("criterion", str(self.criterion), ["A", "D", "E", "d"])
        if (self.criterion == "d") != (self.signals is not None):
            raise InputError("signals: expected images of what is to be detected for criterion 'd', and for no other")
        if self.share and self.criterion != "A":
            raise InputError(f"share: expected criterion 'A', whose error the loads lower, got {self.criterion!r}")

    def choose(self, problem: Problem, *, seed: int = 0, each: Callable[[], object] | None = None) -> Choice:
        """Choose views; the seed changes nothing."""
        rules, budget = problem.rules, problem.budget
        shown = thinned(rules, candidates=problem.candidates, budget=budget, most=self.most)
        among = problem.among(shown)
        units = tuple((i,) for i in range(len(shown))) if among.rules is None else among.rules.units
        free = None if among.rules is None else _free(among.rules, units, budget)
        if problem.others:
            chosen = self._for_several(among, units, free, each)
            found = Choice(tuple(sorted(shown[view] for i in chosen for view in units[i])))
            if rules is not None:
                rules.require(found.views)
            return found
        single = linear_model(among, coarse=self.coarse)
        model = _grouped(single, units)
        score = self._score(model)
        state = Posterior(model)
        chosen = greedy(state, [], budget, score, each=each, free=free)
        loads: tuple[float, ...] = ()
        if self.criterion in "Ad":
            chosen = exchange(state, chosen, score, rounds=self.rounds, each=each, free=free)
        for turn in range(2 if self.share else 0):
            views = [view for i in chosen for view in units[i]]
            loads = share_load(single, tuple(views), **_load_bounds(among.rules, views))
            if turn == 0:
                mean = dict(zip(views, loads, strict=True))
                shares = [sum(mean[view] for view in units[i]) / len(units[i]) for i in chosen]
                state = Posterior(model)
                for unit, load in zip(chosen, shares, strict=True):
                    state.take(unit, load)
                chosen = exchange(state, chosen, score, rounds=1, loads=shares, each=each, free=free)
        views = [view for i in chosen for view in units[i]]
        order = sorted(range(len(views)), key=views.__getitem__)
        found = Choice(tuple(shown[views[i]] for i in order), tuple(loads[i] for i in order) if loads else ())
        if rules is not None:
            rules.require(found.views)
        return found

    def _for_several(
        self,
        problem: Problem,
        units: Sequence[Sequence[int]],
        free: Free | None,
        each: Callable[[], object] | None,
    ) -> list[int]:
        """Choose groups for several tasks at once, by the mean over them of ln tr(W C)."""
        if self.criterion != "A" or self.share:
            raise InputError("designed: expected criterion 'A' without sharing for several tasks, got others")
        models = [_grouped(linear_model(part, coarse=self.coarse), units) for part in problem.parts]
        state = Together([Posterior(model) for model in models])
        chosen = greedy(state, [], problem.budget, Together.taken, each=each, free=free)
        return exchange(state, chosen, Together.taken, rounds=self.rounds, each=each, free=free)

    def _score(self, model: LinearModel) -> Score[Posterior]:
        if self.criterion == "A":
            return taken_error
        if self.criterion == "D":
            return Posterior.information
        if self.criterion == "E":

            def of_largest(left: Posterior, load: float) -> Float64[Tensor, " view"]:
                widest = torch.linalg.eigh(left.covariance).eigenvectors[:, -1]
                taken: Tensor = (left.whitened(load) @ widest).square().sum(dim=1)
                return taken

            return of_largest
        assert self.signals is not None
        signals = self.signals.flatten(1).double()
        if signals.shape[1] != len(model.prior):
            raise InputError(
                f"signals: expected images of {len(model.prior)} pixels, the model's grid, got {signals.shape[1]}"
            )
        templates = torch.linalg.solve(model.prior, signals.T)
        return lambda left, load: (left.whitened(load) @ templates).square().sum(dim=(1, 2))


def _grouped(model: LinearModel, units: Sequence[Sequence[int]]) -> LinearModel:
    """Return the model in which each group is one candidate, with the rays of all of its views."""
    if all(len(unit) == 1 for unit in units) and len(units) == len(model.rows):
        return model
    return replace(
        model,
        rows=stacked(model.rows, units, fill=0.0),
        photon_noise=stacked(model.photon_noise, units, fill=1.0),
        electronic_noise=stacked(model.electronic_noise, units, fill=0.0),
    )


def _free(rules: Constraints, units: Sequence[Sequence[int]], budget: int) -> Free:
    """Tell which groups may be taken next, so that the budget is reached."""

    def free(chosen: list[int]) -> NDArray[np.bool_]:
        taken = [view for i in chosen for view in units[i]]
        mask = rules.allowed_mask(taken, views=budget)
        return np.array([mask[unit[0]] for unit in units], dtype=bool)

    return free


def _load_bounds(rules: Constraints | None, views: Sequence[int]) -> dict[str, Any]:
    """Return what `share_load` must keep to."""
    if rules is None:
        return {}
    return {"least": rules.loads.least, "most": rules.loads.most, "ramps": rules.load_ramps(views)}


def taken_error(left: Posterior, load: float) -> Float64[Tensor, " view"]:
    """Return what each candidate takes from tr(W C): the score of A-optimality."""
    return (left.whitened(load).square() * left.model.importance).sum(dim=(1, 2))


class Together:
    """What is still unknown of several tasks once they take the same views.

    Args:
        parts: That of each task.
    """

    def __init__(self, parts: list[Posterior]) -> None:
        self.parts = parts

    def take(self, view: int, load: float = 1.0) -> None:
        """Take a view at some load over the mean."""
        for part in self.parts:
            part.take(view, load)

    def drop(self, view: int, load: float = 1.0) -> None:
        """Undo a view that was taken at this load."""
        for part in self.parts:
            part.drop(view, load)

    def taken(self, load: float) -> Float64[Tensor, " view"]:
        """Return what each candidate takes from ln tr(W C), the mean over tasks."""
        left = [taken_error(part, load) / (part.covariance.diagonal() @ part.model.importance) for part in self.parts]
        return -torch.log1p(-torch.stack(left)).mean(dim=0)


def greedy(
    state: Unknown,
    views: list[int],
    budget: int,
    score: Score[Unknown],
    *,
    each: Callable[[], object] | None = None,
    free: Free | None = None,
) -> list[int]:
    """Take views one by one, each the one of the highest score given those before.

    Args:
        state: What is unknown once `views` are taken; afterwards, once all are.
        views: Views that are taken already.
        budget: How many there are to be in all.
        score: What a candidate is worth.
        each: Called after each view.
        free: Which views may come next; where given it ends the choice too.

    Returns:
        The views in the order in which they were taken.
    """
    chosen = list(views)
    while len(chosen) < budget:
        may = None if free is None else free(chosen)
        if may is not None and not may.any():
            break
        scores = score(state, 1.0)
        scores[chosen] = -math.inf
        if may is not None:
            scores[torch.from_numpy(~may)] = -math.inf
        chosen.append(int(scores.argmax()))
        state.take(chosen[-1])
        if each:
            each()
    return chosen


def exchange(
    state: Unknown,
    views: list[int],
    score: Score[Unknown],
    *,
    rounds: int,
    loads: Sequence[float] = (),
    each: Callable[[], object] | None = None,
    free: Free | None = None,
) -> list[int]:
    """Take each view out in turn and put the best candidate in its place, until a round changes nothing.

    Args:
        state: What is unknown once the views are taken.
        views: The views to begin with.
        score: As for `greedy`.
        rounds: At most so many rounds over all views.
        loads: Load of each view over the mean, which its successor takes over. Default: 1.
        each: Called after each round.
        free: Which views may take the place of one, given the others.
    """
    chosen, loads = list(views), loads or [1.0] * len(views)
    for _ in range(rounds):
        before = list(chosen)
        for i, view in enumerate(before):
            state.drop(view, loads[i])
            scores = score(state, loads[i])
            others = [v for v in chosen if v != view]
            scores[others] = -math.inf
            if free is not None:
                scores[torch.from_numpy(~free(others))] = -math.inf
            best = int(scores.argmax())
            chosen[i] = best if scores[best] > scores[view] * (1 + 1e-9) else view
            state.take(chosen[i], loads[i])
        if each:
            each()
        if chosen == before:
            break
    return chosen
