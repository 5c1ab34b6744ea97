"""Equivalence: showing that a difference is smaller than what matters."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import ttest_1samp

from svct.bench.compare import mean_draws
from svct.bench.statistics.paired import Figures, difference
from svct.errors import InputError, unknown_name


@dataclass(frozen=True)
class Equivalence:
    """Whether a mean paired difference lies within a margin.

    Args:
        margin: The least difference that matters, in the figures' unit.
        p_not_less: P-value against "ours is less than theirs by the margin or more".
        p_not_more: P-value against "ours is more than theirs by the margin or more".
        low: Lower end of the interval of confidence ``1 - 2 alpha``.
        high: Its upper end.
        alpha: The level.
    """

    margin: float
    p_not_less: float
    p_not_more: float
    low: float
    high: float
    alpha: float

    @property
    def p(self) -> float:
        """P-value of the two one-sided tests: the larger of both."""
        return max(self.p_not_less, self.p_not_more)

    @property
    def equivalent(self) -> bool:
        """Whether the difference is shown to lie within the margin on both sides."""
        return self.p < self.alpha

    @property
    def not_less(self) -> bool:
        """Whether ours is shown not to be less by the margin; "no worse" where more is better."""
        return self.p_not_less < self.alpha


def tost(
    ours: Figures,
    theirs: Figures,
    *,
    margin: float,
    alpha: float = 0.05,
    method: str = "t",
    seed: int = 0,
) -> Equivalence:
    """Test two arms for equivalence by two one-sided tests.

    Args:
        ours: ``(patient,)`` or ``(seed, patient)``.
        theirs: The same patients and seeds under the baseline.
        margin: The least difference that matters, in the figures' unit; to be set before looking.
        alpha: Level of each test.
        method: ``"t"``, Student's, or ``"bootstrap"``, the share of 10000 resampled means beyond the margin, which
            errs more often with few patients.
        seed: Of the resampling.

    Raises:
        InputError: A margin that is not positive, an alpha outside of 0 to 0.5, or as
            `svct.bench.statistics.paired_bootstrap`.
        UnknownNameError: No such method.

    Example:
        >>> found = tost([30.0, 31.0, 32.0, 33.0], [30.01, 30.98, 32.02, 33.0], margin=0.1)
        >>> found.equivalent, found.low > -0.1
        (True, True)

    Notes:
        Schuirmann 1987, J. Pharmacokinet. Biopharm. 15:657, on paired differences; equivalent if and only if the
        interval of confidence ``1 - 2 alpha`` lies within the margin. A difference that is not significant is not
        thereby none.
    """
    if not margin > 0 or not np.isfinite(margin) or not 0 < alpha < 0.5:
        raise InputError(f"tost: expected a positive margin and an alpha below 0.5, got {margin!r} and {alpha!r}")
    d = difference(ours, theirs).mean(axis=0)
    if method == "bootstrap":
        draws = mean_draws(d, seed=seed)
        low, high = np.quantile(draws, [alpha, 1 - alpha]).tolist()
        below, above = (float((1 + hit.sum()) / (1 + len(draws))) for hit in (draws <= -margin, draws >= margin))
        return Equivalence(margin, below, above, low, high, alpha)
    if method != "t":
        raise unknown_name("method of tost", method, ["t", "bootstrap"])
    if float(d.std()) <= 1e-12 * margin:  # no scatter: no test is needed
        mean = float(d.mean())
        return Equivalence(margin, float(mean <= -margin), float(mean >= margin), mean, mean, alpha)
    less, more = ttest_1samp(d, -margin, alternative="greater"), ttest_1samp(d, margin, alternative="less")
    interval = ttest_1samp(d, 0).confidence_interval(1 - 2 * alpha)
    return Equivalence(margin, float(less.pvalue), float(more.pvalue), float(interval.low), float(interval.high), alpha)
