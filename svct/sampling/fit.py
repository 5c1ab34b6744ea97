"""View sets that a device can take: the nearest to those wished for, and evenly spread ones."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float64
from torch import Tensor

from svct.errors import InputError
from svct.sampling.checks import angular_distance_deg
from svct.sampling.constraints import Constraints
from svct.sampling.fixed import ViewSet, equidistant_sets

Spread = Callable[[int, int], ViewSet]
"""Takes how many places there are and how many to take; returns those taken, ascending."""


def nearest(rules: Constraints | None, wish: Sequence[int]) -> ViewSet:
    """Return the views wished for, each moved to the nearest candidate that may be taken with those before it.

    Args:
        rules: What a set must satisfy; None where anything goes.
        wish: Different candidates.

    Raises:
        InputError: So many views do not fit.

    Example:
        >>> nearest(Constraints(angles_deg=tuple(range(0, 180, 10)), forbidden_deg=((15, 45),)), (0, 4, 9))
        (0, 5, 9)
    """
    views = tuple(sorted(wish))
    if rules is None or rules.feasible(views):
        return views
    angles = np.array(rules.angles_deg)
    chosen: list[int] = []
    for view in wish:
        if len(chosen) < len(wish):
            far = angular_distance_deg(angles, angles[view : view + 1])
            found = rules.first_allowed(np.argsort(far, kind="stable").tolist(), chosen, views=len(wish))
            chosen += rules.together(found)
    rules.require(chosen)
    return tuple(sorted(chosen))


def spread(rules: Constraints | None, place: Spread, *, candidates: int, budget: int) -> ViewSet:
    """Spread views over what can be taken, by a function that spreads them over places of one kind.

    Args:
        rules: What a set must satisfy; None where anything goes.
        place: Takes places among all units that can be taken, so that a forbidden sector is stepped over.
        candidates: How many there are.
        budget: How many views.
    """
    if rules is None:
        return place(candidates, budget)
    units = rules.units
    size = unit_size(units)
    taken = place(len(units), max(1, min(len(units), round(budget / size))))
    wish = [view for i in taken for view in units[i]][:budget]
    rest = [v for unit in units for v in unit if v not in wish]
    return nearest(rules, [*wish, *rest[: budget - len(wish)]])


def even_sets(candidates: int, budget: int, rules: Constraints | None = None) -> list[ViewSet]:
    """Return evenly spread view sets of every offset that satisfy the constraints.

    With constraints these are two families: evenly over what can be taken, which steps over what cannot; and evenly
    over the whole scan, each view moved to the nearest candidate that can be taken. Without, those of
    `svct.sampling.fixed.equidistant_sets`.

    Args:
        candidates: Number of candidates, evenly over the scan's range.
        budget: How many views.
        rules: What each set must satisfy.

    Raises:
        InputError: So many views do not fit.

    Example:
        >>> even_sets(6, 2, Constraints(angles_deg=(0, 30, 60, 90, 120, 150), forbidden_deg=((80, 130),)))
        [(0, 2), (1, 5), (2, 5)]
    """
    if rules is None:
        return equidistant_sets(candidates, budget)
    rules.require_budget(budget)
    units = rules.units
    count = max(1, min(len(units), round(budget / unit_size(units))))
    sets: dict[ViewSet, None] = {}
    for row in equidistant_sets(len(units), count):
        sets[spread(rules, lambda _places, _views, row=row: row, candidates=candidates, budget=budget)] = None  # type: ignore[misc]
    for row in equidistant_sets(candidates, budget):
        sets[nearest(rules, row)] = None
    return list(sets)


def blocks(candidates: int, size: int) -> tuple[ViewSet, ...]:
    """Return groups of neighbouring candidates, such as a detector reads out at once; what is left over is no group.

    Raises:
        InputError: No view in a group, or more than there are candidates.

    Example:
        >>> blocks(7, 3)
        ((0, 1, 2), (3, 4, 5))
    """
    if not 1 <= size <= candidates:
        raise InputError(f"group: expected 1 to {candidates} views, the number of candidates, got {size}")
    return tuple(tuple(range(first, first + size)) for first in range(0, candidates - size + 1, size))


def thinned(rules: Constraints | None, *, candidates: int, budget: int, most: int) -> list[int]:
    """Return about `most` candidates, evenly taken in whole groups, among which the budget fits still; or all.

    Args:
        rules: What a set must satisfy; None where anything goes.
        candidates: How many there are.
        budget: How many views are to be chosen among them.
        most: About how many are wanted.
    """
    if rules is None:
        return list(range(0, candidates, max(1, min(candidates // most, candidates // (2 * budget)))))
    units = rules.units
    whole = [view for unit in units for view in unit]
    every = max(1, min(len(whole) // most, len(whole) // (2 * budget)))
    some = sorted(view for unit in units[::every] for view in unit)
    try:
        rules.among(some).require_budget(budget)
    except InputError:  # they would not fit among fewer
        return sorted(whole)
    return some


def unit_size(units: Sequence[Sequence[int]]) -> int:
    """Return how many views the largest group has."""
    return max(len(unit) for unit in units)


def stacked(
    rows: Float64[Tensor, "view ..."], units: Sequence[Sequence[int]], *, fill: float
) -> Float64[Tensor, "unit ..."]:
    """Return the rays of each group's views as those of one view.

    Args:
        rows: Something for every ray ``(view, bin, ...)``.
        units: Views of each group; smaller groups get rays of the value `fill`.
        fill: What stands for rays that are not there.
    """
    size = unit_size(units)
    padded = rows.new_full((len(units), size, *rows.shape[1:]), fill)
    for i, unit in enumerate(units):
        padded[i, : len(unit)] = rows[list(unit)]
    return padded.flatten(1, 2)
