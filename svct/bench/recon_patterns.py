"""Which of a scan's candidate views are taken, and how the patient lies, by the name of a pattern."""

import math
import re
from dataclasses import dataclass

from svct.errors import InputError, unknown_name
from svct.geometry.scan import Scan
from svct.sampling.fixed import ViewSet, equidistant_sets, random_set

PATTERNS = ("equidistant", "random", "wedge-60", "rotated")
"""Names that `pattern_named` knows; wedge-60 stands for any number of degrees."""

TURN_DEG = 20.0


@dataclass(frozen=True)
class Pattern:
    """A way to take views.

    Args:
        name: Its name.
        missing_deg: Degrees at the end of the scan's arc in which no view lies.
        random: Whether views are drawn at random instead of evenly.
        turn_deg: How far the patient is turned, degrees.
    """

    name: str
    missing_deg: float = 0.0
    random: bool = False
    turn_deg: float = 0.0

    def views(self, scan: Scan, count: int, *, seed: int) -> ViewSet:
        """Choose among the candidate views of a scan.

        Args:
            scan: All candidates, evenly over half a turn in parallel beam, else over a turn.
            count: How many.
            seed: Seed of random views.

        Raises:
            InputError: The pattern has fewer candidates.
        """
        arc = 360.0 if scan.divergent else 180.0
        candidates = math.floor(len(scan) * (1 - self.missing_deg / arc) + 1e-9)
        if not 1 <= count <= candidates:
            raise InputError(
                f"pattern {self.name}: expected 1 to {candidates} views, its candidates, got {count}; "
                "leave out this pattern or this number of views"
            )
        if self.random:
            return random_set(candidates, count, seed=seed)
        return equidistant_sets(candidates, count)[0]


def pattern_named(name: str) -> Pattern:
    """Return a pattern by its name.

    Args:
        name: ``equidistant``; ``random``; ``wedge-N`` without the last N degrees; ``rotated``: equidistant, of patients
            who lie turned by 20 degrees.

    Raises:
        UnknownNameError: No such pattern.
        InputError: A wedge of less than 1 or more than 150 degrees.

    Example:
        >>> pattern_named("wedge-30").missing_deg
        30.0
    """
    wedge = re.fullmatch(r"wedge-(\d{1,4})", name)
    if wedge:
        if not 1 <= int(wedge[1]) <= 150:
            raise InputError(f"pattern {name!r}: expected a wedge of 1 to 150 degrees; take another")
        return Pattern(name, missing_deg=float(wedge[1]))
    known = {
        "equidistant": Pattern("equidistant"),
        "random": Pattern("random", random=True),
        "rotated": Pattern("rotated", turn_deg=TURN_DEG),
    }
    if name not in known:
        raise unknown_name("pattern", name, list(PATTERNS))
    return known[name]
