"""Statistics of comparisons: paired over patients, corrected for their number, with effect sizes and equivalence."""

from svct.bench.statistics.effect import Effect, effect_size
from svct.bench.statistics.equivalence import Equivalence, tost
from svct.bench.statistics.holm import holm
from svct.bench.statistics.paired import Paired, paired_bootstrap, per_patient, sign_flip_p
from svct.bench.statistics.table import Comparison, as_markdown, compare_arms

__all__ = [
    "Comparison",
    "Effect",
    "Equivalence",
    "Paired",
    "as_markdown",
    "compare_arms",
    "effect_size",
    "holm",
    "paired_bootstrap",
    "per_patient",
    "sign_flip_p",
    "tost",
]
