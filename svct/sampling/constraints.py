"""Which candidate views may be chosen, and which of them together."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from svct.errors import InputError
from svct.sampling.checks import angular_distance_deg, finite_number, positive_count
from svct.sampling.device import Device, in_sector

_ROUNDING_DEG = 1e-9


@dataclass(frozen=True, kw_only=True)
class Constraints:
    """What a set of views must satisfy, over a scan's candidate views.

    Args:
        angles_deg: Source angles of the candidates, degrees; views are indices into them.
        allowed: The candidates that may be taken at all. Default: every one.
        min_gap_deg: Least distance between two views, modulo 360 degrees.
        forbidden_deg: Sectors without views, each upwards from its first to its second angle, degrees.
        range_deg: Lowest and highest angle of the gantry, degrees; an angle counts with any number of turns.
        groups: Views that are taken together or not at all, such as those of one sweep; no view in two groups.
        max_views: Most views there may be.
        step_deg: The angles lie on multiples of this step, degrees: an encoder count or a trigger slot.
        step_tolerance_deg: How far from such a multiple a candidate may lie, degrees.

    Raises:
        InputError: A value is impossible, or no candidate is left.

    Example:
        >>> rules = Constraints(angles_deg=tuple(range(0, 180, 10)), min_gap_deg=20, forbidden_deg=((75, 105),))
        >>> rules.feasible([0, 2, 4]), rules.feasible([0, 1])
        (True, False)
        >>> rules.allowed_mask([0, 6]).nonzero()[0].tolist()
        [2, 3, 4, 11, 12, 13, 14, 15, 16, 17]
    """

    angles_deg: tuple[float, ...]
    allowed: tuple[int, ...] | None = None
    min_gap_deg: float = 0.0
    forbidden_deg: tuple[tuple[float, float], ...] = ()
    range_deg: tuple[float, float] | None = None
    groups: tuple[tuple[int, ...], ...] = ()
    max_views: int | None = None
    step_deg: float | None = None
    step_tolerance_deg: float = 0.01

    def __post_init__(self) -> None:
        angles = tuple(finite_number(angle, f"angle of candidate {i}") for i, angle in enumerate(self.angles_deg))
        object.__setattr__(self, "angles_deg", angles)
        for name in ("min_gap_deg", "step_tolerance_deg"):
            if finite_number(getattr(self, name), name) < 0:
                raise InputError(f"{name}: expected at least 0, got {getattr(self, name)}")
        if self.step_deg is not None and finite_number(self.step_deg, "step_deg") <= 0:
            raise InputError(f"step_deg: expected more than 0 or None, got {self.step_deg}")
        if self.max_views is not None:
            object.__setattr__(self, "max_views", positive_count(self.max_views, "max_views"))
        members = [view for group in self.groups for view in group]
        if len(set(members)) != len(members):
            raise InputError("groups: expected no view in two groups")
        for view in (*members, *(self.allowed or ())):
            self._check_index(view)
        if not self.usable.any():
            raise InputError(
                f"constraints leave none of the {len(angles)} candidates: {self._reason(range(len(angles)))}"
            )

    @classmethod
    def from_device(
        cls, device: Device, angles_deg: Sequence[float], *, step_tolerance_deg: float | None = None
    ) -> "Constraints":
        """Derive constraints from a device profile.

        Range and forbidden sectors of the axis leave some candidates; the encoder or the trigger slots leave those
        near a step; exposure, readout and the lowest speed of a sweep, or the shortest period of pulses in a single
        rotation, give the least gap. Exposure longer than the profile's shortest needs more: `svct schedule check`.

        Args:
            device: The profile.
            angles_deg: Source angles of the candidates, degrees.
            step_tolerance_deg: How far from a step a candidate may lie, degrees; beyond it is left out. Default: the
                profile's tolerance.
        """
        angles = np.asarray(angles_deg, dtype=np.float64)
        tolerance = device.axis.tolerance_deg if step_tolerance_deg is None else step_tolerance_deg
        near = _off_step(angles * device.axis.sign + device.axis.zero_deg, device.step_deg) <= tolerance
        reached = device.reachable(angles)
        if not (near & reached).any():
            raise InputError(
                f"device {device.id}: expected some of {len(angles)} candidates within reach and on its steps, got "
                f"{int(reached.sum())} within reach and {int(near.sum())} within {tolerance:g} deg of a step; "
                "raise the tolerance, or take candidates on the device's steps"
            )
        rows = [n for n in (device.limits.max_views, device.limits.table_rows) if n is not None]
        return cls(
            angles_deg=tuple(angles.tolist()),
            allowed=tuple(np.flatnonzero(near & reached).tolist()),
            min_gap_deg=_least_gap(device),
            max_views=min(rows) if rows else None,
        )

    @cached_property
    def usable(self) -> NDArray[np.bool_]:
        """Which candidates may be taken, each looked at alone, ``(candidate,)``."""
        return np.array([not reasons for reasons in self._reasons], dtype=bool)

    def feasible(self, views: Iterable[int]) -> bool:
        """Whether a set of views satisfies everything."""
        return not self.clashes(views)

    def require(self, views: Iterable[int]) -> None:
        """Check a set of views.

        Raises:
            InputError: It clashes with a constraint; the message names each clash.
        """
        found = self.clashes(views)
        if found:
            more = f" and {len(found) - 3} more" if len(found) > 3 else ""
            raise InputError(f"views: expected a set that the constraints allow, got {'; '.join(found[:3])}{more}")

    def clashes(self, views: Iterable[int]) -> list[str]:
        """Return what is wrong with a set of views, in words; empty where it is feasible."""
        chosen = sorted(set(views))
        for view in chosen:
            self._check_index(view)
        angles = self.angles_deg
        found = [
            f"view {view} at {angles[view]:g} deg {self._reasons[view][0]}" for view in chosen if self._reasons[view]
        ]
        ring = sorted(chosen, key=lambda view: angles[view] % 360)
        pairs = list(zip(ring, ring[1:] + ring[:1], strict=True)) if len(ring) > 2 else [tuple(ring)] * (len(ring) == 2)
        for a, b in pairs:
            gap = float(angular_distance_deg(np.array(angles[a]), np.array(angles[b])))
            if gap < self.min_gap_deg - _ROUNDING_DEG:
                found.append(f"views {a} and {b} {gap:g} deg apart, less than min_gap_deg {self.min_gap_deg:g}")
        for group in self.groups:
            taken = set(group) & set(chosen)
            if taken and taken != set(group):
                found.append(f"{len(taken)} of the {len(group)} views of the group {group}, expected all or none")
        if self.max_views is not None and len(chosen) > self.max_views:
            found.append(f"{len(chosen)} views, more than max_views {self.max_views}")
        return found

    def together(self, view: int) -> tuple[int, ...]:
        """Return the views that come with one: its whole group, or itself."""
        return next((group for group in self.groups if view in group), (view,))

    def allowed_mask(self, chosen: Iterable[int], *, views: int | None = None) -> NDArray[np.bool_]:
        """Tell which candidates a greedy choice may take next, each together with its group.

        Args:
            chosen: Views taken so far.
            views: How many there shall be in the end; given, candidates are left out after which the rest no longer
                fits, so that a greedy choice never gets stuck. Exact without groups, careful with them.

        Returns:
            ``(candidate,)``; False for those chosen already.
        """
        taken = sorted(set(chosen))
        limit = min(n for n in (views, self.max_views, len(self.angles_deg)) if n is not None)
        free = self.usable & self._clear_of(taken)
        mask = free.copy()
        for group in self.groups:
            mask[list(group)] = free[list(group)].all() and self._apart(group)
        sizes = np.ones(len(mask), dtype=int)
        for group in self.groups:
            sizes[list(group)] = len(group)
        mask &= len(taken) + sizes <= limit
        if views is not None and (self.min_gap_deg > 0 or self.groups):
            for view in np.flatnonzero(mask):
                mask[view] = self._fill([*taken, *self.together(int(view))], views) >= views
        return mask

    def require_budget(self, views: int) -> None:
        """Check that so many views can be chosen at all.

        Raises:
            InputError: They cannot; the message says how many fit and what stands in the way.
        """
        if self.max_views is not None and views > self.max_views:
            raise InputError(f"views: expected at most max_views {self.max_views}, got {views}")
        usable = int(self.usable.sum())
        if views > usable:
            why = self._reason(np.flatnonzero(~self.usable).tolist())
            raise InputError(f"views: expected at most {usable}, the candidates that are left, got {views}; {why}")
        fitting = self._fill([], views)
        if fitting < views:
            clash = f"min_gap_deg {self.min_gap_deg:g}" + (" and groups" if self.groups else "")
            raise InputError(
                f"views: {views} do not fit: {fitting} of {usable} candidates were placed under {clash}; take fewer "
                "views, a smaller gap or other groups"
            )

    def _fill(self, chosen: Sequence[int], views: int) -> int:
        """Return how many views there can be with those chosen; exact up to `views` without groups."""
        if self.groups:
            taken = list(chosen)
            for view in range(len(self.angles_deg)):
                new = self.together(view)
                if view not in taken and len(taken) + len(new) <= views:
                    free = self.usable & self._clear_of(taken)
                    taken += list(new) if free[list(new)].all() and self._apart(new) else []
            return len(taken)
        ring = np.sort(np.array(self.angles_deg)[self.usable & self._clear_of(chosen)] % 360).tolist()
        if not ring or self.min_gap_deg <= _ROUNDING_DEG:
            return len(chosen) + len(ring)
        if not chosen:
            return max(1 + self._walk(ring, first, first + 360 - self.min_gap_deg) for first in ring)
        fixed = sorted(self.angles_deg[view] % 360 for view in chosen)
        ends = [*fixed[1:], fixed[0] + 360]
        return len(chosen) + sum(self._walk(ring, a, b - self.min_gap_deg) for a, b in zip(fixed, ends, strict=True))

    def _walk(self, ring: list[float], last: float, end: float) -> int:
        """Count the views that fit after `last`, up to and with `end`, each as early as the gap allows."""
        count = 0
        while True:
            wish = last + self.min_gap_deg - _ROUNDING_DEG
            place = bisect_left(ring, wish % 360)
            turn = 360 * math.floor(wish / 360)
            last = ring[place] + turn if place < len(ring) else ring[0] + turn + 360
            if last > end + _ROUNDING_DEG:
                return count
            count += 1

    def _clear_of(self, chosen: Sequence[int]) -> NDArray[np.bool_]:
        """Tell which candidates are not chosen and keep the gap to those that are."""
        angles = np.array(self.angles_deg)
        clear = np.ones(len(angles), dtype=bool)
        for view in chosen:
            self._check_index(view)
            clear &= angular_distance_deg(angles, angles[view : view + 1]) >= self.min_gap_deg - _ROUNDING_DEG
            clear[view] = False
        return clear

    def _apart(self, group: Sequence[int]) -> bool:
        angles = np.array(self.angles_deg)[list(group)]
        distances = angular_distance_deg(angles[:, None], angles[None, :]) + np.diag(np.full(len(group), 360.0))
        return bool(distances.min() >= self.min_gap_deg - _ROUNDING_DEG)

    @cached_property
    def _reasons(self) -> list[list[str]]:
        """Why each candidate alone cannot be taken."""
        angles = np.array(self.angles_deg)
        found: list[list[str]] = [[] for _ in angles]
        tests = []
        if self.allowed is not None:
            tests.append((~np.isin(np.arange(len(angles)), self.allowed), "is not among those allowed"))
        if self.range_deg is not None:
            low, high = self.range_deg
            lowest = angles + 360 * np.ceil((low - angles) / 360 - 1e-12)
            tests.append((lowest > high + _ROUNDING_DEG, f"lies outside of range_deg {low:g} to {high:g}"))
        tests += [
            (in_sector(angles, low, high), f"lies in the forbidden sector {low:g} to {high:g} deg")
            for low, high in self.forbidden_deg
        ]
        if self.step_deg is not None:
            off = _off_step(angles, self.step_deg) > self.step_tolerance_deg
            tests.append((off, f"is no multiple of step_deg {self.step_deg:g}"))
        for mask, reason in tests:
            for view in np.flatnonzero(mask):
                found[view].append(reason)
        return found

    def _reason(self, views: Iterable[int]) -> str:
        """Say how many views each constraint leaves out."""
        counts: dict[str, int] = {}
        for view in views:
            for reason in self._reasons[view]:
                counts[reason] = counts.get(reason, 0) + 1
        return ", ".join(f"{count} {reason}" for reason, count in counts.items()) or "none is left out"

    def _check_index(self, view: int) -> None:
        if not 0 <= view < len(self.angles_deg):
            raise InputError(f"views: expected indices from 0 to {len(self.angles_deg) - 1}, got {view}")


def _off_step(angles: NDArray[np.float64], step: float | None) -> NDArray[np.float64]:
    return np.zeros(angles.shape) if step is None else np.abs(angles - step * np.round(angles / step))


def _least_gap(device: Device) -> float:
    exposure = device.exposure
    period_ms = max(exposure.min_ms + exposure.readout_ms, exposure.min_period_ms or 0.0)
    if device.rotation is not None:
        single = device.rotation.max_rotations == 1
        slots = math.ceil(period_ms / device.rotation.slot_ms - 1e-9) if single else 1
        return max(slots, 1) * device.rotation.slot_deg
    step = device.step_deg or 0.0
    return max(step, device.axis.min_speed_deg_s * period_ms / 1000) if device.mode == "fly" else step
