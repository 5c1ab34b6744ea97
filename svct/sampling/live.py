"""Running a schedule on a stage through bluesky, with a log of what was really taken."""

import json
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from io import TextIOBase
from typing import Any

import numpy as np

from svct.errors import BackendUnavailable, InputError, SvctError
from svct.sampling.device import Device
from svct.sampling.export.bluesky import BlueskyExporter
from svct.sampling.schedule import Schedule

MakePlan = Callable[..., Iterator[Any]]
"""``plan(positions_deg, *, exposure_s, md)``: positions and exposure times in order, ``exposure_s`` empty where nothing
tells them; `md` belongs into the run's metadata. Returns a bluesky plan with one event per view in stream primary."""


def load_plan(name: str) -> MakePlan:
    """Return the plan function ``module:function``.

    Raises:
        InputError: There is no such module or function.
    """
    module, colon, function = name.partition(":")
    try:
        found = getattr(import_module(module), function) if colon else None
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"--bluesky {name}: expected module:function, cannot import it ({error})") from error
    if not callable(found):
        raise InputError(f"--bluesky {name}: expected module:function, such as mylab.scans:plan, got no function")
    made: MakePlan = found
    return made


def run_schedule(
    schedule: Schedule,
    make_plan: MakePlan,
    log: TextIOBase,
    *,
    device: Device | None = None,
    axis: str | None = None,
    on_view: Callable[[int], object] = lambda view: None,
    on_pause: Callable[[], bool] = lambda: False,
) -> Schedule | None:
    """Take the projections of a schedule in order.

    The limits of everything that moves are checked before the first motion. An interrupt (Ctrl-C) pauses the run at the
    next checkpoint; a view that bluesky then takes a second time is in the log twice, marked ``again``.

    Args:
        schedule: The schedule.
        make_plan: See `MakePlan`.
        log: Gets one line of JSON per event, at once: start, view, pause, resume, stop.
        device: The device whose axis is moved, or None for positions of a sample, minus the source's angles.
        axis: Name of the moved axis in the events. Default: the first of the run's ``motors``.
        on_view: Called with each view's number when it was taken.
        on_pause: Called when the run has paused; whether to go on, otherwise it is ended.

    Returns:
        The schedule of the views that were taken, at the positions that the axis read; None where none was.

    Raises:
        BackendUnavailable: bluesky is not installed.
        InputError: A position is out of limits, before anything moved.
        SvctError: The run ended before all views were taken; `taken` of the error holds what was.
    """
    try:
        bluesky: Any = import_module("bluesky")
        simulators: Any = import_module("bluesky.simulators")
        utils: Any = import_module("bluesky.utils")
    except ImportError as error:
        raise BackendUnavailable("svct device run: expected bluesky, found none; install svct[bluesky]") from error

    stage = BlueskyExporter(device)
    positions = stage.positions(schedule).tolist()
    times = stage.exposure_s(schedule)
    arguments: dict[str, Any] = {
        "exposure_s": [] if times is None else times.tolist(),
        "md": {"svct_schedule_sha256": schedule.sha256, "svct_intent": "SIMULATION_ONLY"},
    }
    record = _Record(log, positions, axis, on_view)
    engine = bluesky.RunEngine({})  # before the check, which asks devices in its event loop
    with warnings.catch_warnings(record=True) as unchecked:
        warnings.simplefilter("always")
        try:
            simulators.check_limits(make_plan(positions, **arguments))
        except Exception as error:  # devices raise what they like
            record.write("stop", status="refused", reason=f"{type(error).__name__}: {error}", views=0)
            raise InputError(f"limits: expected all positions within limits, got {error}; nothing moved") from error
    record.write("start", sha256=schedule.sha256, views=len(positions), positions_deg=positions,
                 not_checked=[str(warning.message) for warning in unchecked])  # fmt: skip
    reason = "success"
    try:
        step: Callable[[], Any] = lambda: engine(make_plan(positions, **arguments), record.document)  # noqa: E731
        while True:
            try:
                step()
                break
            except utils.RunEngineInterrupted:
                record.write("pause", views=len(record.taken))
                if not on_pause():
                    reason = "ended by the user"
                    engine.abort(reason=reason)
                    break
                record.write("resume")
                step = engine.resume
    except Exception as error:  # devices raise what they like
        reason = f"{type(error).__name__}: {error}"
    finally:
        record.write("stop", status=record.status, reason=reason, views=len(record.taken))
    taken = taken_schedule(schedule, stage, record.taken)
    if record.status != "success" or len(record.taken) != len(positions):
        failure = SvctError(
            f"run: expected {len(positions)} views, got {len(record.taken)} ({reason}); the log has them"
        )
        failure.__dict__["taken"] = taken
        raise failure
    return taken


class _Record:
    """Writes the log, and gathers the position of each view from the documents of bluesky."""

    def __init__(
        self, log: TextIOBase, positions: list[float], axis: str | None, on_view: Callable[[int], object]
    ) -> None:
        self.log, self.positions, self.axis, self.on_view = log, positions, axis, on_view
        self.taken: list[float] = []
        self.status = "not started"
        self.streams: set[str] = set()

    def write(self, event: str, **values: Any) -> None:
        line = {"event": event, "time_utc": datetime.now(UTC).isoformat(timespec="milliseconds"), **values}
        self.log.write(json.dumps(line) + "\n")
        self.log.flush()

    def document(self, name: str, document: dict[str, Any]) -> None:
        if name == "start":
            self.axis = self.axis or next(iter(document.get("motors") or ()), None)
        elif name == "descriptor" and document["name"] == "primary":
            self.streams.add(document["uid"])
        elif name == "event" and document["descriptor"] in self.streams:
            self._view(document["seq_num"] - 1, document["data"])
        elif name == "stop":
            self.status = document["exit_status"]

    def _view(self, view: int, data: dict[str, Any]) -> None:
        if self.axis not in data:
            raise InputError(f"axis: expected one of {', '.join(data)}, got {self.axis!r}; name it with --axis")
        position = float(data[self.axis])
        planned = self.positions[view] if view < len(self.positions) else float("nan")
        again = view < len(self.taken)  # bluesky goes back to its last checkpoint after a pause
        self.taken[view:] = [position]
        self.write(
            "view", i=view, planned_deg=planned, position_deg=position, error_deg=position - planned, again=again
        )
        if not again:
            self.on_view(view)


def taken_schedule(schedule: Schedule, stage: BlueskyExporter, positions_deg: list[float]) -> Schedule | None:
    """Return the schedule of the first projections, at the positions where the axis stood.

    Args:
        schedule: The planned one.
        stage: Tells source angles from positions.
        positions_deg: Where the axis stood, degrees.
    """
    places = stage.carried(schedule)[: len(positions_deg)]
    if not places:
        return None
    columns: dict[str, Any] = {}
    for name in ("exposure_mAs", "tube_current_mA", "exposure_ms", "kvp", "slot", "rotation", "secondary_deg", "z_mm"):
        values = getattr(schedule, name)
        columns[name] = tuple(values[i] for i in places) if values else ()
    loads = np.array([schedule.relative_load[i] for i in places])
    return Schedule(
        angles_deg=tuple(stage.source_angles(positions_deg[: len(places)]).tolist()),
        geometry=schedule.geometry,
        task=schedule.task,
        budget=len(places),
        candidates=schedule.candidates,
        method=schedule.method,
        relative_load=() if columns["exposure_mAs"] else tuple((loads / loads.mean()).tolist()),
        provenance={**schedule.provenance, "taken_utc": datetime.now(UTC).isoformat(timespec="seconds")},
        parent_sha256=schedule.sha256,
        mode=schedule.mode,
        repeat=True,
        **columns,
    )
