"""All checks of a schedule, in their order."""

import os
from collections.abc import Callable
from pathlib import Path

from svct.errors import BackendUnavailable, DataFileError
from svct.files import system_reason
from svct.sampling.audit import load, place, timing
from svct.sampling.audit.content import content_findings
from svct.sampling.audit.finding import Finding, Report, skipped
from svct.sampling.device import Device
from svct.sampling.schedule import Schedule
from svct.sampling.sign import SignatureError, verify

CONTENT_CODES = {
    "NONFINITE": "every number is finite",
    "SCHEMA": "the file follows the published schema",
    "INDEX": "i counts 0, 1, 2, ... in acquisition order",
    "NEG_EXPOSURE": "no load, current, time or voltage is below 0",
    "DUPLICATE": "no two projections share an angle modulo 360 degrees, unless the schedule says that it repeats views",
    "MAS": "mAs is mA times ms / 1000, and the loads sum to the stated total",
    "HASH": "the content is the one that the hash was taken of",
    "VALUES": "all other statements agree with each other",
    "SIGNATURE": "a signature fits; a schedule without one is warned of",
}
"""Checks of the file by itself, with what passes."""

DEVICE_CODES: dict[str, tuple[str, Callable[[Schedule, Device], Finding]]] = {
    "DEVICE": ("the schedule was fitted to this very profile; warned of where it was fitted to none", place.profile),
    "MODE": ("the schedule's mode is the device's", place.mode),
    "UNREACHABLE": ("every view is in range and outside of forbidden sectors", place.reach),
    "ORDER": ("sweeps go one way; a gantry's views follow by rotation and slot", place.order),
    "ROTATIONS": ("no more rotations than the device makes", place.rotations),
    "QUANT": ("every view is within tolerance of an encoder count", place.quantum),
    "DUP_COUNT": ("no two views share an encoder count", place.same_count),
    "INT32": ("encoder counts fit into 32 bits", place.int32),
    "SLOT": ("every view is within tolerance of its trigger slot", place.slot),
    "TABLE_FULL": ("all frames fit into the sequencer's table", place.table),
    "MAX_VIEWS": ("no more frames than the device takes", place.count),
    "EXPOSURE": ("exposure times are within limits, and within a trigger slot", timing.exposure),
    "PULSE_RATE": ("exposures start no faster than the device allows", timing.pulse_rate),
    "NO_GATING": ("no trigger slot is irradiated without a view", timing.gating),
    "SPEED": ("a sweep need not be slower than the axis turns steadily", timing.steady_speed),
    "TOO_SLOW": ("the axis reaches every view by its stated time", timing.too_slow),
    "TIME": ("the scan is no longer than allowed", timing.duration),
    "TUBE_CURRENT": ("every frame's load fits into its exposure time", load.tube_current),
    "TUBE_HEAT": ("the energy into the anode is within its limit", load.tube_heat),
    "SLEW": ("the tube current changes no faster than it can", load.slew),
    "KVP": ("every voltage can be set", load.voltage),
    "KV_DWELL": ("every voltage is kept long enough", load.voltage_dwell),
    "TOTAL_MAS": ("the sum of the loads is below the ceiling", load.total_load),
    "CTDI": ("CTDIvol is below the ceiling", load.ctdi),
    "CTDI_NOTIFY": ("CTDIvol is below the notification value, else a warning", load.ctdi_notify),
    "DLP": ("the dose-length product is below the ceiling", load.dlp),
    "COVERAGE": ("180 degrees and the fan angle are covered without a hole, else a warning", place.coverage),
    "HALF_SCAN": ("no two parallel views see the same rays, else a warning", place.redundancy),
}
"""Checks against a device, with what passes."""

CODES = {**CONTENT_CODES, **{code: text for code, (text, _) in DEVICE_CODES.items()}, "REVIEW": "somebody released it"}
"""Every code with what passes."""


def check_schedule(schedule: Schedule, device: Device) -> Report:
    """Check a schedule against a device.

    Args:
        schedule: The schedule.
        device: The device profile.

    Returns:
        One finding per code of `DEVICE_CODES`, and REVIEW.

    Example:
        >>> from svct.sampling.device import load_device
        >>> from svct.sampling.dose import Dose
        >>> made = Schedule(angles_deg=tuple(7.5 * i for i in range(48)), geometry={"kind": "parallel"}, task="chest",
        ...                 budget=48, candidates=1152, method="equidistant", dose=Dose(total_mAs=43.2))
        >>> check_schedule(made, load_device("research-gantry"))["TUBE_CURRENT"].value
        2073.6
    """
    findings = [check(schedule, device) for _, check in DEVICE_CODES.values()]
    if schedule.reviewed_by is None:
        review = Finding(code="REVIEW", result="warn", message="nobody released this schedule (reviewed_by)")
    else:
        review = Finding(code="REVIEW", result="pass", message=f"released by {schedule.reviewed_by}")
    return Report((*findings, review), device.id)


def check_file(path: str | os.PathLike[str], device: Device | None = None) -> Report:
    """Check a schedule file by itself, and against a device.

    Args:
        path: The file.
        device: The device profile, or None.

    Returns:
        Findings about the file; where none of them failed and there is a device, also those against it.

    Raises:
        DataFileError: The file is missing, or no JSON object.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = system_reason(error) if isinstance(error, OSError) else "not text"
        raise DataFileError(f"{path}: expected a schedule file in JSON, could not be read ({reason})") from error
    try:
        findings, schedule = content_findings(text)
    except DataFileError as error:
        raise DataFileError(f"{path}: {error}") from error
    if schedule is None:
        findings.append(skipped("SIGNATURE", "the checks above failed"))
        return Report(tuple(findings), None)
    findings.append(_signature(schedule))
    if device is None:
        return Report(tuple(findings), None)
    return Report((*findings, *check_schedule(schedule, device).findings), device.id)


def _signature(schedule: Schedule) -> Finding:
    if schedule.signature is None:
        return Finding(code="SIGNATURE", result="warn", message="unsigned: nothing tells who made this schedule")
    try:
        return Finding(code="SIGNATURE", result="pass", message=str(verify(schedule)))
    except SignatureError as error:
        return Finding(code="SIGNATURE", result="fail", message=str(error))
    except BackendUnavailable as error:
        return skipped("SIGNATURE", str(error))
