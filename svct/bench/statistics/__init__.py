"""Statistics of comparisons: paired over patients, corrected for their number, with effect sizes and equivalence."""

from svct.bench.statistics.areas import Decisions, area_shares, compare_areas, detectability_of, pooled_area
from svct.bench.statistics.effect import Effect, effect_size
from svct.bench.statistics.equivalence import Equivalence, tost
from svct.bench.statistics.holm import holm
from svct.bench.statistics.paired import Paired, paired_bootstrap, per_patient, sign_flip_p
from svct.bench.statistics.table import Comparison, as_markdown, compare_arms

__all__ = [
    "Comparison",
    "Decisions",
    "Effect",
    "Equivalence",
    "Paired",
    "area_shares",
    "as_markdown",
    "compare_areas",
    "compare_arms",
    "detectability_of",
    "effect_size",
    "holm",
    "paired_bootstrap",
    "per_patient",
    "pooled_area",
    "sign_flip_p",
    "tost",
]
