"""When a device takes each frame of a schedule, and where its axis stands."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svct.errors import InputError
from svct.sampling.device import Device
from svct.sampling.schedule import Schedule


@dataclass(frozen=True, eq=False)
class Timeline:
    """One scan in time, from the first motion or exposure to the last.

    Args:
        start_s: Start of each frame's exposure, ``(frame,)``, s.
        exposure_s: Length of each exposure, ``(frame,)``, s.
        position_deg: Where the axis stands, ``(frame,)``, degrees; unwrapped for a gantry that turns all the time.
        duration_s: Length of the whole scan, s.
        speed_deg_s: Speed of a sweep or of the gantry, or None where the axis stops.
    """

    start_s: NDArray[np.float64]
    exposure_s: NDArray[np.float64]
    position_deg: NDArray[np.float64]
    duration_s: float
    speed_deg_s: float | None


def timeline(schedule: Schedule, device: Device) -> Timeline:
    """Work out when a device takes each frame.

    Args:
        schedule: The schedule; exposure times that it leaves open are those of `exposure_times_ms`.
        device: The device.

    Raises:
        InputError: Two frames of a sweep lie at one position, so that no speed fits.

    Example:
        >>> from svct.sampling.device import load_device
        >>> made = Schedule(angles_deg=(0.0, 90.0), geometry={"kind": "parallel"}, task="chest", budget=2,
        ...                 candidates=180, method="equidistant", exposure_ms=(100.0, 100.0))
        >>> round(timeline(made, load_device("lab-step-stage")).duration_s, 2)
        3.21

    Notes:
        Stops: every move has a trapezoid of speed, then the axis settles, exposes and reads out. Sweep: the highest
        constant speed at which every exposure and read-out ends before the next view, with the way to speed up and to
        slow down. Darks and flats before and after a sweep are taken where it begins and ends. Endless
        rotation: by rotation and trigger slot.
    """
    exposure_ms = exposure_times_ms(schedule, device)
    if device.rotation is not None:
        slots, rotations, _ = trigger_slots(schedule, device)
        turns = rotations + slots / device.rotation.views
        start = (turns - turns.min()) * device.rotation.time_s
        duration = float((start + exposure_ms / 1000).max())
        return Timeline(start, exposure_ms / 1000, turns * 360, duration, 360 / device.rotation.time_s)
    positions = axis_positions_deg(schedule, device)
    if device.mode == "fly":
        return _sweep(schedule, device, positions, exposure_ms)
    starts, now = [], 0.0
    for i, position in enumerate(positions):
        if i:
            now += move_time_s(abs(position - positions[i - 1]), device) + device.axis.settle_s
        starts.append(now)
        now += (exposure_ms[i] + device.exposure.readout_ms) / 1000
    return Timeline(np.array(starts), exposure_ms / 1000, positions, float(now), None)


def axis_positions_deg(schedule: Schedule, device: Device) -> NDArray[np.float64]:
    """Return where the axis stands for every frame, ``(frame,)``, degrees.

    Each position is that of `Device.positions_deg`; the projections of a sweep, however, are turned by whole turns so
    that they follow each other one way, where the range of the axis allows that.
    """
    positions = device.positions_deg(schedule.angles_deg)
    if device.mode != "fly" or device.axis.range_deg is None:
        return positions
    low, high = device.axis.range_deg
    chosen = list(schedule.projections)
    found = []
    for way in (1, -1):
        steps = way * np.diff(positions[chosen]) % 360
        path = positions[chosen[0]] + way * np.concatenate([[0.0], np.cumsum(steps)])
        path += 360 * np.ceil((low - path.min()) / 360 - 1e-12)
        if path.max() <= high + 1e-9:
            found.append(path)
    if found:
        positions[chosen] = min(found, key=np.ptp)
    return positions


def move_time_s(distance_deg: float, device: Device) -> float:
    """Return how long the axis takes from rest to rest over a distance, s, without settling."""
    speed, acceleration = device.axis.speed_deg_s, device.axis.acceleration_deg_s2
    if speed is None or acceleration is None:
        raise InputError(f"device {device.id}: expected a speed and an acceleration of the axis, got none")
    if distance_deg <= speed**2 / acceleration:
        return 2 * math.sqrt(distance_deg / acceleration)
    return distance_deg / speed + speed / acceleration


def exposure_times_ms(schedule: Schedule, device: Device) -> NDArray[np.float64]:
    """Return the exposure time of every frame, ms.

    Where the schedule leaves it open: a whole trigger slot of an endless rotation; elsewhere the shortest time in which
    the tube gives the frame's load, within the device's limits.
    """
    if schedule.exposure_ms:
        return np.array(schedule.exposure_ms)
    count = len(schedule.angles_deg)
    if device.rotation is not None:
        return np.full(count, device.rotation.slot_ms)
    shortest = np.full(count, device.exposure.min_ms)
    if not schedule.exposure_mAs or device.tube.max_mA is None:
        return shortest
    wished = 1000 * np.array(schedule.exposure_mAs) / device.tube.max_mA
    return np.clip(wished, device.exposure.min_ms, device.exposure.max_ms or math.inf)


def tube_currents_mA(schedule: Schedule, device: Device) -> NDArray[np.float64]:  # noqa: N802  (mA is the unit)
    """Return the tube current that every frame needs for its load in its exposure time, ``(frame,)``, mA.

    Zero where the schedule states no loads; the largest float where there is a load and no time.
    """
    if not schedule.exposure_mAs:
        return np.zeros(len(schedule.frame))
    times = exposure_times_ms(schedule, device)
    loads = np.array(schedule.exposure_mAs)
    needed = np.divide(1000 * loads, times, out=np.where(loads > 0, np.inf, 0.0), where=times > 0)
    return np.asarray(np.minimum(needed, np.finfo(float).max))


def trigger_slots(
    schedule: Schedule, device: Device
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return slot, rotation and angle error of every frame on a gantry that turns all the time.

    Slots and rotations that the schedule does not state are the nearest slot, and a new rotation whenever the slot does
    not grow.

    Returns:
        Slots and rotations ``(frame,)``, and how far each angle lies from its slot, degrees, with its sign.

    Raises:
        InputError: The device has no trigger slots.
    """
    if device.rotation is None:
        raise InputError(f"device {device.id}: expected one that turns all the time, got mode {device.mode}")
    step = device.rotation.slot_deg
    positions = device.positions_deg(schedule.angles_deg)
    nearest = np.round(positions / step).astype(np.int64) % device.rotation.views
    slots = np.array(schedule.slot, dtype=np.int64) if schedule.slot else nearest
    if schedule.rotation:
        rotations = np.array(schedule.rotation, dtype=np.int64)
    else:
        rotations = np.concatenate([[0], np.cumsum(np.diff(slots) <= 0)]).astype(np.int64)
    return slots, rotations, (positions - slots * step + 180) % 360 - 180


def least_period_s(schedule: Schedule, device: Device) -> NDArray[np.float64]:
    """Return how long after each frame's start the next one may start, ``(frame,)``, s."""
    busy = exposure_times_ms(schedule, device) + device.exposure.readout_ms
    return np.maximum(busy, device.exposure.min_period_ms or 0.0) / 1000


def sweep_speed_deg_s(schedule: Schedule, device: Device) -> float:
    """Return the highest constant speed of a sweep, degrees per second.

    Every view is done before the next, and the tube current has the time that it needs to change.

    Raises:
        InputError: Two views lie at one position, or the device has no speed.
    """
    chosen = list(schedule.projections)
    gaps = np.abs(np.diff(axis_positions_deg(schedule, device)[chosen]))
    if device.axis.speed_deg_s is None:
        raise InputError(f"device {device.id}: expected a speed of the axis, got none")
    if gaps.size and gaps.min() == 0:
        place = int(gaps.argmin())
        raise InputError(f"views {chosen[place]} and {chosen[place + 1]}: expected a step between them, got none")
    periods = least_period_s(schedule, device)[chosen][:-1]
    if device.tube.slew_mA_per_ms is not None:
        changes = np.abs(np.diff(tube_currents_mA(schedule, device)[chosen]))
        periods = np.maximum(periods, changes / device.tube.slew_mA_per_ms / 1000)
    speeds = gaps / periods
    return float(min(device.axis.speed_deg_s, speeds.min(initial=math.inf)))


def _sweep(
    schedule: Schedule, device: Device, positions: NDArray[np.float64], exposure_ms: NDArray[np.float64]
) -> Timeline:
    speed = sweep_speed_deg_s(schedule, device)
    ramp_s = speed / (device.axis.acceleration_deg_s2 or math.inf)
    busy = (exposure_ms + device.exposure.readout_ms) / 1000
    first, last = schedule.projections[0], schedule.projections[-1]
    begin = float(busy[:first].sum()) + ramp_s
    start = begin + np.abs(positions - positions[first]) / speed
    start[:first] = np.cumsum(busy[:first]) - busy[:first]
    end = float(start[last] + busy[last]) + ramp_s
    start[last + 1 :] = end + np.cumsum(busy[last + 1 :]) - busy[last + 1 :]
    positions[:first], positions[last + 1 :] = positions[first], positions[last]
    return Timeline(start, exposure_ms / 1000, positions, end + float(busy[last + 1 :].sum()), speed)
