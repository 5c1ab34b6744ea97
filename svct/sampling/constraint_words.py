"""Constraints, and what clashes with them, in words."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from svct.sampling.checks import angular_distance_deg
from svct.sampling.device import in_sector
from svct.sampling.passes import ROUNDING_DEG, off_step

if TYPE_CHECKING:
    from svct.sampling.constraints import Constraints


def described(rules: "Constraints") -> str:
    """Return the constraints in words, with their numbers."""
    parts = [f"min_gap_deg {rules.min_gap_deg:g}"] if rules.min_gap_deg else []
    if rules.max_step_deg is not None:
        parts.append(f"max_step_deg {rules.max_step_deg:g} in order {rules.order!r}")
    if rules.range_deg is not None:
        parts.append(f"range_deg {rules.range_deg[0]:g} to {rules.range_deg[1]:g}")
    parts += [f"forbidden sector {low:g} to {high:g} deg" for low, high in rules.forbidden_deg]
    if rules.step_deg is not None:
        parts.append(f"step_deg {rules.step_deg:g}")
    if rules.allowed is not None:
        parts.append(f"{len(rules.allowed)} allowed candidates")
    if rules.groups:
        parts.append(f"groups of {' or '.join(map(str, sorted({len(group) for group in rules.groups})))} views")
    if rules.max_views is not None:
        parts.append(f"max_views {rules.max_views}")
    return " and ".join(parts) or "no constraint"


def set_clashes(rules: "Constraints", chosen: Sequence[int]) -> list[str]:
    """Return what is wrong with a set of views, ascending; empty where it is feasible."""
    angles = rules.angles_deg
    found = [f"view {view} at {angles[view]:g} deg {rules.reasons[view][0]}" for view in chosen if rules.reasons[view]]
    ring = sorted(chosen, key=lambda view: angles[view] % 360)
    pairs = list(zip(ring, ring[1:] + ring[:1], strict=True)) if len(ring) > 2 else [tuple(ring)] * (len(ring) == 2)
    for a, b in pairs:
        gap = float(angular_distance_deg(np.array(angles[a]), np.array(angles[b])))
        if gap < rules.min_gap_deg - ROUNDING_DEG:
            found.append(f"views {a} and {b} {gap:g} deg apart, less than min_gap_deg {rules.min_gap_deg:g}")
    for group in rules.groups:
        taken = set(group) & set(chosen)
        if taken and taken != set(group):
            found.append(f"{len(taken)} of the {len(group)} views of the group {group}, expected all or none")
    if rules.max_views is not None and len(chosen) > rules.max_views:
        found.append(f"{len(chosen)} views, more than max_views {rules.max_views}")
    for a, b in pairwise(rules.sequence(chosen)):
        step = (angles[b] - angles[a]) % 360
        if rules.max_step_deg is not None and step > rules.max_step_deg + ROUNDING_DEG:
            found.append(
                f"views {a} and {b} follow each other {step:g} deg apart in order {rules.order!r}, more than "
                f"max_step_deg {rules.max_step_deg:g}"
            )
    return found


def lone_reasons(rules: "Constraints") -> list[list[str]]:
    """Why each candidate alone cannot be taken."""
    angles = np.array(rules.angles_deg)
    found: list[list[str]] = [[] for _ in angles]
    tests = []
    if rules.allowed is not None:
        tests.append((~np.isin(np.arange(len(angles)), rules.allowed), "is not among those allowed"))
    if rules.range_deg is not None:
        low, high = rules.range_deg
        lowest = angles + 360 * np.ceil((low - angles) / 360 - 1e-12)
        tests.append((lowest > high + ROUNDING_DEG, f"lies outside of range_deg {low:g} to {high:g}"))
    tests += [
        (in_sector(angles, low, high), f"lies in the forbidden sector {low:g} to {high:g} deg")
        for low, high in rules.forbidden_deg
    ]
    if rules.step_deg is not None:
        off = off_step(angles, rules.step_deg) > rules.step_tolerance_deg
        tests.append((off, f"is no multiple of step_deg {rules.step_deg:g}"))
    for mask, reason in tests:
        for view in np.flatnonzero(mask):
            found[view].append(reason)
    return found


def left_out(rules: "Constraints", views: Iterable[int]) -> str:
    """Say how many of some views each constraint leaves out."""
    counts: dict[str, int] = {}
    for view in views:
        for reason in rules.reasons[view]:
            counts[reason] = counts.get(reason, 0) + 1
    return ", ".join(f"{count} {reason}" for reason, count in counts.items()) or "none is left out"
