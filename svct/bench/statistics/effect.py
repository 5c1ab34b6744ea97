"""Effect sizes of paired comparisons."""

from dataclasses import dataclass
from math import exp, inf, lgamma, sqrt

from svct.bench.statistics.paired import Figures, difference


@dataclass(frozen=True)
class Effect:
    """How large a paired difference is beside its scatter over patients.

    Args:
        d: Cohen's d of paired figures: mean difference over the standard deviation of the differences.
        g: Hedges' g: the same without the bias of few patients.
    """

    d: float
    g: float


def effect_size(ours: Figures, theirs: Figures) -> Effect:
    """Return the effect size of a paired comparison.

    Args:
        ours: ``(patient,)`` or ``(seed, patient)``.
        theirs: The same patients and seeds under the baseline.

    Returns:
        0 where nothing differs, infinite where all differ by the same.

    Raises:
        InputError: See `svct.bench.statistics.paired_bootstrap`.

    Example:
        >>> effect = effect_size([1.0, 2.0, 3.0], [0.0, 0.0, 0.0])
        >>> round(effect.d, 3), round(effect.g, 3)
        (2.0, 1.128)

    Notes:
        d is Cohen's d_z (Cohen 1988, section 2.3.5; Lakens 2013, Front. Psychol. 4:863, equation 6): how steady the
        difference is from patient to patient, not how much it matters. With m one less than the patients ::

            g = d Gamma(m/2) / (sqrt(m/2) Gamma((m-1)/2))

        (Hedges 1981, J. Educ. Stat. 6:107), which two patients leave without a value: g is 0 there.
    """
    d = difference(ours, theirs).mean(axis=0)
    mean, spread, m = float(d.mean()), float(d.std(ddof=1)), len(d) - 1
    if spread <= 1e-12 * max(abs(mean), 1e-300):
        size = 0.0 if mean == 0 else inf * mean
        return Effect(size, size)
    unbiased = exp(lgamma(m / 2) - lgamma((m - 1) / 2)) / sqrt(m / 2) if m > 1 else 0.0
    return Effect(mean / spread, unbiased * mean / spread)
