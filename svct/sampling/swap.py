"""One-swap search: move one view at a time, keep what helps."""

import math
from collections.abc import Callable

import numpy as np

from svct.sampling.constraints import Constraints
from svct.sampling.fixed import ViewSet
from svct.sampling.trial import Panel

_TRIES = 1000
"""Moves drawn at most until one may be made."""


def swap_search(
    trial: Panel,
    start: ViewSet,
    *,
    evaluations: int,
    seed: int,
    each: Callable[[int], object] | None = None,
    better: Callable[[ViewSet], None] | None = None,
    rules: Constraints | None = None,
) -> ViewSet:
    """Improve a view set by moving single views.

    Args:
        trial: Validation patients with their data of every candidate, of one task or several.
        start: The set to start from.
        evaluations: How many moves to try.
        seed: Seed of the moves.
        each: Called with the number of images after each move tried.
        better: Called with each set that was accepted.
        rules: What each set must satisfy, the first one too.

    Returns:
        The best set found, ascending.

    Notes:
        Two moves in three shift a view within its gap, one puts a view into the middle of a wide gap; groups move as
        one. A move is kept where the mean gain over the patients exceeds its standard error, so that chance on a few
        patients is not climbed.
    """
    if rules is not None:
        rules.require(start)
    rng = np.random.default_rng([seed, 3])
    count = trial.candidates
    views = start
    score = trial.worth(views)
    for _ in range(evaluations):
        trying = _move(views, count, rng, rules)
        gain = (found := trial.worth(trying)) - score
        if float(gain.mean()) > float(gain.std()) / math.sqrt(len(gain)):
            views, score = trying, found
            if better:
                better(views)
        if each:
            each(len(gain))
    return views


def _move(views: ViewSet, count: int, rng: np.random.Generator, rules: Constraints | None) -> ViewSet:
    """Return a set that differs in one view or group; the same where none was found."""
    held = set(views)
    if len(held) == count:
        return views
    for _ in range(_TRIES):
        out = int(rng.choice(views))
        leaving = {out} if rules is None else set(rules.together(out))
        if rng.uniform() < 2 / 3:
            reach = max(1, round(count * len(leaving) / len(views) / 2))
            into = (out + int(rng.integers(1, reach + 1)) * int(rng.choice([-1, 1]))) % count
        else:
            left = np.array(sorted(held - leaving) or [out])
            gaps = (np.roll(left, -1) - left) % count
            gaps[gaps == 0] = count
            widest = rng.choice(np.argsort(gaps)[-4:])
            into = int(left[widest] + gaps[widest] // 2) % count
        coming = {into} if rules is None else set(rules.together(into))
        if not coming & held and len(coming) == len(leaving):
            moved = tuple(sorted(held - leaving | coming))
            if rules is None or rules.feasible(moved):
                return moved
    return views
