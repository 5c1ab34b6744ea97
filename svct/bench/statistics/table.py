"""A table of comparisons, its claims held to one error rate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from svct.bench.statistics.effect import Effect, effect_size
from svct.bench.statistics.equivalence import Equivalence, tost
from svct.bench.statistics.holm import holm
from svct.bench.statistics.paired import Figures, Paired, paired_bootstrap, sign_flip_p
from svct.errors import InputError

Verdict = Literal["better", "worse", "equivalent", "no worse", "undecided"]


@dataclass(frozen=True)
class Comparison:
    """One row of a table of comparisons.

    Args:
        group: What both arms share, such as ``"chest, 24 views, fbp"``.
        arm: The arm.
        baseline: What it is compared with.
        difference: Arm less baseline, with its interval, which is that of this row alone.
        effect: Its size beside its scatter.
        p: Of no difference.
        p_adjusted: The same, adjusted for all rows of the table.
        equivalence: Tests against the margin; None without one. Not adjusted.
        p_no_worse: Of "worse by the margin", adjusted; None without a margin.
        p_equivalent: Of "apart by the margin", adjusted; None without a margin.
        verdict: In a word; what the adjusted p-values allow to say.
    """

    group: str
    arm: str
    baseline: str
    difference: Paired
    effect: Effect
    p: float
    p_adjusted: float
    equivalence: Equivalence | None
    p_no_worse: float | None
    p_equivalent: float | None
    verdict: Verdict


def compare_arms(
    groups: Mapping[str, Mapping[str, Figures]],
    *,
    baseline: str,
    margin: float | None = None,
    more_is_better: bool = True,
    alpha: float = 0.05,
    seed: int = 0,
) -> list[Comparison]:
    """Compare every arm of every group with the group's baseline.

    Args:
        groups: By name, the figures of each arm by its name, ``(patient,)`` or ``(seed, patient)``; in a group all of
            the same patients and seeds.
        baseline: Name of the arm that the others are compared with.
        margin: The least difference that matters, in the figures' unit. Default: none, and nothing is called
            equivalent or no worse.
        more_is_better: False for an error such as RMSE.
        alpha: Chance of any wrong "better" or "worse" in the whole table, likewise of any wrong "equivalent" or
            "no worse".
        seed: Of all resampling.

    Raises:
        InputError: A group without the baseline or with nothing beside it, or as
            `svct.bench.statistics.paired_bootstrap`.

    Example:
        >>> chest = {"equidistant": [30.0, 31.0, 29.5, 32.0, 30.5, 31.2, 30.1],
        ...          "learned": [30.4, 31.5, 29.8, 32.6, 30.8, 31.7, 30.4]}
        >>> [(row.arm, row.verdict) for row in compare_arms({"chest": chest}, baseline="equidistant")]
        [('learned', 'better')]

    Notes:
        Differences by `sign_flip_p`, equivalence by `tost`, both adjusted by `holm` over the table, each kind of claim
        for itself. A row that is better or worse is called so, within the margin or not; of the others "equivalent"
        goes before "no worse". An interval that clears zero in a row that is undecided is no contradiction: it holds
        for one comparison, the verdict for all.
    """
    pairs = [
        (group, name, figures, arms[baseline])
        for group, arms in groups.items()
        for name, figures in _others(group, arms, baseline).items()
    ]
    # Enough swaps that the least p-value stays significant however many rows there are.
    resamples = max(20_000, int(4 * len(pairs) / alpha))
    tests = [sign_flip_p(ours, theirs, resamples=resamples, seed=seed) for _, _, ours, theirs in pairs]
    near = [
        None if margin is None else tost(ours, theirs, margin=margin, alpha=alpha, seed=seed)
        for _, _, ours, theirs in pairs
    ]
    claims = [t for t in near if t is not None]
    no_worse = _spread(holm([t.p_not_less if more_is_better else t.p_not_more for t in claims]), len(pairs))
    equivalent = _spread(holm([t.p for t in claims]), len(pairs))
    rows = []
    for k, ((group, name, ours, theirs), adjusted) in enumerate(zip(pairs, holm(tests).tolist(), strict=True)):
        found = paired_bootstrap(ours, theirs, seed=seed)
        gain = found.mean if more_is_better else -found.mean
        verdict = _verdict(gain, adjusted, no_worse[k], equivalent[k], alpha)
        effect = effect_size(ours, theirs)
        rows.append(
            Comparison(
                group, name, baseline, found, effect, tests[k], adjusted, near[k], no_worse[k], equivalent[k], verdict
            )
        )
    return rows


def as_markdown(rows: Sequence[Comparison], *, unit: str, digits: int = 2) -> str:
    """Return the comparisons as a Markdown table, one line each.

    Args:
        rows: What `compare_arms` gave.
        unit: Of the figures, such as ``"dB"``; empty where they have none.
        digits: After the point.
    """
    lines = [
        f"| | arm | less | difference{', ' if unit else ''}{unit} (95 %) | seeds | g | p, adjusted | verdict |",
        "|---|---|---|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        d, (lowest, highest) = row.difference, row.difference.seed_means
        seeds = f"{lowest:+.{digits}f} to {highest:+.{digits}f}" if d.seeds > 1 else "-"
        lines.append(
            f"| {row.group} | {row.arm} | {row.baseline} | {d.mean:+.{digits}f} ({d.low:+.{digits}f} to "
            f"{d.high:+.{digits}f}) | {seeds} | {row.effect.g:+.2f} | {row.p_adjusted:.2g} | {row.verdict} |"
        )
    return "\n".join(lines) + "\n"


def _others(group: str, arms: Mapping[str, Figures], baseline: str) -> dict[str, Figures]:
    if baseline not in arms or len(arms) < 2:
        raise InputError(
            f"{group}: expected the baseline {baseline!r} and other arms, got {', '.join(arms) or 'nothing'}; leave "
            "the group out or name another baseline"
        )
    return {name: figures for name, figures in arms.items() if name != baseline}


def _spread(adjusted: NDArray[np.float64], rows: int) -> list[float | None]:
    """Return the adjusted p-values, or None for each row where nothing was tested."""
    return adjusted.tolist() or [None] * rows


def _verdict(gain: float, p: float, no_worse: float | None, equivalent: float | None, alpha: float) -> Verdict:
    if p < alpha:
        return "better" if gain > 0 else "worse"
    if equivalent is not None and equivalent < alpha:
        return "equivalent"
    if no_worse is not None and no_worse < alpha:
        return "no worse"
    return "undecided"
