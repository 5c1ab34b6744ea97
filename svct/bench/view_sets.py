"""Random view sets that a backbone is trained on, so that it favours none."""

import math

import numpy as np

PATTERNS = ("equidistant", "jittered", "golden", "random", "wedge")
_GOLDEN = (math.sqrt(5) - 1) / 2


def draw_angles(
    pattern: str, views: int, rng: np.random.Generator, *, turn: float = math.pi, widest_gap: float = 1 / 3
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return angles of a random view set over half a turn, radians.

    Args:
        pattern: ``"equidistant"`` with a random offset, ``"jittered"`` by up to half a step, ``"golden"`` angle
            steps from a random start, ``"random"``, or ``"wedge"``, equidistant but for a gap.
        views: How many.
        rng: The source of chance.
        turn: The whole circle of the scan, radians: half a turn in parallel beam.
        widest_gap: Largest gap of a wedge, over the whole circle.

    Example:
        >>> draw_angles("equidistant", 4, np.random.default_rng(0)).size
        4
    """
    start = rng.uniform()
    steps = np.arange(views) / views
    turns = {
        "equidistant": steps + start,
        "jittered": steps + start + rng.uniform(-0.5, 0.5, views) / views,
        "golden": start + np.arange(views) * _GOLDEN,
        "random": rng.uniform(size=views),
        "wedge": (steps + rng.uniform() / views) * (1 - rng.uniform(0, widest_gap)) + start,
    }[pattern]
    return np.sort(turns % 1.0) * turn
