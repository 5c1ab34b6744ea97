"""View sets that need no learning."""

import math

import numpy as np

from svct.errors import InputError

ViewSet = tuple[int, ...]
"""Indices of chosen candidates, ascending."""


def equidistant_sets(candidates: int, views: int) -> list[ViewSet]:
    """Return the equidistant view sets of every offset.

    Args:
        candidates: Number of candidate views, evenly over the scan's whole range: half a turn in parallel beam.
        views: How many to take.

    Returns:
        All different sets, by offset; where `views` does not divide `candidates`, angles are rounded to the nearest
        candidate.

    Raises:
        InputError: No view, or more than there are candidates.

    Example:
        >>> equidistant_sets(6, 3)
        [(0, 2, 4), (1, 3, 5)]
    """
    _check(candidates, views)
    step = candidates / views
    sets: dict[ViewSet, None] = {}
    for offset in range(math.ceil(step)):
        chosen = {math.floor(offset + i * step + 0.5) % candidates for i in range(views)}
        sets[tuple(sorted(chosen))] = None
    return list(sets)


def golden_set(candidates: int, views: int) -> ViewSet:
    """Return golden-angle views rounded to free candidates.

    Args:
        candidates: Number of candidate views, evenly over the scan's range.
        views: How many to take.

    Raises:
        InputError: No view, or more than there are candidates.

    Example:
        >>> golden_set(90, 3)
        (0, 21, 56)

    Notes:
        Steps of the golden section of the range (Kohler 2004, IEEE NSS-MIC, M10-200).
    """
    _check(candidates, views)
    golden = (math.sqrt(5) - 1) / 2
    chosen: list[int] = []
    for i in range(views):
        wish = round(i * golden % 1 * candidates)
        chosen.append(min((c for c in range(candidates) if c not in chosen), key=lambda c: abs(c - wish)))
    return tuple(sorted(chosen))


def random_set(candidates: int, views: int, *, seed: int) -> ViewSet:
    """Return views drawn at random without repetition.

    Args:
        candidates: Number of candidate views.
        views: How many to take.
        seed: Seed of the draw.

    Raises:
        InputError: No view, or more than there are candidates.

    Example:
        >>> len(random_set(90, 3, seed=0))
        3
    """
    _check(candidates, views)
    return tuple(sorted(np.random.default_rng(seed).choice(candidates, views, replace=False).tolist()))


def _check(candidates: int, views: int) -> None:
    if not 1 <= views <= candidates:
        raise InputError(f"views: expected 1 to {candidates}, the number of candidates, got {views}")
