import numpy as np
import pytest

from svct.bench.statistics import holm
from svct.errors import InputError

multitest = pytest.importorskip("statsmodels.stats.multitest")


def test_it_is_that_of_statsmodels() -> None:
    rng = np.random.default_rng(0)
    for count in (1, 2, 3, 10, 40):  # few: each call of theirs collects garbage
        p = np.round(rng.uniform(0, 1, count) ** 3, 2)  # small ones, and ties
        assert holm(p) == pytest.approx(multitest.multipletests(p, method="holm")[1], abs=1e-15)


def test_none_is_none() -> None:
    assert holm([]).size == 0


@pytest.mark.parametrize("p", [[0.1, 1.2], [-0.1], [np.nan]])
def test_bad_p_values_are_named(p: list[float]) -> None:
    with pytest.raises(InputError, match="expected p-values from 0 to 1"):
        holm(p)
