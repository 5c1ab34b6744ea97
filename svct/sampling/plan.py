"""Fit a schedule to a device: order, encoder counts or trigger slots, times."""

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svct.errors import InputError
from svct.sampling.audit import check_schedule
from svct.sampling.audit.place import order as order_finding
from svct.sampling.checks import angular_distance_deg
from svct.sampling.columns import COLUMNS
from svct.sampling.device import Device
from svct.sampling.schedule import Schedule
from svct.sampling.timeline import (
    Timeline,
    axis_positions_deg,
    least_period_s,
    timeline,
    trigger_slots,
    tube_currents_mA,
)


@dataclass(frozen=True)
class Plan:
    """A schedule that was fitted to a device.

    Args:
        schedule: The fitted schedule, with the device's hash, its parent's hash and the start of every frame.
        order: Which frame of the parent stands at each place.
        largest_error_deg: Largest distance of a projection from the angle that was asked for, degrees.
        line: When each frame is taken.
        asked_s: How long the scan would last in the parent's order, s, or None where the device cannot take that.
    """

    schedule: Schedule
    order: tuple[int, ...]
    largest_error_deg: float
    line: Timeline
    asked_s: float | None


def plan(schedule: Schedule, device: Device) -> Plan:
    """Order the views of a schedule for a device, snap them to its steps and work out the times.

    A stage that stops takes the views in one pass over its range; a sweep in the direction that the range allows. A
    gantry that turns all the time takes every view in the first rotation in which its slot is far enough from the one
    before for exposure, pulse rate and the change of tube current. Darks and flats stay before or after the
    projections; on a stage that stops also between them.

    Args:
        schedule: What was asked for.
        device: The device.

    Raises:
        InputError: A view cannot be reached, two views fall on the same step, or a sweep cannot hold them.

    Example:
        >>> from svct.sampling.device import load_device
        >>> made = Schedule(angles_deg=(0.0, 120.0, 60.1), geometry={"kind": "parallel"}, task="chest", budget=3,
        ...                 candidates=180, method="learned")
        >>> plan(made, load_device("research-gantry")).schedule.angles_deg
        (0.0, 60.0, 120.0)
    """
    _require_reach(schedule, device)
    fitted = replace(schedule, slot=(), rotation=(), t_offset_s=(), checks=(), signature=None, reviewed_by=None)
    snapped = _snap(fitted, device)
    if device.rotation is not None:
        order, turns = _turns(snapped, device)
        slots = tuple(turn % device.rotation.views for turn in turns)
        rotations = tuple(turn // device.rotation.views for turn in turns)
        ordered = replace(_take(snapped, order), slot=slots, rotation=rotations)
    else:
        order = _order(snapped, device)
        ordered = _take(snapped, order)
    line = timeline(ordered, device)
    planned = replace(
        ordered,
        mode=device.mode,
        t_offset_s=tuple((line.start_s - line.start_s[0]).round(9).tolist()),
        device_profile={"id": device.id, "sha256": device.sha256},
        parent_sha256=schedule.sha256,
        provenance={**schedule.provenance, "planned_utc": datetime.now(UTC).isoformat(timespec="seconds")},
    )
    found = check_schedule(planned, device).findings
    keep = ("code", "result", "value", "limit", "unit")
    planned = replace(
        planned, checks=tuple({name: getattr(f, name) for name in keep} for f in found if f.result != "skip")
    )
    asked = np.array(schedule.angles_deg)[list(order)]
    errors = angular_distance_deg(np.array(planned.angles_deg), asked)[list(planned.projections)]
    return Plan(planned, order, float(errors.max()), line, _asked_s(schedule, device))


def _require_reach(schedule: Schedule, device: Device) -> None:
    chosen = np.array(schedule.projections)
    bad = chosen[~device.reachable(schedule.angles_deg)[chosen]]
    if bad.size:
        first = ", ".join(f"view {i} at {schedule.angles_deg[i]:g} deg" for i in bad[:3])
        raise InputError(
            f"device {device.id}: expected views within reach, got {len(bad)} beyond it ({first}); choose views with "
            "svct.sampling.constraints.Constraints.from_device"
        )


def _snap(schedule: Schedule, device: Device) -> Schedule:
    """Move every projection to the nearest step of the device that it can take."""
    step = device.step_deg
    if step is None:
        return schedule
    positions = axis_positions_deg(schedule, device)
    counts = np.round(positions / step)
    if device.axis.range_deg is not None:
        low, high = device.axis.range_deg
        counts = np.clip(counts, np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9))
    angles = device.angles_deg(counts * step)
    wanted = np.array(schedule.angles_deg)
    angles += 360 * np.round((wanted - angles) / 360)
    chosen = list(schedule.projections)
    if device.axis.range_deg is None and device.rotation is None and not _at_places(schedule):
        angles = _after_largest_gap(angles, chosen)
    wanted[chosen] = angles[chosen]
    kept = tuple(float(a) for a in wanted.round(12) + 0.0)
    try:
        snapped = replace(schedule, angles_deg=kept)
    except InputError as error:
        raise InputError(
            f"device {device.id}: expected views on different steps of {step:g} deg, got two on one ({error}); choose "
            "views that far apart"
        ) from error
    _require_reach(snapped, device)
    return snapped


def _after_largest_gap(angles: NDArray[np.float64], chosen: list[int]) -> NDArray[np.float64]:
    """Turn angles by whole turns so that an endless axis takes them in less than one turn."""
    ring = np.sort(angles[chosen] % 360)
    start = ring[int(np.roll(np.diff(ring, append=ring[0] + 360), 1).argmax())]
    return np.asarray(start + (angles - start) % 360)


def _order(schedule: Schedule, device: Device) -> tuple[int, ...]:
    """Return which frame to take when; only the projections change places with each other."""
    chosen = list(schedule.projections)
    if _at_places(schedule):
        return tuple(range(len(schedule.frame)))
    positions = device.positions_deg(schedule.angles_deg)[chosen]
    if device.mode == "fly" and device.axis.range_deg is not None:
        positions = _one_way(positions, *device.axis.range_deg)
    best = [chosen[i] for i in np.argsort(positions, kind="stable")]
    if device.mode == "fly":
        return _around(schedule, best)
    ways = []
    for way in (best, best[::-1]):
        order = list(range(len(schedule.frame)))
        for place, frame in zip(chosen, way, strict=True):
            order[place] = frame
        ways.append(tuple(order))
    return min(ways, key=lambda way: timeline(_take(schedule, way), device).duration_s)


def _around(schedule: Schedule, projections: list[int]) -> tuple[int, ...]:
    """Return all frames with the projections in one piece; darks and flats between them come after them."""
    others = [i for i, kind in enumerate(schedule.frame) if kind != "projection"]
    first = schedule.projections[0]
    return (*(i for i in others if i < first), *projections, *(i for i in others if i > first))


def _at_places(schedule: Schedule) -> bool:
    """Whether views at several table positions or second angles make the order part of the scan."""
    return len(set(schedule.z_mm)) > 1 or len(set(schedule.secondary_deg)) > 1


def _one_way(positions: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Return positions, by whole turns, such that one sweep takes them over the shortest way."""
    paths = []
    for first in np.unique(positions % 360):
        path = first + 360 * np.ceil((low - first) / 360 - 1e-12) + (positions - first) % 360
        if path.max() <= high + 1e-9:
            paths.append(path)
    return min(paths, key=np.ptp) if paths else positions


def _turns(schedule: Schedule, device: Device) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the order on a gantry that turns all the time, and the slot of every frame since the first rotation."""
    rotation = device.rotation
    if rotation is None:
        raise InputError(f"device {device.id}: expected one that turns all the time, got mode {device.mode}")
    slots, stated, _ = trigger_slots(schedule, device)
    if _at_places(schedule):
        return tuple(range(len(slots))), tuple((stated * rotation.views + slots).tolist())
    needed = np.ceil(least_period_s(schedule, device) * 1000 / rotation.slot_ms - 1e-9).astype(np.int64).clip(min=1)
    left = sorted(schedule.projections, key=lambda i: int(slots[i]))
    currents, slew = tube_currents_mA(schedule, device), device.tube.slew_mA_per_ms
    order: list[int] = []
    turns: list[int] = []
    free, turn = 0, 0
    while left:
        later = []
        for frame in left:
            place = turn * rotation.views + int(slots[frame])
            change = abs(currents[frame] - currents[order[-1]]) if order and slew else 0.0
            settled = not order or place >= turns[-1] + change / ((slew or math.inf) * rotation.slot_ms) - 1e-9
            if place >= free and settled:
                order.append(frame)
                turns.append(place)
                free = place + int(needed[frame])
            else:
                later.append(frame)
        left, turn = later, turn + 1
    if rotation.max_rotations is not None and turn > rotation.max_rotations:
        raise InputError(
            f"device {device.id}: expected the views within {rotation.max_rotations} rotations, got {turn}; choose "
            "views further apart, shorter exposures or more even loads"
        )
    whole = _around(schedule, order)
    before = whole.index(order[0])
    last = turns[-1] + int(needed[order[-1]])
    after = range(last, last + int(needed.max()) * (len(whole) - before - len(order)), int(needed.max()))
    lead = before * int(needed.max())
    shift = rotation.views * -(-max(0, lead - turns[0]) // rotation.views)
    start = turns[0] + shift - lead
    return whole, (
        *range(start, start + lead, int(needed.max())), *(t + shift for t in turns), *(t + shift for t in after)
    )  # fmt: skip


def _take(schedule: Schedule, order: tuple[int, ...]) -> Schedule:
    """Return the schedule with its frames in another order."""
    stated = {name: getattr(schedule, name) for name in ("angles_deg", "relative_load", *COLUMNS)}
    taken: dict[str, Any] = {name: tuple(values[i] for i in order) for name, values in stated.items() if values}
    return replace(schedule, **taken)


def _asked_s(schedule: Schedule, device: Device) -> float | None:
    if order_finding(schedule, device).result == "fail":
        return None
    try:
        return timeline(schedule, device).duration_s
    except InputError:
        return None
