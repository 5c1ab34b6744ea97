import numpy as np
import pytest
from scipy.stats import ttest_1samp

from svct.bench.statistics import effect_size, paired_bootstrap, per_patient, sign_flip_p
from svct.errors import InputError


@pytest.mark.parametrize(("patients", "least"), [(10, 0.87), (30, 0.91)])
def test_bootstrap_intervals_cover(patients: int, least: float) -> None:
    """Percentile intervals are narrow for few patients; docs/statistics.md has the figures of more trials."""
    rng = np.random.default_rng(patients)
    held = 0
    for trial in range(300):
        theirs = rng.normal(30, 3, patients)
        found = paired_bootstrap(theirs + rng.normal(0.2, 0.5, patients), theirs, seed=trial)
        held += found.low <= 0.2 <= found.high
    assert least <= held / 300 <= 0.975


def test_seeds_are_no_patients() -> None:
    rng = np.random.default_rng(0)
    difference = rng.normal(0.1, 1, 12)
    once = paired_bootstrap(difference, np.zeros(12))
    thrice = paired_bootstrap(np.stack([difference] * 3), np.zeros((3, 12)))
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high))
    assert (thrice.patients, thrice.seeds) == (12, 3)
    shifted = np.stack([difference - 1, difference, difference + 1])
    found = paired_bootstrap(shifted, np.zeros((3, 12)))
    assert found.seed_means == pytest.approx((found.mean - 1, found.mean + 1))
    assert per_patient(shifted) == pytest.approx(difference)


def test_swaps_count_all_where_they_are_few() -> None:
    d = np.array([0.3, -0.1, 0.4, 0.2])
    signs = np.array(np.meshgrid(*[[-1, 1]] * 4)).reshape(4, -1).T
    far = np.abs(signs @ d) >= abs(d.sum()) - 1e-12
    assert sign_flip_p(d, np.zeros(4)) == pytest.approx(far.mean())
    assert sign_flip_p(np.ones(4), np.ones(4)) == 1.0


def test_swaps_agree_with_students_test() -> None:
    d = np.random.default_rng(3).normal(0.25, 1, 60)
    assert sign_flip_p(d, np.zeros(60)) == pytest.approx(float(ttest_1samp(d, 0).pvalue), rel=0.15)


def test_the_effect_size_is_unbiased() -> None:
    rng = np.random.default_rng(1)
    found = [effect_size(rng.normal(0.8, 1, 6), np.zeros(6)) for _ in range(2000)]
    assert np.mean([e.g for e in found]) == pytest.approx(0.8, abs=0.03)
    assert np.mean([e.d for e in found]) > 0.9
    # Hedges' own approximation of the factor, good to 0.001 from 10 degrees of freedom on.
    effect = effect_size(rng.normal(1, 1, 20), np.zeros(20))
    assert effect.g / effect.d == pytest.approx(1 - 3 / (4 * 19 - 1), abs=1e-3)


def test_effects_without_scatter() -> None:
    assert effect_size([1.0, 2.0], [1.0, 2.0]).d == 0
    assert effect_size([1.0, 2.0], [2.0, 3.0]).g == -np.inf


@pytest.mark.parametrize(
    ("ours", "theirs", "message"),
    [
        ([1.0], [1.0], "two or more patients"),
        ([1.0, np.inf], [1.0, 2.0], "with NaN or infinity"),
        ([1.0, 2.0, 3.0], [1.0, 2.0], r"got \(1, 3\) and \(1, 2\)"),
    ],
)
def test_bad_figures_are_named(ours: list[float], theirs: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        paired_bootstrap(ours, theirs)
