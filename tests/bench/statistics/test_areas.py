import math
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import permutation_test

from svct.bench.statistics import Decisions, area_shares, compare_areas, detectability_of, pooled_area
from svct.errors import InputError

Values = NDArray[np.float64]


def read(rng: np.random.Generator, cases: int, *, seeds: int = 1, shifts: tuple[float, float]) -> list[Decisions]:
    """Return what two readers of related noise and other scales decide; half of the cases have the finding."""
    present = np.tile(np.arange(cases) % 2 == 0, seeds)
    noise = rng.normal(size=(3, cases * seeds))
    seed = np.repeat(np.arange(seeds), cases)
    return [
        Decisions(np.exp((noise[0] + noise[k + 1] + shift * present) * (k + 1)) + 100 * seed, present, seed)
        for k, shift in enumerate(shifts)
    ]


def area_of(values: Values, present: NDArray[np.bool_]) -> float:
    ill, well = values[present], values[~present]
    return float(np.mean([(a > b) + 0.5 * (a == b) for a, b in product(ill, well)]))


def test_shares_add_up_to_the_difference_of_areas_whichever_arms_are_swapped() -> None:
    ours, theirs = read(np.random.default_rng(0), 10, shifts=(3.0, 1.0))
    shares = area_shares(ours, theirs)
    a, b = ours.ranks(), theirs.ranks()
    for swapped in np.random.default_rng(1).integers(2, size=(20, 10)).astype(bool):
        first, second = np.where(swapped, b, a), np.where(swapped, a, b)
        difference = area_of(first, ours.present) - area_of(second, ours.present)
        assert float(np.where(swapped, -shares, shares).mean()) == pytest.approx(difference, abs=1e-12)


def test_the_test_is_that_of_all_swaps_of_ranks() -> None:
    ours, theirs = read(np.random.default_rng(2), 10, shifts=(4.0, 1.0))
    found = permutation_test(
        (ours.ranks(), theirs.ranks()),
        lambda a, b: area_of(a, ours.present) - area_of(b, ours.present),
        permutation_type="samples",
        n_resamples=2000,
    )
    ((auc, dprime),) = compare_areas([(ours, theirs)])
    assert auc.p == dprime.p == pytest.approx(found.pvalue, abs=1e-12)


def test_areas_pool_pairs_of_one_seed_alone() -> None:
    arms = read(np.random.default_rng(3), 20, seeds=3, shifts=(2.0, 1.0))
    each = [
        [area_of(one.values[one.seed == s], one.present[one.seed == s]) for s in range(3)] for one in arms
    ]  # the scales of seeds lie 100 apart
    gaps = [a - b for a, b in zip(*each, strict=True)]
    pooled = [pooled_area(one) for one in arms]
    assert [one.value for one in pooled] == pytest.approx([np.mean(areas) for areas in each])
    ((auc, dprime),) = compare_areas([(arms[0], arms[1])])
    assert auc.difference.mean == pytest.approx(pooled[0].value - pooled[1].value)
    assert auc.difference.seed_means == pytest.approx((min(gaps), max(gaps)))
    assert (auc.difference.patients, auc.difference.seeds) == (60, 3)
    assert dprime.difference.mean == pytest.approx(
        detectability_of(pooled[0]).value - detectability_of(pooled[1]).value
    )
    # Related noise: the interval of the difference is narrower than those of the areas by themselves.
    width = auc.difference.high - auc.difference.low
    assert 0 < width < math.hypot(*(one.high - one.low for one in pooled))


def test_infinite_detectability_is_compared() -> None:
    sure, other = read(np.random.default_rng(4), 12, shifts=(40.0, 1.0))
    rows = compare_areas([(sure, sure), (sure, other)])
    same, apart = rows[0][1].difference, rows[1][1].difference
    assert (same.low, same.mean, same.high) == (0, 0, 0)
    assert (apart.mean, apart.high) == (np.inf, np.inf)
    assert rows[0][0].p == 1


def test_a_whole_table_is_held_to_one_rate() -> None:
    rng = np.random.default_rng(5)
    false = sum(
        any(auc.verdict != "undecided" for auc, _ in compare_areas([
            (ours, theirs) for ours, theirs in (read(rng, 24, shifts=(1.5, 1.5)) for _ in range(3))
        ]))
        for _ in range(25)
    )  # fmt: skip
    assert false <= 5  # of 25 at 5 %: more have a chance of 0.1 %
    ours, theirs = read(rng, 30, seeds=3, shifts=(3.0, 0.5))
    assert [auc.verdict for auc, _ in compare_areas([(ours, theirs), (theirs, ours)])] == ["better", "worse"]


def test_other_cases_are_refused() -> None:
    one, _ = read(np.random.default_rng(6), 12, shifts=(1.0, 1.0))
    other, _ = read(np.random.default_rng(6), 14, shifts=(1.0, 1.0))
    with pytest.raises(InputError, match="decisions of both arms on the same cases and seeds, got 12 and 14 cases"):
        compare_areas([(one, other)])
    with pytest.raises(InputError, match=r"cases with and without the finding under one seed.*0 seeds with both kinds"):
        Decisions(one.values, one.present, one.present.astype(np.int64))
