"""How views follow each other on a circle: the order of one pass, and how many fit into a gap."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from svct.sampling.device import Device

ROUNDING_DEG = 1e-9


def one_pass(angles_deg: Sequence[float], views: Sequence[int], start_deg: float | None) -> tuple[int, ...]:
    """Return views in the order of one pass upwards.

    Args:
        angles_deg: Angles of all candidates, degrees.
        views: Some of them.
        start_deg: Where the pass begins; None for an endless axis, whose pass begins after the widest gap.

    Example:
        >>> one_pass((0, 10, 20, 350), (0, 1, 3), None)
        (3, 0, 1)
    """
    past = {view: (angles_deg[view] - (start_deg or 0.0) + ROUNDING_DEG) % 360 for view in views}
    ring = sorted(views, key=past.__getitem__)
    if start_deg is None and len(ring) > 1:
        gaps = [(past[b] - past[a]) % 360 for a, b in zip(ring, ring[1:] + ring[:1], strict=True)]
        first = (max(range(len(gaps)), key=gaps.__getitem__) + 1) % len(ring)
        ring = ring[first:] + ring[:first]
    return tuple(ring)


def most_between(ring: list[float], last: float, end: float, gap: float) -> int:
    """Count the views that fit after `last`, up to and with `end`, each as early as the gap allows.

    Args:
        ring: Free candidates, degrees from 0 to 360, ascending, at least one.
        last: Angle of the last view, degrees.
        end: Where it must end, degrees, above `last`.
        gap: Least distance from one view to the next, degrees.
    """
    count = 0
    while True:
        wish = last + gap - ROUNDING_DEG
        place = bisect_left(ring, wish % 360)
        turn = 360 * math.floor(wish / 360)
        last = ring[place] + turn if place < len(ring) else ring[0] + turn + 360
        if last > end + ROUNDING_DEG:
            return count
        count += 1


def fewest_between(ring: list[float], a: float, b: float, *, gap: float, step: float) -> int | None:
    """Count the fewest views from `a` forward to `b` at steps that are not too long; None where there are none.

    Args:
        ring: Free candidates, degrees from 0 to 360, ascending.
        a: Angle of one view, degrees.
        b: Angle of another, degrees.
        gap: Least distance between two views, degrees.
        step: Largest distance from one view to the next, degrees.

    Example:
        >>> fewest_between([10.0, 20.0, 30.0], 0, 40, gap=0, step=25)
        1
    """
    at, end, count = a, a + ((b - a) % 360 or 360.0), 0
    while end - at > step + ROUNDING_DEG:
        wish = at + step + ROUNDING_DEG
        place = bisect_right(ring, wish % 360) - 1
        last = ring[place] + 360 * math.floor(wish / 360) - (360 if place < 0 else 0) if ring else at
        if last <= at + max(gap, 2 * ROUNDING_DEG) - ROUNDING_DEG:
            return None
        at, count = last, count + 1
    return count


def longest_pass(angles_deg: list[float], *, gap: float, step: float, endless: bool, enough: int) -> int:
    """Return how many views one pass can take whose distances from one to the next lie between two limits.

    Args:
        angles_deg: Free candidates in the order of a pass, ascending, within less than a turn, degrees.
        gap: Least distance.
        step: Largest distance.
        endless: Whether a pass may begin at any of them and go on past 360 degrees.
        enough: So many or more need not be told apart.

    Example:
        >>> longest_pass([0.0, 10.0, 20.0, 50.0, 60.0], gap=10, step=20, endless=False, enough=9)
        3
    """
    count = len(angles_deg)
    places = np.array([*angles_deg, *(angle + 360 for angle in angles_deg)] if endless else angles_deg)
    first = np.searchsorted(places, places - step - ROUNDING_DEG).tolist()
    after = np.searchsorted(places, places - max(gap, 2 * ROUNDING_DEG) + ROUNDING_DEG, side="right").tolist()
    if not endless:
        longest = [1] * count
        for j in range(count):
            longest[j] = 1 + max(longest[first[j] : after[j]], default=0)
        return max(longest, default=0)
    best = 0
    for start in range(count):
        end = int(
            np.searchsorted(places, places[start] + 360 - max(gap, 2 * ROUNDING_DEG) + ROUNDING_DEG, side="right")
        )
        reached = {start: 1}
        for j in range(start + 1, end):
            found = max((reached.get(i, 0) for i in range(max(first[j], start), after[j])), default=0)
            if found:
                reached[j] = found + 1
        best = max(best, *reached.values())
        if best >= enough:
            break
    return best


def off_step(angles: NDArray[np.float64], step: float | None) -> NDArray[np.float64]:
    """Return how far angles lie from the nearest multiple of a step, degrees; 0 without a step."""
    return np.zeros(angles.shape) if step is None else np.abs(angles - step * np.round(angles / step))


def least_gap_deg(device: Device) -> float:
    """Return how close two views may be on a device, degrees."""
    exposure = device.exposure
    period_ms = max(exposure.min_ms + exposure.readout_ms, exposure.min_period_ms or 0.0)
    if device.rotation is not None:
        single = device.rotation.max_rotations == 1
        slots = math.ceil(period_ms / device.rotation.slot_ms - 1e-9) if single else 1
        return max(slots, 1) * device.rotation.slot_deg
    step = device.step_deg or 0.0
    return max(step, device.axis.min_speed_deg_s * period_ms / 1000) if device.mode == "fly" else step


def of_source(device: Device, span: tuple[float, float]) -> tuple[float, float]:
    """Return a span of axis positions as one of source angles, degrees."""
    a, b = (device.angles_deg(span) + 0.0).tolist()
    return (a, b) if device.axis.sign > 0 else (b, a)
