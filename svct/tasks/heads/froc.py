"""Free-response ROC analysis: lesions that are found against marks that hit none."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from svct.tasks.heads.roc import counted, ratio
from svct.tasks.heads.scores import Statistic, Values

RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""False positives per image at which the sensitivity is stated; CPM is the mean of them."""


@dataclass(frozen=True)
class Mark:
    """What a detector marked.

    Args:
        case: Number of the case.
        confidence: The larger the surer.
        hit: Whether it is the first on a lesion; otherwise it hits none.
    """

    case: int
    confidence: float
    hit: bool


def sensitivity_at_rate(marks: Sequence[Mark], lesions: Values, *, rate: float) -> Statistic:
    """Return the statistic that is the greatest part of lesions found with no more false positives per image.

    Args:
        marks: All marks.
        lesions: How many lesions each case has, ``(case,)``.
        rate: False positives per image.

    Notes:
        Bunch et al. 1978, J. Appl. Photogr. Eng. 4:166. The curve is a staircase: nothing is interpolated.
    """
    case = np.array([mark.case for mark in marks], int)
    hit = np.array([mark.hit for mark in marks], bool)
    levels, place = np.unique([-mark.confidence for mark in marks], return_inverse=True)

    def statistic(times: Values) -> Values:
        found = np.zeros((len(times), 1))
        false = np.zeros((len(times), 1))
        if len(marks):
            each = times[:, case]
            found, false = (np.cumsum(counted(each * which, place, len(levels)), axis=1) for which in (hit, ~hit))
        part = ratio(found, (times @ lesions)[:, None])
        allowed = ratio(false, times.sum(axis=1)[:, None]) <= rate + 1e-12
        best = np.where(allowed, part, 0.0).max(axis=1)
        return np.where(times @ lesions > 0, best, np.nan)

    return statistic


def cpm(marks: Sequence[Mark], lesions: Values) -> Statistic:
    """Return the statistic that is the mean sensitivity at `RATES`, the competition performance metric.

    Args:
        marks: See `sensitivity_at_rate`; likewise `lesions`.
        lesions: How many lesions each case has.

    Notes:
        Niemeijer et al. 2011, IEEE Trans. Med. Imaging 30:215.
    """
    parts = [sensitivity_at_rate(marks, lesions, rate=rate) for rate in RATES]

    def statistic(times: Values) -> Values:
        mean: Values = np.mean([part(times) for part in parts], axis=0)
        return mean

    return statistic
