"""Checks of time: exposure, pulse rate, speed, duration, gating."""

import numpy as np

from svct.errors import InputError
from svct.sampling.audit.finding import Finding, at_least, compared, skipped
from svct.sampling.audit.place import order
from svct.sampling.device import Device
from svct.sampling.schedule import Schedule
from svct.sampling.timeline import Timeline, move_time_s, sweep_speed_deg_s, timeline, trigger_slots


def exposure(schedule: Schedule, device: Device) -> Finding:
    """Check the longest exposure time, and the shortest."""
    if not schedule.exposure_ms:
        return skipped("EXPOSURE", "the schedule states no exposure times")
    lit = [i for i, kind in enumerate(schedule.frame) if kind != "dark"]
    times = np.array(schedule.exposure_ms)[lit]
    if times.min() < device.exposure.min_ms:
        short = (lit[int(times.argmin())],)
        message = "shortest exposure, below the device's"
        return at_least("EXPOSURE", times.min(), device.exposure.min_ms, message=message, unit="ms", views=short)
    slot_ms = None if device.rotation is None else device.rotation.slot_ms
    longest = [time for time in (device.exposure.max_ms, slot_ms) if time is not None]
    if not longest:
        return Finding(code="EXPOSURE", result="pass", message="no exposure is too short; the device has no longest")
    views = (lit[int(times.argmax())],)
    return compared("EXPOSURE", times.max(), min(longest), message="longest exposure", unit="ms", views=views)


def pulse_rate(schedule: Schedule, device: Device) -> Finding:
    """Check the shortest time between the starts of two exposures."""
    least = device.exposure.min_period_ms
    if least is None or len(schedule.frame) < 2:
        return skipped("PULSE_RATE", "the device has no shortest period, or there is one frame alone")
    line = _timeline(schedule, device)
    if isinstance(line, str):
        return skipped("PULSE_RATE", line)
    starts = np.array(schedule.t_offset_s) if schedule.t_offset_s else line.start_s
    periods = np.diff(starts) * 1000
    message, views = "shortest time from one exposure's start to the next", (int(periods.argmin()) + 1,)
    return at_least("PULSE_RATE", periods.min(), least, message=message, unit="ms", views=views)


def gating(schedule: Schedule, device: Device) -> Finding:
    """Check that no radiation falls between the views of a gantry that cannot switch its beam."""
    if device.rotation is None:
        return skipped("NO_GATING", "the axis does not turn all the time")
    if device.rotation.beam_gating:
        return Finding(code="NO_GATING", result="pass", message="the beam is off between views")
    slots, rotations, _ = trigger_slots(schedule, device)
    turns = (rotations * device.rotation.views + slots)[list(schedule.projections)]
    idle = int(turns.max() - turns.min() + 1 - len(np.unique(turns)))
    return compared("NO_GATING", idle, 0, message="trigger slots with the beam on and no view", unit="slots")


def steady_speed(schedule: Schedule, device: Device) -> Finding:
    """Check that a sweep need not be slower than the axis can turn steadily."""
    if device.mode != "fly":
        return skipped("SPEED", "the scan is no sweep")
    if order(schedule, device).result == "fail":
        return skipped("SPEED", "the order fails")
    message = "speed at which exposure and read-out end before the next view"
    speed = sweep_speed_deg_s(schedule, device)
    return at_least("SPEED", speed, device.axis.min_speed_deg_s, message=message, unit="deg/s")


def too_slow(schedule: Schedule, device: Device) -> Finding:
    """Check that the axis reaches every view by the time that the schedule states."""
    if not schedule.t_offset_s:
        return skipped("TOO_SLOW", "the schedule states no times")
    line = _timeline(schedule, device)
    if isinstance(line, str):
        return skipped("TOO_SLOW", line)
    stated = np.diff(np.array(schedule.t_offset_s))
    if device.mode == "step":
        moves = [move_time_s(abs(float(d)), device) + device.axis.settle_s for d in np.diff(line.position_deg)]
        needed = np.array(moves) + line.exposure_s[:-1] + device.exposure.readout_ms / 1000
    elif device.rotation is not None:
        needed = np.diff(line.start_s)
    else:
        swept = np.array(schedule.frame) == "projection"
        needed = np.abs(np.diff(line.position_deg)) / (device.axis.speed_deg_s or np.inf) * (swept[1:] & swept[:-1])
    late = needed - stated
    views = (int(late.argmax()) + 1,) if late.size else ()
    value = max(0.0, float(late.max(initial=0.0)))
    return compared(
        "TOO_SLOW",
        value if value > 1e-9 else 0.0,
        0,
        message="largest delay against the stated times",
        unit="s",
        views=views,
    )


def duration(schedule: Schedule, device: Device) -> Finding:
    """Check the length of the whole scan."""
    if device.limits.max_scan_s is None:
        return skipped("TIME", "the device has no longest scan")
    line = _timeline(schedule, device)
    if isinstance(line, str):
        return skipped("TIME", line)
    return compared("TIME", line.duration_s, device.limits.max_scan_s, message="duration of the scan", unit="s")


def _timeline(schedule: Schedule, device: Device) -> Timeline | str:
    """Return the time line, or why there is none."""
    if device.mode == "fly" and order(schedule, device).result == "fail":
        return "the order fails"
    try:
        return timeline(schedule, device)
    except InputError as error:
        return str(error)
