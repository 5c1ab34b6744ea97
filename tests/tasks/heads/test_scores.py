import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.metrics import roc_auc_score, roc_curve

from svct.errors import InputError, UnknownNameError
from svct.tasks.heads.froc import RATES, Mark, cpm, sensitivity_at_rate
from svct.tasks.heads.roc import auc, sensitivity_at
from svct.tasks.heads.scores import Scores, Statistic, Values, difference, draw_patients, figure, mean_of


def once(statistic: Statistic, cases: int) -> float:
    return float(statistic(np.ones((1, cases)))[0])


def decisions(
    seed: int, *, count: int = 60, apart: float = 1.2, ties: bool = False
) -> tuple[Values, NDArray[np.bool_]]:
    rng = np.random.default_rng(seed)
    present = np.arange(count) % 2 == 0
    values = rng.normal(size=count) + apart * present
    return (np.round(values * 2) if ties else values), present


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_area_is_that_of_scikit_learn(seed: int, ties: bool) -> None:
    values, present = decisions(seed, ties=ties)
    assert once(auc(values, present), 60) == pytest.approx(roc_auc_score(present, values), abs=1e-12)
    times = draw_patients(np.arange(60), resamples=20, seed=seed)
    ours = auc(values, present)(times)
    assert ours == pytest.approx([roc_auc_score(present, values, sample_weight=t) for t in times], abs=1e-12)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("specificity", [0.0, 0.8, 0.9, 1.0])
def test_the_sensitivity_is_on_the_curve_of_scikit_learn(specificity: float, ties: bool) -> None:
    values, present = decisions(3, ties=ties)
    times = draw_patients(np.arange(60), resamples=20, seed=0)
    ours = sensitivity_at(values, present, specificity=specificity)(times)
    for t, sensitivity in zip(times, ours, strict=True):
        false, true, _ = roc_curve(present, values, sample_weight=t, drop_intermediate=False)
        assert sensitivity == pytest.approx(true[false <= 1 - specificity + 1e-9].max(), abs=1e-12)


def test_froc_by_hand() -> None:
    # Four images, three lesions: two in the first, one in the second.
    lesions = np.array([2.0, 1.0, 0.0, 0.0])
    marks = [
        Mark(0, 0.9, True), Mark(2, 0.8, False), Mark(1, 0.7, True), Mark(3, 0.6, False), Mark(0, 0.5, False),
        Mark(0, 0.4, True), Mark(2, 0.3, False),
    ]  # fmt: skip
    wanted = {0.125: 1 / 3, 0.25: 2 / 3, 0.5: 2 / 3, 1.0: 1.0, 2.0: 1.0, 4.0: 1.0, 8.0: 1.0}
    assert {r: once(sensitivity_at_rate(marks, lesions, rate=r), 4) for r in RATES} == pytest.approx(wanted)
    assert once(cpm(marks, lesions), 4) == pytest.approx((1 / 3 + 4 / 3 + 4) / 7)
    # 0.5 false marks per image leave out everything after the second false one, 0.75 reach the last lesion.
    assert once(sensitivity_at_rate(marks, lesions, rate=0.74), 4) == pytest.approx(2 / 3)
    assert once(sensitivity_at_rate(marks, lesions, rate=0.75), 4) == pytest.approx(1.0)
    # A case that counts twice counts with all its lesions and marks.
    double = sensitivity_at_rate(marks, lesions, rate=0.3)(np.array([[1.0, 2.0, 1.0, 1.0]]))
    assert double == pytest.approx([3 / 4])
    assert once(cpm([], lesions), 4) == 0.0
    assert np.isnan(once(cpm(marks, np.zeros(4)), 4))
    # Marks of the same confidence come together.
    level = [Mark(0, 0.5, True), Mark(2, 0.5, False)]
    assert once(sensitivity_at_rate(level, lesions, rate=0.125), 4) == 0.0


@pytest.mark.parametrize("slices", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_intervals_cover_the_true_area(slices: int) -> None:
    # Patients of one or several cases each; the decisions of a patient share half of their variance.
    true, patients, hit, studies = float(norm.cdf(1.2 / np.sqrt(2))), 100, 0, 1000
    for study in range(studies):
        rng = np.random.default_rng([slices, study])
        who = np.repeat(np.arange(patients), slices)
        present = who % 2 == 0
        own = rng.normal(size=patients)[who] if slices > 1 else rng.normal(size=patients)
        noise = (own + rng.normal(size=len(who))) / np.sqrt(2)
        times = draw_patients(who, resamples=400, seed=study)
        found = figure(auc(noise + 1.2 * present, present), times)
        hit += found.low <= true <= found.high
    assert 0.93 <= hit / studies <= 0.97


def test_paired_differences_are_of_the_same_draws() -> None:
    values, present = decisions(0)
    times = draw_patients(np.arange(60), resamples=500, seed=1)
    better, worse = (figure(auc(v, present), times) for v in (values + present, values))
    first, second = (Scores("reader", "auc", {"auc": f}, 60, 60, seed=1) for f in (better, worse))
    gain = difference(first, second)
    assert gain.value == better.value - worse.value
    assert 0 < gain.low < gain.value < gain.high
    assert gain.high - gain.low < (better.high - better.low) + (worse.high - worse.low)
    assert first.to_dict()["figures"]["auc"] == {"value": better.value, "low": better.low, "high": better.high}
    with pytest.raises(InputError, match="expected scores of the same cases and draws"):
        difference(first, Scores("reader", "auc", {"auc": worse}, 60, 60, seed=2))
    with pytest.raises(UnknownNameError, match="unknown figure of reader 'dice': expected one of auc"):
        first["dice"]


def test_patients_are_drawn_and_not_cases() -> None:
    who = np.array([0, 0, 0, 1, 2, 2])
    times = draw_patients(who, resamples=200, seed=0)
    assert (times[:, 0] == times[:, 1]).all()
    assert (times[:, 0] == times[:, 2]).all()
    assert (times[:, [0, 3, 4]].sum(axis=1) == 3).all()
    with pytest.raises(InputError, match="expected cases of two or more patients, got 1"):
        draw_patients(np.zeros(5, int))
    undefined = figure(mean_of([np.nan, np.nan]), np.ones((4, 2)))
    assert np.isnan([undefined.value, undefined.low, undefined.high]).all()
