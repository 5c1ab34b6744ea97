import numpy as np
import pytest

from svct.bench.statistics import tost
from svct.errors import InputError, UnknownNameError


def test_it_is_that_of_statsmodels() -> None:
    weightstats = pytest.importorskip("statsmodels.stats.weightstats")
    rng = np.random.default_rng(0)
    for _ in range(20):
        ours, theirs = rng.normal(0.1, 1, (2, 15))
        p, less, more = weightstats.ttost_paired(ours, theirs, -0.7, 0.7)
        found = tost(ours, theirs, margin=0.7)
        assert (found.p, found.p_not_less, found.p_not_more) == pytest.approx((p, less[1], more[1]))
        assert found.equivalent == (found.low > -0.7 and found.high < 0.7)


@pytest.mark.parametrize("method", ["t", "bootstrap"])
def test_it_errs_as_often_as_it_says(method: str) -> None:
    """At the very margin, where it errs most, and without a difference, where it should find equivalence."""
    rng = np.random.default_rng(1)
    trials, patients = (400, 30) if method == "t" else (150, 30)
    zero = np.zeros(patients)
    wrong = [tost(rng.normal(0.5, 1, patients), zero, margin=0.5, method=method).equivalent for _ in range(trials)]
    right = [tost(rng.normal(0, 1, patients), zero, margin=1.0, method=method).equivalent for _ in range(50)]
    assert np.mean(wrong) == pytest.approx(0.05, abs=3 * (0.05 * 0.95 / trials) ** 0.5 + 0.01)
    assert all(right)


def test_no_worse_has_one_side() -> None:
    better = np.random.default_rng(2).normal(3, 1, 20)
    found = tost(better, np.zeros(20), margin=0.5)
    assert found.not_less
    assert not found.equivalent


def test_what_does_not_scatter_needs_no_test() -> None:
    assert tost([1.0, 2.0], [1.0, 2.0], margin=0.1).p == 0
    assert tost([1.0, 2.0], [2.0, 3.0], margin=0.5).p == 1


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="positive margin"):
        tost([1.0, 2.0], [1.0, 2.0], margin=0.0)
    with pytest.raises(UnknownNameError, match="unknown method of tost 'z'"):
        tost([1.0, 2.0], [1.0, 2.5], margin=0.1, method="z")
