"""Checks of where a device can stand: reach, order, encoder counts, trigger slots, tables, coverage."""

import math

import numpy as np

from svct.sampling.audit.finding import Finding, compared, skipped
from svct.sampling.checks import angular_distance_deg
from svct.sampling.device import Device
from svct.sampling.schedule import Schedule
from svct.sampling.timeline import axis_positions_deg, trigger_slots

HOLE = 3.0
"""A gap between neighbouring views counts as a hole in the coverage from this many mean gaps on."""


def profile(schedule: Schedule, device: Device) -> Finding:
    """Compare the profile that the schedule was fitted to with this one."""
    fitted = schedule.device_profile
    if fitted is None:
        return Finding(
            code="DEVICE", result="warn", message="the schedule was not fitted to a device; see svct schedule plan"
        )
    if fitted["sha256"] == device.sha256:
        return Finding(code="DEVICE", result="pass", message=f"fitted to this profile, {device.id}")
    message = f"fitted to {fitted['id']} {fitted['sha256'][:12]}, not to {device.id} {device.sha256[:12]}; plan it anew"
    return Finding(code="DEVICE", result="fail", message=message)


def mode(schedule: Schedule, device: Device) -> Finding:
    """Compare the schedule's way of moving with the device's."""
    if schedule.mode is None:
        return skipped("MODE", "the schedule does not say how the axis moves")
    result = "pass" if schedule.mode == device.mode else "fail"
    return Finding(code="MODE", result=result, message=f"schedule for {schedule.mode}, device moves by {device.mode}")


def reach(schedule: Schedule, device: Device) -> Finding:
    """Check that the axis can take every projection."""
    chosen = np.array(schedule.projections)
    bad = chosen[~device.reachable(schedule.angles_deg)[chosen]]
    if device.axis.range_deg is None and not device.axis.forbidden_deg:
        return Finding(code="UNREACHABLE", result="pass", message="the axis is endless")
    return compared(
        "UNREACHABLE", len(bad), 0, message="views out of range or in a forbidden sector", views=tuple(bad.tolist())
    )


def order(schedule: Schedule, device: Device) -> Finding:
    """Check that the order of the projections is one that the device can drive."""
    chosen = np.array(schedule.projections)
    if device.axis.order == "any" or len(chosen) < 2:
        return Finding(code="ORDER", result="pass", message="any order goes")
    if device.rotation is not None:
        slots, rotations, _ = trigger_slots(schedule, device)
        steps = np.diff((rotations * device.rotation.views + slots)[chosen])
        message = "views that do not come after the one before by rotation and slot"
    else:
        steps = np.diff(axis_positions_deg(schedule, device)[chosen])
        steps = steps if steps[0] > 0 else -steps
        message = "views at which the sweep would turn back or stand still"
    bad = chosen[1:][steps <= 0]
    return compared("ORDER", len(bad), 0, message=message, views=tuple(bad.tolist()))


def rotations(schedule: Schedule, device: Device) -> Finding:
    """Check the number of rotations."""
    if device.rotation is None or device.rotation.max_rotations is None:
        return skipped("ROTATIONS", "the device has no limit of rotations")
    taken = int(trigger_slots(schedule, device)[1].max()) + 1
    return compared("ROTATIONS", taken, device.rotation.max_rotations, message="rotations")


def quantum(schedule: Schedule, device: Device) -> Finding:
    """Check that views lie on encoder counts."""
    step = device.step_deg
    if device.rotation is not None or step is None:
        return skipped("QUANT", "the device has no encoder counts")
    chosen = list(schedule.projections)
    positions = axis_positions_deg(schedule, device)[chosen]
    errors = np.abs(positions - step * np.round(positions / step))
    return compared(
        "QUANT",
        errors.max(),
        device.axis.tolerance_deg,
        message="largest distance of a view from its encoder count",
        unit="deg",
        views=tuple(np.array(chosen)[errors > device.axis.tolerance_deg].tolist()),
    )


def same_count(schedule: Schedule, device: Device) -> Finding:
    """Check that no two projections share an encoder count."""
    if device.rotation is not None or device.axis.counts_per_turn is None or device.step_deg is None:
        return skipped("DUP_COUNT", "the device has no encoder counts")
    if schedule.repeat:
        return skipped("DUP_COUNT", "the schedule says that it repeats views")
    chosen = schedule.projections
    counts = np.round(axis_positions_deg(schedule, device)[list(chosen)] / device.step_deg).astype(np.int64)
    others = [getattr(schedule, name) or (0.0,) * len(schedule.frame) for name in ("secondary_deg", "z_mm")]
    seen, bad = set(), []
    for view, spot in zip(chosen, counts.tolist(), strict=True):
        place = (spot, *(column[view] for column in others))
        if place in seen:
            bad.append(view)
        seen.add(place)
    return compared("DUP_COUNT", len(bad), 0, message="views on the encoder count of another", views=tuple(bad))


def int32(schedule: Schedule, device: Device) -> Finding:
    """Check that encoder counts fit into the 32 bits of sequencers and trigger boxes."""
    if device.rotation is not None or device.step_deg is None:
        return skipped("INT32", "the device has no encoder counts")
    counts = np.abs(axis_positions_deg(schedule, device) / device.step_deg)
    bad = tuple(np.flatnonzero(counts > 2**31 - 1).tolist())
    return compared("INT32", counts.max(), 2**31 - 1, message="largest encoder count", unit="counts", views=bad)


def slot(schedule: Schedule, device: Device) -> Finding:
    """Check that views lie on trigger slots, and that stated slots are the right ones."""
    if device.rotation is None:
        return skipped("SLOT", "the device has no trigger slots")
    chosen = np.array(schedule.projections)
    slots, _, errors = trigger_slots(schedule, device)
    off = np.abs(errors[chosen])
    beyond = chosen[slots[chosen] >= device.rotation.views]
    if beyond.size:
        return compared(
            "SLOT", slots.max(), device.rotation.views - 1, message="largest slot", views=tuple(beyond.tolist())
        )
    return compared(
        "SLOT",
        off.max(),
        device.axis.tolerance_deg,
        message="largest distance of a view from its trigger slot",
        unit="deg",
        views=tuple(chosen[off > device.axis.tolerance_deg].tolist()),
    )


def table(schedule: Schedule, device: Device) -> Finding:
    """Check that all frames fit into the sequencer's table."""
    rows = device.limits.table_rows
    if rows is None:
        return skipped("TABLE_FULL", "the device has no table of views")
    return compared("TABLE_FULL", len(schedule.frame), rows, message="rows, one per frame", unit="rows")


def count(schedule: Schedule, device: Device) -> Finding:
    """Check the number of frames."""
    most = device.limits.max_views
    if most is None:
        return skipped("MAX_VIEWS", "the device has no limit")
    return compared("MAX_VIEWS", len(schedule.frame), most, message="frames", unit="frames")


def coverage(schedule: Schedule, device: Device) -> Finding:
    """Warn where the views leave a hole in the least range of angles: 180 degrees, and the fan angle."""
    period = 180.0 if schedule.geometry["kind"] == "parallel" else 360.0
    angles = np.sort(np.array([schedule.angles_deg[i] for i in schedule.projections]) % period)
    gaps = np.diff(angles, append=angles[0] + period)
    largest = float(gaps.max())
    needed = min(period, 180.0 + fan_angle_deg(schedule))
    mean = needed / len(angles)
    covered = period - largest if largest > HOLE * mean else period
    message = f"degrees covered, without gaps of more than {HOLE:g} mean gaps; largest gap {largest:.4g} deg"
    result = "pass" if covered >= needed - 1e-9 else "warn"
    return Finding(code="COVERAGE", result=result, message=message, value=covered, limit=needed, unit="deg")


def redundancy(schedule: Schedule, device: Device) -> Finding:
    """Warn where parallel views 180 degrees apart measure the same rays twice."""
    if schedule.geometry["kind"] != "parallel":
        return skipped("HALF_SCAN", "only in parallel beam do views half a turn apart see the same rays")
    chosen = np.array(schedule.projections)
    angles = np.array(schedule.angles_deg)[chosen]
    sequence = np.argsort(angles % 180, kind="stable")
    first, second = sequence, np.roll(sequence, -1)
    half = angular_distance_deg(angles[first], angles[second] + 180) < device.axis.tolerance_deg
    pairs = {
        (min(a, b), max(a, b)) for a, b in zip(chosen[first[half]].tolist(), chosen[second[half]].tolist(), strict=True)
    }
    return compared(
        "HALF_SCAN",
        len(pairs),
        0,
        message="pairs of views half a turn apart, which see the same rays",
        bad="warn",
        views=tuple(sorted(view for pair in pairs for view in pair)),
    )


def fan_angle_deg(schedule: Schedule) -> float:
    """Return the full fan angle of a schedule's geometry, degrees; 0 where its fields do not tell."""
    geometry = schedule.geometry
    try:
        half = geometry["bins"] * geometry["bin_mm"] / 2
        distance = geometry["source_mm"] + geometry["detector_mm"]
        angle = half / distance if geometry.get("curved") else math.atan(half / distance)
        return 2 * math.degrees(angle)
    except (KeyError, TypeError, ZeroDivisionError):
        return 0.0
