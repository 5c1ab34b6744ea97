"""Which candidate views may be chosen, and which of them together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from svct.errors import InputError, unknown_name
from svct.sampling.checks import angular_distance_deg, finite_number, positive_count
from svct.sampling.constraint_words import described, left_out, lone_reasons, set_clashes
from svct.sampling.device import Device
from svct.sampling.passes import (
    ROUNDING_DEG,
    fewest_between,
    least_gap_deg,
    longest_pass,
    most_between,
    of_source,
    off_step,
    one_pass,
)
from svct.sampling.tube_limits import LoadLimits, Ramp

Order = Literal["fastest", "fixed"]
"""In which order views are taken."""


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
        max_step_deg: The furthest that the axis turns from one view to the next in the order taken, degrees: its
            highest speed times the time between two frames.
        order: ``"fastest"``: one pass, upwards in the gantry's range or, where that is endless, after the widest gap;
            ``"fixed"``: the candidates' own order, always turning forward.
        loads: Limits of the tube.

    Raises:
        InputError: A value is impossible, or no candidate is left.
        UnknownNameError: No such order.

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
    max_step_deg: float | None = None
    order: Order = "fastest"
    loads: LoadLimits = field(default_factory=LoadLimits)

    def __post_init__(self) -> None:
        angles = tuple(finite_number(angle, f"angle of candidate {i}") for i, angle in enumerate(self.angles_deg))
        object.__setattr__(self, "angles_deg", angles)
        for name in ("min_gap_deg", "step_tolerance_deg"):
            if finite_number(getattr(self, name), name) < 0:
                raise InputError(f"{name}: expected at least 0, got {getattr(self, name)}")
        for name in ("step_deg", "max_step_deg"):
            value = getattr(self, name)
            if value is not None and finite_number(value, name) <= 0:
                raise InputError(f"{name}: expected more than 0 or None, got {value}")
        if self.order not in get_args(Order):
            raise unknown_name("order", str(self.order), list(get_args(Order)))
        if self.order == "fixed" and self.max_step_deg is not None and list(angles) != sorted(angles):
            raise InputError("order 'fixed' with max_step_deg: expected candidates in ascending order, got others")
        if self.max_views is not None:
            object.__setattr__(self, "max_views", positive_count(self.max_views, "max_views"))
        members = [view for group in self.groups for view in group]
        if len(set(members)) != len(members):
            raise InputError("groups: expected no view in two groups")
        for view in (*members, *(self.allowed or ())):
            self._check_index(view)
        if not self.usable.any():
            raise InputError(
                f"constraints leave none of the {len(angles)} candidates: {left_out(self, range(len(angles)))}"
            )

    @classmethod
    def from_device(
        cls,
        device: Device,
        angles_deg: Sequence[float],
        *,
        step_tolerance_deg: float | None = None,
        mean_mA: float | None = None,
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
            mean_mA: Tube current at the mean load, from which the tube's limits and ramp bound the loads. Default: no
                bounds but those of `LoadLimits`.
        """
        angles = np.asarray(angles_deg, dtype=np.float64)
        tolerance = device.axis.tolerance_deg if step_tolerance_deg is None else step_tolerance_deg
        near = off_step(angles * device.axis.sign + device.axis.zero_deg, device.step_deg) <= tolerance
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
            allowed=tuple(np.flatnonzero(near).tolist()),
            min_gap_deg=least_gap_deg(device),
            range_deg=None if device.axis.range_deg is None else of_source(device, device.axis.range_deg),
            forbidden_deg=tuple(of_source(device, sector) for sector in device.axis.forbidden_deg),
            max_views=min(rows) if rows else None,
            order="fixed" if device.mode == "fly" and device.axis.range_deg is None else "fastest",
            loads=LoadLimits() if mean_mA is None else LoadLimits.from_device(device, mean_mA=mean_mA),
        )

    @cached_property
    def usable(self) -> NDArray[np.bool_]:
        """Which candidates may be taken, each looked at alone, ``(candidate,)``."""
        return np.array([not reasons for reasons in self.reasons], dtype=bool)

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
        return set_clashes(self, chosen)

    def sequence(self, views: Iterable[int]) -> tuple[int, ...]:
        """Return views in the order in which they are taken."""
        chosen = sorted(set(views))
        if self.order == "fixed":
            return tuple(chosen)
        return one_pass(self.angles_deg, chosen, None if self.range_deg is None else self.range_deg[0])

    def load_ramps(self, views: Sequence[int]) -> list[Ramp]:
        """Return how much the loads of successive views may differ, as places in `views`."""
        place = {view: i for i, view in enumerate(views)}
        turn = self.sequence(views)
        ramps = self.loads.ramps([self.angles_deg[view] for view in turn])
        return [(place[turn[a]], place[turn[b]], most) for a, b, most in ramps]

    def require_loads(self, views: Sequence[int], loads: Sequence[float]) -> None:
        """Check the loads of views over their mean.

        Raises:
            InputError: The tube cannot give them; the message names each clash.
        """
        load = dict(zip(views, loads, strict=True))
        turn = self.sequence(views)
        found = self.loads.clashes([self.angles_deg[view] for view in turn], [load[view] for view in turn])
        if found:
            raise InputError(f"loads: expected what the tube can give, got {'; '.join(found[:3])}")

    def together(self, view: int) -> tuple[int, ...]:
        """Return the views that come with one: its whole group, or itself."""
        return self._group_of.get(view, (view,))

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
        free = self.usable & self._clear_of(taken)
        mask = np.zeros(len(self.angles_deg), dtype=bool)
        for unit in self.units:
            mask[list(unit)] = self._may_take(unit[0], taken, free, views)
        return mask

    def may_take(self, view: int, chosen: Iterable[int], *, views: int | None = None) -> bool:
        """Whether one candidate may be taken next, with its group; see `allowed_mask`."""
        taken = sorted(set(chosen))
        return self._may_take(view, taken, self.usable & self._clear_of(taken), views)

    def _may_take(self, view: int, taken: list[int], free: NDArray[np.bool_], views: int | None) -> bool:
        new = self.together(view)
        limit = min(n for n in (views, self.max_views, len(self.angles_deg)) if n is not None)
        if len(taken) + len(new) > limit or not free[list(new)].all() or not self._apart(new):
            return False
        if views is None or (not self._gap_binds and self.max_step_deg is None and not self.groups):
            return True
        then = [*taken, *new]
        return len(then) + self._missing(then) <= views <= self._fill(then, views)

    def first_allowed(self, wishes: Iterable[int], chosen: Iterable[int], *, views: int) -> int:
        """Return the first of some candidates that may be taken next.

        Raises:
            InputError: None may.
        """
        taken = sorted(set(chosen))
        free = self.usable & self._clear_of(taken)
        for view in wishes:
            if free[view] and self._may_take(view, taken, free, views):
                return view
        raise InputError(
            f"views: {len(taken)} of {views} were placed, and no other fits under {self.described()}; take fewer views "
            "or loosen one of these"
        )

    def require_budget(self, views: int) -> None:
        """Check that so many views can be chosen at all.

        Raises:
            InputError: They cannot; the message says how many fit and what stands in the way.
        """
        if self.max_views is not None and views > self.max_views:
            raise InputError(f"views: expected at most max_views {self.max_views}, got {views}")
        usable = int(self.usable.sum())
        if views > usable:
            why = left_out(self, np.flatnonzero(~self.usable).tolist())
            raise InputError(f"views: expected at most {usable}, the candidates that are left, got {views}; {why}")
        if not self._holds(views):
            raise InputError(
                f"views: {views} do not fit: {self._fill([], views)} of {usable} candidates were placed under "
                f"{self.conflict(views).described()}; take another number of views or loosen one of these"
            )

    def conflict(self, views: int) -> "Constraints":
        """Return constraints that cannot hold together for so many views, of which none could be spared.

        Raises:
            InputError: They can hold.
        """
        if self._holds(views):
            raise InputError(f"conflict: expected a number of views that does not fit, got {views}, which fit")
        left = self
        for name, none in _NONE.items():
            without = replace(left, **{name: none})
            left = left if without._holds(views) else without
        return left

    def described(self) -> str:
        """Return the constraints in words, with their numbers."""
        return described(self)

    def among(self, views: Sequence[int]) -> "Constraints":
        """Return the constraints over some of the candidates alone; of groups that are not whole, none may be taken."""
        place = {view: i for i, view in enumerate(views)}
        broken = {view for group in self.groups if not set(group) <= set(views) for view in group}
        return replace(
            self,
            angles_deg=tuple(self.angles_deg[view] for view in views),
            allowed=tuple(place[v] for v in views if self.usable[v] and v not in broken),
            groups=tuple(tuple(place[v] for v in group) for group in self.groups if set(group) <= set(views)),
        )

    @cached_property
    def units(self) -> tuple[tuple[int, ...], ...]:
        """What can be taken: groups of usable candidates and usable candidates without group, by first view."""
        first = {self.together(view)[0] for view in np.flatnonzero(self.usable).tolist()}
        every = [self.together(view) for view in sorted(first)]
        return tuple(unit for unit in every if self.usable[list(unit)].all() and self._apart(unit))

    def _holds(self, views: int) -> bool:
        """Whether so many views can be taken; see `allowed_mask` for how exactly."""
        if self.max_views is not None and views > self.max_views:
            return False
        if self.max_step_deg is not None and self._in_one_pass(self.max_step_deg, views) < views:
            return False
        return self._fill([], views) >= views

    def _in_one_pass(self, step: float, enough: int) -> int:
        """Return how many views one pass takes at steps that are not too long; groups may allow fewer."""
        turn = self.sequence(np.flatnonzero(self.usable).tolist())
        angles = np.array(self.angles_deg)[list(turn)]
        past = np.concatenate([[0.0], np.cumsum(np.diff(angles) % 360)]).tolist()
        endless = self.order == "fastest" and self.range_deg is None
        return longest_pass(past, gap=self.min_gap_deg, step=step, endless=endless, enough=enough)

    def _missing(self, chosen: Sequence[int]) -> int:
        """Return how many views are needed between those chosen until no step is too long; huge where none help."""
        if self.max_step_deg is None or len(chosen) < 2:
            return 0
        turn = self.sequence(chosen)
        ring = np.sort(np.array(self.angles_deg)[self.usable & self._clear_of(chosen)] % 360).tolist()
        endless = self.order == "fastest" and self.range_deg is None
        pairs = zip(turn, turn[1:] + turn[:1] if endless else turn[1:], strict=endless)
        angles, gap, never = self.angles_deg, self.min_gap_deg, 10 * len(self.angles_deg)
        needs = [fewest_between(ring, angles[a], angles[b], gap=gap, step=self.max_step_deg) for a, b in pairs]
        counts = [never if need is None else need for need in needs]
        size = max((len(group) for group in self.groups), default=1)
        return size * (sum(counts) - (max(counts) if endless else 0))

    @cached_property
    def _gap_binds(self) -> bool:
        """Whether two different candidates lie closer than the least gap."""
        ring = np.sort(np.array(self.angles_deg) % 360)
        return bool((np.diff(ring, append=ring[0] + 360) < self.min_gap_deg - ROUNDING_DEG).any())

    @cached_property
    def _group_of(self) -> dict[int, tuple[int, ...]]:
        return {view: group for group in self.groups for view in group}

    @cached_property
    def _piece(self) -> NDArray[np.int64]:
        """Number of the piece that each usable candidate lies in: pieces are further apart than a step may be."""
        piece = np.zeros(len(self.angles_deg), dtype=np.int64)
        if self.max_step_deg is None:
            return piece
        turn = list(self.sequence(np.flatnonzero(self.usable).tolist()))
        angles = np.array(self.angles_deg)[turn]
        piece[turn] = np.concatenate([[0], np.cumsum(np.diff(angles) % 360 > self.max_step_deg + ROUNDING_DEG)])
        return piece

    def _fill(self, chosen: Sequence[int], views: int) -> int:
        """Return how many views there can be with those chosen; exact up to `views` without groups."""
        free = self.usable & self._clear_of(chosen)
        if chosen:
            free &= self._piece == self._piece[chosen[0]]
        if self.groups:
            count = len(chosen)
            for unit in self.units:
                if count + len(unit) <= views and free[list(unit)].all():
                    count += len(unit)
                    free &= self._clear_of(unit)
            return count
        ring = np.sort(np.array(self.angles_deg)[free] % 360).tolist()
        gap = self.min_gap_deg
        if not ring or gap <= ROUNDING_DEG:
            return len(chosen) + len(ring)
        if not chosen:
            return max(1 + most_between(ring, first, first + 360 - gap, gap) for first in ring)
        fixed = sorted(self.angles_deg[view] % 360 for view in chosen)
        ends = [*fixed[1:], fixed[0] + 360]
        return len(chosen) + sum(most_between(ring, a, b - gap, gap) for a, b in zip(fixed, ends, strict=True))

    def _clear_of(self, chosen: Sequence[int]) -> NDArray[np.bool_]:
        """Tell which candidates are not chosen and keep the gap to those that are."""
        angles = np.array(self.angles_deg)
        clear = np.ones(len(angles), dtype=bool)
        for view in chosen:
            self._check_index(view)
            if self._gap_binds:
                clear &= angular_distance_deg(angles, angles[view : view + 1]) >= self.min_gap_deg - ROUNDING_DEG
            clear[view] = False
        return clear

    def _apart(self, group: Sequence[int]) -> bool:
        angles = np.array(self.angles_deg)[list(group)]
        distances = angular_distance_deg(angles[:, None], angles[None, :]) + np.diag(np.full(len(group), 360.0))
        return bool(distances.min() >= self.min_gap_deg - ROUNDING_DEG)

    @cached_property
    def reasons(self) -> list[list[str]]:
        """Why each candidate alone cannot be taken, in words."""
        return lone_reasons(self)

    def _check_index(self, view: int) -> None:
        if not 0 <= view < len(self.angles_deg):
            raise InputError(f"views: expected indices from 0 to {len(self.angles_deg) - 1}, got {view}")


_NONE: dict[str, Any] = {
    "max_views": None,
    "allowed": None,
    "step_deg": None,
    "forbidden_deg": (),
    "range_deg": None,
    "groups": (),
    "max_step_deg": None,
    "min_gap_deg": 0.0,
}
"""What each constraint is where there is none."""
