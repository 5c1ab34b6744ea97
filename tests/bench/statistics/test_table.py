from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from svct.bench.statistics import as_markdown, compare_arms, holm, sign_flip_p
from svct.errors import InputError

Draw = Callable[[np.random.Generator], NDArray[np.float64]]


def study(rng: np.random.Generator, draw: Draw) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Three groups of 12 patients, three arms each that differ from the baseline by chance alone."""
    groups = {}
    for name in "abc":
        base: NDArray[np.float64] = rng.normal(30, 3, 12)
        groups[name] = {"equidistant": base, **{arm: base + draw(rng) for arm in "xyz"}}
    return groups


@pytest.mark.parametrize(
    "draw",
    [lambda rng: rng.normal(0, 0.5, 12), lambda rng: rng.standard_t(3, 12), lambda rng: np.round(rng.normal(0, 1, 12))],
    ids=["normal", "heavy tails", "ties"],
)
def test_tables_without_effects_seldom_claim_one(draw: Draw) -> None:
    rng = np.random.default_rng(0)
    studies = 200
    claims = 0
    for _ in range(studies):
        p = [
            sign_flip_p(figures, arms["equidistant"], resamples=999)
            for arms in study(rng, draw).values()
            for name, figures in arms.items()
            if name != "equidistant"
        ]
        claims += bool((holm(p) < 0.05).any())
    assert claims / studies <= 0.05 + 2 * (0.05 * 0.95 / studies) ** 0.5


def test_verdicts_say_what_is_there() -> None:
    rng = np.random.default_rng(1)
    base = rng.normal(30, 3, (3, 30))
    noise = rng.normal(0, 0.2, (5, 3, 30))
    shifts = {"up": 0.5, "down": -0.5, "same": 0.0, "a little": 0.05}
    arms = {name: base + shift + noise[k] for k, (name, shift) in enumerate(shifts.items())}
    wild = base + rng.normal(0, 3, (3, 30))
    groups = {"chest": {"equidistant": base, **arms, "wild": wild}}
    found = {row.arm: row for row in compare_arms(groups, baseline="equidistant", margin=0.2)}
    verdicts = {name: row.verdict for name, row in found.items()}
    assert verdicts["up"] == "better"
    assert verdicts["down"] == "worse"
    assert verdicts["same"] == "equivalent"
    assert verdicts["wild"] == "undecided"
    flipped = compare_arms(groups, baseline="equidistant", margin=0.2, more_is_better=False)
    assert {row.arm: row.verdict for row in flipped}["up"] == "worse"
    assert found["up"].difference.seeds == 3
    assert found["up"].p_adjusted >= found["up"].p
    table = as_markdown(list(found.values()), unit="dB")
    assert table.count("\n") == 2 + len(found)
    assert "difference, dB (95 %)" in table


def test_no_worse_needs_no_upper_bound() -> None:
    rng = np.random.default_rng(4)
    base = rng.normal(30, 3, 20)
    noise = rng.normal(0, 1, 20)
    arm = base + 0.3 + (noise - noise.mean()) / noise.std(ddof=1)
    (row,) = compare_arms({"chest": {"b": base, "a": arm}}, baseline="b", margin=0.5)
    assert row.verdict == "no worse"
    (plain,) = compare_arms({"chest": {"b": base, "a": arm}}, baseline="b")
    assert (plain.verdict, plain.p_no_worse, plain.equivalence) == ("undecided", None, None)


def test_adding_rows_raises_the_bar() -> None:
    rng = np.random.default_rng(5)
    groups = study(rng, lambda rng: rng.normal(0.1, 0.2, 12))
    alone = compare_arms({"a": groups["a"]}, baseline="equidistant")
    all_rows = compare_arms(groups, baseline="equidistant")
    for before, after in zip(alone, all_rows, strict=False):
        assert after.p == before.p
        assert after.p_adjusted >= before.p_adjusted


def test_many_rows_can_still_be_told_apart() -> None:
    base = np.linspace(29, 31, 30)
    arm = base + 1 + np.linspace(-0.1, 0.1, 30)
    groups = {str(k): {"b": base, "a": arm} for k in range(40)}
    assert all(row.verdict == "better" for row in compare_arms(groups, baseline="b"))


def test_groups_without_a_baseline_are_named() -> None:
    with pytest.raises(InputError, match="chest: expected the baseline 'b' and other arms, got a"):
        compare_arms({"chest": {"a": [1.0, 2.0]}}, baseline="b")
