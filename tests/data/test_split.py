from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svct.data import split_slices
from svct.errors import InputError


@given(
    n=st.integers(60, 400),
    spacing_mm=st.floats(2.0, 6.0),
    blocks=st.integers(1, 2),
    margin=st.integers(0, 5),
)
def test_uses_never_come_closer_than_the_gap(n: int, spacing_mm: float, blocks: int, margin: int) -> None:
    usable = [margin <= i < n - margin for i in range(n)]
    split = split_slices(n, spacing_mm=spacing_mm, blocks=blocks, usable=usable)
    use = {i: name for name in ("train", "validation", "test") for i in getattr(split, name)}
    assert len(use) == len(split.train) + len(split.validation) + len(split.test)
    ordered = sorted(use)
    for a, b in pairwise(ordered):
        if use[a] != use[b]:
            assert (b - a - 1) * spacing_mm >= 10.0 - 1e-6
    assert ordered[0] >= margin
    assert ordered[-1] < n - margin
    assert abs(len(split.test) - len(split.validation)) <= 1
    assert len(split.train) > len(split.test)


def test_chest_sized_example() -> None:
    split = split_slices(133, spacing_mm=2.5)
    assert (len(split.train), len(split.validation), len(split.test)) == (61, 20, 20)
    assert split.validation[0] == 17
    assert split.test[-1] == 116


def test_unusable_slices_inside_are_dropped() -> None:
    usable = [i != 30 for i in range(60)]
    split = split_slices(60, spacing_mm=5.0, usable=usable)
    assert 30 not in split.train + split.validation + split.test


def test_too_few_slices_say_what_helps() -> None:
    with pytest.raises(InputError, match=r"9 blocks with 8 gaps of 4 slices, got 40 usable .* fewer blocks"):
        split_slices(40, spacing_mm=2.5)


def test_bad_values_are_named() -> None:
    with pytest.raises(InputError, match="spacing_mm=0"):
        split_slices(40, spacing_mm=0)
    with pytest.raises(InputError, match=r"got 0.6 and 0.5"):
        split_slices(40, spacing_mm=5, validation=0.6, test=0.5)
    with pytest.raises(InputError, match="at least one true"):
        split_slices(3, spacing_mm=5, usable=[False] * 3)
