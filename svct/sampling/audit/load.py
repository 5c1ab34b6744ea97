"""Checks of the tube and of dose."""

import numpy as np

from svct.errors import InputError
from svct.sampling.audit.finding import Finding, at_least, compared, skipped
from svct.sampling.audit.place import order
from svct.sampling.device import Device
from svct.sampling.schedule import Schedule
from svct.sampling.timeline import exposure_times_ms, timeline, tube_currents_mA

_NO_LOADS = "the schedule states no tube loads (exposure_mAs, or a dose with its total)"


def tube_current(schedule: Schedule, device: Device) -> Finding:
    """Check the tube current that every frame needs in its exposure time."""
    if device.tube.max_mA is None:
        return skipped("TUBE_CURRENT", "the device has no limit")
    if not schedule.exposure_mAs:
        return skipped("TUBE_CURRENT", _NO_LOADS)
    currents, lit = tube_currents_mA(schedule, device), _lit(schedule)
    place = lit[int(currents[lit].argmax())]
    if currents[lit].min() < device.tube.min_mA:
        low = lit[int(currents[lit].argmin())]
        message = "lowest tube current, below the tube's"
        return at_least("TUBE_CURRENT", currents[low], device.tube.min_mA, message=message, unit="mA", views=(low,))
    time = exposure_times_ms(schedule, device)[place]
    message = f"highest tube current: {schedule.exposure_mAs[place]:.4g} mAs in {time:.4g} ms of view {place}"
    return compared("TUBE_CURRENT", currents[place], device.tube.max_mA, message=message, unit="mA", views=(place,))


def tube_heat(schedule: Schedule, device: Device) -> Finding:
    """Check the energy into the anode, kV times mAs."""
    if device.tube.heat_kJ is None:
        return skipped("TUBE_HEAT", "the device has no limit")
    if not schedule.exposure_mAs:
        return skipped("TUBE_HEAT", _NO_LOADS)
    if not schedule.kvp and not device.tube.kv:
        return skipped("TUBE_HEAT", "neither the schedule nor the device states a voltage")
    kv = np.array(schedule.kvp) if schedule.kvp else np.full(len(schedule.frame), max(device.tube.kv))
    heat = float((kv * np.array(schedule.exposure_mAs)).sum()) / 1000
    message = "energy into the anode" + (
        "" if schedule.kvp else f", at the highest voltage, {max(device.tube.kv):g} kV"
    )
    return compared("TUBE_HEAT", heat, device.tube.heat_kJ, message=message, unit="kJ")


def slew(schedule: Schedule, device: Device) -> Finding:
    """Check how fast the tube current must change from one frame to the next."""
    limit = device.tube.slew_mA_per_ms
    if limit is None:
        return skipped("SLEW", "the device has no limit")
    if not schedule.exposure_mAs:
        return skipped("SLEW", _NO_LOADS)
    currents, lit = tube_currents_mA(schedule, device), _lit(schedule)
    if len(lit) < 2:
        return skipped("SLEW", "there is one frame alone")
    if device.mode == "fly" and order(schedule, device).result == "fail":
        return skipped("SLEW", "the order fails")
    try:
        starts = timeline(schedule, device).start_s[lit] * 1000
    except InputError as error:
        return skipped("SLEW", str(error))
    steps, times = np.abs(np.diff(currents[lit])), np.diff(starts)
    rates = np.divide(steps, times, out=np.where(steps > 0, np.inf, 0.0), where=times > 0)
    place = int(rates.argmax())
    message = f"fastest change of tube current, {steps[place]:.4g} mA from view {lit[place]} to {lit[place + 1]}"
    worst = float(min(rates[place], np.finfo(float).max))
    return compared("SLEW", worst, limit, message=message, unit="mA/ms", views=(lit[place + 1],))


def voltage(schedule: Schedule, device: Device) -> Finding:
    """Check that every voltage can be set."""
    if not device.tube.kv:
        return skipped("KVP", "the device has no list of voltages")
    if not schedule.kvp:
        return skipped("KVP", "the schedule states no voltages")
    lit = _lit(schedule)
    near = {i: min(device.tube.kv, key=lambda kv: abs(schedule.kvp[i] - kv)) for i in lit}
    bad = tuple(i for i in lit if abs(schedule.kvp[i] - near[i]) > 1e-6)
    if not bad:
        return Finding(code="KVP", result="pass", message="every voltage can be set")
    return Finding(
        code="KVP",
        result="fail",
        message="voltage that cannot be set, against the nearest that can",
        value=schedule.kvp[bad[0]],
        limit=near[bad[0]],
        unit="kV",
        views=bad,
    )


def voltage_dwell(schedule: Schedule, device: Device) -> Finding:
    """Check how long each voltage is kept."""
    if not device.tube.kv_dwell_ms or len(set(schedule.kvp)) < 2:
        return skipped("KV_DWELL", "the voltage does not change, or may at any time")
    if device.mode == "fly" and order(schedule, device).result == "fail":
        return skipped("KV_DWELL", "the order fails")
    try:
        starts = timeline(schedule, device).start_s * 1000
    except InputError as error:
        return skipped("KV_DWELL", str(error))
    changes = np.flatnonzero(np.diff(schedule.kvp) != 0) + 1
    times = np.diff(starts[np.concatenate([[0], changes])])
    message, views = "shortest time at one voltage", (int(changes[times.argmin()]),)
    return at_least("KV_DWELL", times.min(), device.tube.kv_dwell_ms, message=message, unit="ms", views=views)


def total_load(schedule: Schedule, device: Device) -> Finding:
    """Check the sum of the tube loads."""
    if device.dose.max_total_mAs is None:
        return skipped("TOTAL_MAS", "the device has no ceiling")
    if schedule.total_mAs is None:
        return skipped("TOTAL_MAS", _NO_LOADS)
    return compared("TOTAL_MAS", schedule.total_mAs, device.dose.max_total_mAs, message="sum of the loads", unit="mAs")


def ctdi(schedule: Schedule, device: Device) -> Finding:
    """Check the CTDIvol against the ceiling."""
    return _dose("CTDI", "CTDIvol", schedule, device.dose.max_ctdi_vol_mGy, "ctdi_vol_mGy", "mGy")


def ctdi_notify(schedule: Schedule, device: Device) -> Finding:
    """Warn where the CTDIvol passes the notification value."""
    limit = device.dose.notify_ctdi_vol_mGy
    return _dose("CTDI_NOTIFY", "CTDIvol", schedule, limit, "ctdi_vol_mGy", "mGy", bad="warn")


def dlp(schedule: Schedule, device: Device) -> Finding:
    """Check the dose-length product."""
    return _dose("DLP", "dose-length product", schedule, device.dose.max_dlp_mGycm, "dlp_mGycm", "mGy cm")


def _dose(
    code: str, name: str, schedule: Schedule, limit: float | None, field: str, unit: str, *, bad: str = "fail"
) -> Finding:
    if limit is None:
        return skipped(code, "the device has no limit")
    value = None if schedule.dose is None else getattr(schedule.dose, field)
    if value is None:
        return skipped(code, f"the schedule states no {name}")
    return compared(code, value, limit, message=name, unit=unit, bad=bad)


def _lit(schedule: Schedule) -> list[int]:
    """Return the frames that are not dark."""
    return [i for i, kind in enumerate(schedule.frame) if kind != "dark"]
