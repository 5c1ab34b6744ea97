import numpy as np
import pytest

from svct.bench.compare import paired_gain
from svct.bench.view_sets import PATTERNS, draw_angles
from svct.errors import InputError


def test_the_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for trial in range(200):
        theirs = rng.normal(30, 3, 40)
        gain = paired_gain((theirs + rng.normal(0.2, 0.5, 40)).tolist(), theirs.tolist(), baseline="b", seed=trial)
        held += gain.low_db <= 0.2 <= gain.high_db
    assert 0.88 <= held / 200 <= 0.99


def test_pairing_ignores_what_patients_share() -> None:
    theirs = np.linspace(10, 50, 20)
    gain = paired_gain((theirs + 0.1).tolist(), theirs.tolist(), baseline="b")
    assert gain.low_db == pytest.approx(0.1)
    assert gain.high_db == pytest.approx(0.1)
    assert gain.significant
    assert not paired_gain(theirs.tolist(), theirs.tolist(), baseline="b").significant


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="at least two patients in each list, got 1 and 1"):
        paired_gain([1.0], [2.0], baseline="b")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_view_sets_lie_in_half_a_turn(pattern: str) -> None:
    angles = draw_angles(pattern, 24, np.random.default_rng(1))
    assert len(angles) == 24
    assert angles.min() >= 0
    assert angles.max() < np.pi
    assert (np.diff(angles) >= 0).all()
    if pattern == "equidistant":
        assert np.diff(angles) == pytest.approx(np.full(23, np.pi / 24))
