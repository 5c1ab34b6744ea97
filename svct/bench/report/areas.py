"""AUC and d' of readers, their patients pooled over seeds, and compared with equidistant views in pairs."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from svct.bench.report.load import Result
from svct.bench.report.tables import ALPHA, DECISIONS, REFERENCE, Point, Setting, by_setting
from svct.bench.statistics import Comparison, Decisions, compare_areas, detectability_of, pooled_area

Case = tuple[int, int]
"""Seed and number of a patient: each seed has patients of its own."""

Read = Mapping[Case, tuple[float, bool]]
"""What a reader decided on each case, and whether the finding is there."""


def areas_of(results: Sequence[Result]) -> dict[Setting, Read]:
    """Return what readers decided, by settings of their AUC; settings where no seed has both kinds are left out."""
    # All results, so that panels have the names that other figures' have.
    groups = by_setting(results)
    found: dict[Setting, Read] = {}
    for setting, group in groups.items():
        if setting.metric != DECISIONS[0]:
            continue
        truth = {(r.seed, r.patient): r.value > 0 for r in groups.get(replace(setting, metric=DECISIONS[1]), ())}
        decided = {(r.seed, r.patient): r.value for r in group if math.isfinite(r.value)}
        cases = {case: (value, truth[case]) for case, value in decided.items() if case in truth}
        if _both_kinds(cases):
            found[replace(setting, metric="auc")] = cases
    return found


def area_points(areas: Mapping[Setting, Read]) -> dict[Setting, Point]:
    """Return AUC and d' with 95 % bootstrap intervals over the patients of all seeds."""
    points = {}
    for setting, read in areas.items():
        decisions = _decisions(read, sorted(read))
        auc, seeds = pooled_area(decisions), len({seed for seed, _ in read})
        for metric, figure in (("auc", auc), ("dprime", detectability_of(auc))):
            points[replace(setting, metric=metric)] = Point(
                figure.value, figure.low, figure.high, len(read), seeds, "", {}
            )
    return points


def area_comparisons(areas: Mapping[Setting, Read]) -> dict[Setting, Comparison]:
    """Compare every sampler with the reference on the cases that both read.

    Verdicts are adjusted for all comparisons of a table, which has one reader, reconstruction and flux.
    """
    tables: dict[Setting, dict[Setting, tuple[Decisions, Decisions]]] = defaultdict(dict)
    for setting, read in areas.items():
        other = areas.get(replace(setting, sampler=REFERENCE))
        if setting.sampler == REFERENCE or other is None:
            continue
        shared = sorted(read.keys() & other.keys())
        if _both_kinds({case: read[case] for case in shared}):
            table = replace(setting, panel="", sampler="", views=0)
            tables[table][setting] = _decisions(read, shared), _decisions(other, shared)
    found = {}
    for pairs in tables.values():
        for setting, (auc, dprime) in zip(pairs, compare_areas(list(pairs.values()), alpha=ALPHA), strict=True):
            found[setting] = auc
            found[replace(setting, metric="dprime")] = dprime
    return found


def _decisions(read: Read, cases: Sequence[Case]) -> Decisions:
    values, present = zip(*(read[case] for case in cases), strict=True)
    return Decisions(np.array(values), np.array(present), np.array([seed for seed, _ in cases]))


def _both_kinds(read: Read) -> bool:
    """Return whether a seed has cases with and without the finding."""
    with_it, without = ({seed for (seed, _), (_, there) in read.items() if there == kind} for kind in (True, False))
    return bool(with_it & without)
