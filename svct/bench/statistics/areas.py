"""Paired comparison of areas under the ROC curve, over patients of several seeds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from svct.bench.diagnosis_auc import area, cross_fitted_auc
from svct.bench.statistics.paired import Paired
from svct.bench.statistics.table import Comparison, compare_arms
from svct.errors import InputError
from svct.tasks.heads.scores import Figure

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Decisions:
    """What a reader decided on cases, each of a patient of its own.

    Args:
        values: The larger the surer, ``(case,)``.
        present: Whether the finding is there, ``(case,)``.
        seed: Of the fit of the reader that decided, ``(case,)``; decisions of different fits are not compared.

    Raises:
        InputError: Lengths that differ, a decision that is not finite, or no seed with cases of both kinds.
    """

    values: Values
    present: NDArray[np.bool_]
    seed: NDArray[np.int64]

    def __post_init__(self) -> None:
        shapes = {self.values.shape, self.present.shape, self.seed.shape}
        both = {int(s) for s in self.seed[self.present]} & {int(s) for s in self.seed[~self.present]}
        if len(shapes) > 1 or not np.isfinite(self.values).all() or not both:
            raise InputError(
                f"decisions: expected finite ones of cases with and without the finding under one seed, with a seed "
                f"each, got shapes {sorted(shapes)} and {len(both)} seeds with both kinds"
            )

    def ranks(self) -> Values:
        """Return the rank of each decision among those of its seed, ties at their mean."""
        ranks = np.empty_like(self.values)
        for seed in np.unique(self.seed):
            ranks[self.seed == seed] = rankdata(self.values[self.seed == seed])
        return ranks


def pooled_area(decisions: Decisions) -> Figure:
    """Return the area over pairs of cases of one seed, with its 95 % bootstrap interval over the patients of all seeds.

    Example:
        >>> both = np.array([True, False] * 2)
        >>> pooled_area(Decisions(np.array([2.0, 1.0, 5.0, 7.0]), both, np.array([0, 0, 1, 1]))).value
        0.5
    """
    return area(decisions.values, decisions.present, decisions.seed)


def detectability_of(auc: Figure) -> Figure:
    """Return d' = sqrt 2 Phi^-1(AUC) of an area (Barrett and Myers 2004, section 13.2.4); infinite for one of 1."""
    value, low, high = (math.sqrt(2) * float(norm.ppf(one)) for one in (auc.value, auc.low, auc.high))
    return Figure(value, low, high, np.sqrt(2) * norm.ppf(auc.draws))


def compare_areas(
    pairs: Sequence[tuple[Decisions, Decisions]], *, alpha: float = 0.05
) -> list[tuple[Comparison, Comparison]]:
    """Compare areas under the ROC curve, and d', of arms that read the same cases.

    Args:
        pairs: Of a table, the decisions of an arm and those of its baseline.
        alpha: Chance of any wrong "better" or "worse" in the whole table.

    Returns:
        For each pair the comparison of the areas and that of d', which has the same p-values and verdict: d' grows with
        the area. Effect sizes are those of `area_shares`.

    Raises:
        InputError: Not the same cases.

    Notes:
        Differences are of the pooled areas (`pooled_area`), their intervals of the same draws of patients; tests swap
        arms within patients (`area_shares`, `svct.bench.statistics.sign_flip_p`), with Holm's correction over the
        table. All is for readers as they were fitted: fitting them anew would scatter more.
    """
    shares = {str(k): area_shares(*pair) for k, pair in enumerate(pairs)}
    rows = compare_arms(
        {name: {"ours": own, "theirs": np.zeros_like(own)} for name, own in shares.items()},
        baseline="theirs",
        alpha=alpha,
    )
    found = []
    for row, pair in zip(rows, pairs, strict=True):
        areas, by_seed = [pooled_area(one) for one in pair], [_by_seed(one) for one in pair]
        found.append((
            replace(row, difference=_difference(areas, by_seed, pair[0])),
            replace(row, difference=_difference(
                [detectability_of(one) for one in areas], [math.sqrt(2) * norm.ppf(one) for one in by_seed], pair[0]
            )),
        ))  # fmt: skip
    return found


def area_shares(ours: Decisions, theirs: Decisions) -> Values:
    """Return what each patient adds to the difference of two areas, so that their mean is the difference.

    Args:
        ours: Decisions of one arm.
        theirs: Those of the other on the same cases.

    Returns:
        Float64 ``(case,)``. Swapping the arms within a patient turns the sign of its share and leaves those of others.

    Raises:
        InputError: Not the same cases.

    Example:
        >>> present, seed = np.array([True, True, False, False]), np.zeros(4, np.int64)
        >>> good, bad = (Decisions(np.array(v), present, seed) for v in ([3.0, 4.0, 1.0, 2.0], [3.0, 1.0, 2.0, 4.0]))
        >>> float(area_shares(good, bad).mean())
        0.75

    Notes:
        Decisions of two arms are not on one scale: they are replaced by their ranks before arms are swapped
        (Venkatraman and Begg 1996, Biometrika 83:835; for areas Bandos, Rockette and Gur 2005, Stat. Med. 24:2873). The
        difference
        of the areas after swaps is then linear in their signs: with W_ab = 1 where the rank in arm a of a case with the
        finding is above that in arm b of one without, and one half where equal, the share of a case with it is the sum
        over those without of ``(W_00 + W_01 - W_10 - W_11) / 2``, and that of a case without the sum over those with
        of ``(W_00 - W_01 + W_10 - W_11) / 2``. A sign-flip test on the shares is the test of all swaps.
    """
    _require_same(ours, theirs)
    ill, well = np.flatnonzero(ours.present), np.flatnonzero(~ours.present)
    together = ours.seed[ill][:, None] == ours.seed[well]
    ranks = ours.ranks(), theirs.ranks()
    ahead = [[a[ill][:, None] - b[well] for b in ranks] for a in ranks]
    w = [[together * ((d > 0) + 0.5 * (d == 0)) for d in row] for row in ahead]
    shares: Values = np.empty(len(ours.values))
    shares[ill] = (w[0][0] + w[0][1] - w[1][0] - w[1][1]).sum(axis=1)
    shares[well] = (w[0][0] - w[0][1] + w[1][0] - w[1][1]).sum(axis=0)
    shares *= len(shares) / (2 * together.sum())
    return shares


def _difference(figures: Sequence[Figure], by_seed: Sequence[Values], cases: Decisions) -> Paired:
    """Return ours less theirs; the draws of both are of the same patients."""
    ours, theirs = figures
    mean = float(_less(np.array(ours.value), np.array(theirs.value)))
    draws = _less(ours.draws, theirs.draws)
    # No interpolation, since d' can be infinite.
    low, high = np.quantile(draws[~np.isnan(draws)], [0.025, 0.975], method="inverted_cdf").tolist()
    seeds = _less(*by_seed)
    ends = float(seeds.min()), float(seeds.max())
    return Paired(mean, min(low, mean), max(high, mean), len(cases.values), len(seeds), ends, 0.95)


def _less(ours: Values, theirs: Values) -> Values:
    """Return ours less theirs, and 0 where both are the same, infinity included."""
    found: Values = np.subtract(ours, theirs, out=np.zeros_like(ours), where=ours != theirs)
    return found


def _by_seed(decisions: Decisions) -> Values:
    """Return the area of each seed that has cases of both kinds."""
    counts = np.array([decisions.seed == seed for seed in np.unique(decisions.seed)], dtype=np.float64)
    areas = cross_fitted_auc(decisions.values, decisions.present, decisions.seed)(counts)
    found: Values = areas[~np.isnan(areas)]
    return found


def _require_same(ours: Decisions, theirs: Decisions) -> None:
    if not (np.array_equal(ours.present, theirs.present) and np.array_equal(ours.seed, theirs.seed)):
        raise InputError(
            f"areas: expected decisions of both arms on the same cases and seeds, got {len(ours.values)} and "
            f"{len(theirs.values)} cases; leave out what only one has"
        )
