import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from svct.bench.statistics import holm
from svct.errors import InputError

multitest = pytest.importorskip("statsmodels.stats.multitest")


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_it_is_that_of_statsmodels(p: list[float]) -> None:
    assert holm(p) == pytest.approx(multitest.multipletests(p, method="holm")[1], abs=1e-15)


def test_none_is_none() -> None:
    assert holm([]).size == 0


@pytest.mark.parametrize("p", [[0.1, 1.2], [-0.1], [np.nan]])
def test_bad_p_values_are_named(p: list[float]) -> None:
    with pytest.raises(InputError, match="expected p-values from 0 to 1"):
        holm(p)
