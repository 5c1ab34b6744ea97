"""Schedules as bluesky plans."""

from pathlib import Path

from svct.sampling.export.base import ReadBack
from svct.sampling.export.header import commented, expecting, header, read_lines, read_text
from svct.sampling.export.script import constants_text, read_constants
from svct.sampling.export.stage import StageExporter
from svct.sampling.schedule import Schedule

END = "# end of the plan\n"


class BlueskyExporter(StageExporter):
    """A module with ``plan(detectors, motor, exposure=None)``, a ``list_scan``, and ``check`` of the motor's limits.

    Exposure times are set before each view where an ``exposure`` device (in seconds) is given. Call ``check`` first:
    the run engine alone refuses a position only when it gets there, after the dose of the views before.
    """

    name = "bluesky"
    suffix = ".py"
    lost = ("loads, currents and voltages", "time and mode", "geometry", "provenance", "gain")

    def text(self, schedule: Schedule) -> str:
        """Return the file's content."""
        times = self.exposure_s(schedule)
        constants = {
            "SCHEDULE_SHA256": schedule.sha256,
            "POSITIONS_DEG": tuple(self.positions(schedule).tolist()),
            "EXPOSURE_S": () if times is None else tuple(times.tolist()),
        }
        comment = commented(header(self, schedule, meaning="axis positions, deg; exposures, s"), "# ")
        return f"{comment}\n{constants_text(constants)}\n{_BODY}{END}"

    def read(self, path: Path) -> ReadBack:
        """Read a plan that svct wrote, without running it.

        Raises:
            DataFileError: The file is missing, truncated or of another format.
        """
        stated, _ = read_lines(self, path, "# ")
        with expecting(self, path):
            text = read_text(self, path)
            found = read_constants(text)
            if not text.endswith(f"{_BODY}{END}") or stated["values"] != "axis positions, deg; exposures, s":
                raise ValueError("the plan is cut off or changed, or the units are others")
            if found["SCHEDULE_SHA256"] != stated["sha256"]:
                raise ValueError("two hashes that differ")
            times = tuple(1000 * time for time in found["EXPOSURE_S"])
            return self.back(path, found["POSITIONS_DEG"], stated, columns={"exposure_ms": times} if times else {})


_BODY = '''
def plan(detectors, motor, exposure=None, md=None):
    """Take all views in order; `exposure` is a device that takes seconds."""
    from bluesky import plan_stubs as stubs
    from bluesky.plans import list_scan

    known = {"svct_schedule_sha256": SCHEDULE_SHA256, "svct_exposure_s": list(EXPOSURE_S), **(md or {})}
    if exposure is None or not EXPOSURE_S:
        return (yield from list_scan(detectors, motor, list(POSITIONS_DEG), md=known))
    times = iter(EXPOSURE_S)

    def one_view(detectors, step, pos_cache):
        yield from stubs.mv(exposure, next(times))
        yield from stubs.one_nd_step(detectors, step, pos_cache)

    return (yield from list_scan(detectors, motor, list(POSITIONS_DEG), per_step=one_view, md=known))


def check(detectors, motor, exposure=None):
    """Raise an error, before anything moves, where a position is beyond the motor's limits."""
    from bluesky.simulators import check_limits

    check_limits(plan(detectors, motor, exposure))


'''
