"""`svct device`: run schedules on stages."""

import json
from pathlib import Path

import click

from svct.cli import options


@click.group()
def command() -> None:
    """Run schedules on stages. For research and simulation, not for clinical use."""


@command.command("run")
@options.schedule
@click.option("--bluesky", "plan", required=True, help="module:function that makes the plan, see below.")
@options.device
@click.option("--axis", help="Name of the moved axis in the events.  [default: the run's first motor]")
@click.option("--log", type=click.Path(path_type=Path), help="Log in JSON lines.  [default: beside SCHEDULE]")
@click.option("--taken", type=click.Path(path_type=Path), help="Schedule of what was taken.  [default: beside the log]")
@click.option("--force", is_flag=True, help="Run although a check against --device failed.")
@options.overwrite
@options.as_json
def run(
    schedule: Path,
    plan: str,
    device: str | None,
    axis: str | None,
    log: Path | None,
    taken: Path | None,
    force: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Take the views of SCHEDULE with a bluesky plan.

    FUNCTION(positions_deg, *, exposure_s, md) returns the plan, such as a list_scan over the positions; the export
    format bluesky shows one. All limits are checked before the first motion. Ctrl-C pauses at the next view and asks
    whether to go on. What was taken is logged and written as a schedule, for `svct schedule diff`.
    """
    import os
    import sys

    from svct.cli.progress import progress
    from svct.errors import InputError, SvctError
    from svct.files import require_writable
    from svct.sampling.audit import check_schedule
    from svct.sampling.device import load_device
    from svct.sampling.live import load_plan, run_schedule
    from svct.sampling.schedule import Schedule

    loaded = Schedule.load(schedule)
    profile = None if device is None else load_device(device)
    failed = [f.code for f in check_schedule(loaded, profile).findings if f.result == "fail"] if profile else []
    if failed and not force:
        raise InputError(
            f"{schedule}: expected a schedule that {device} can take, got failed checks {', '.join(failed)}; see svct "
            "schedule check, or give --force"
        )
    sys.path.insert(0, os.getcwd())  # as python -m does, so that a script here can be named
    make_plan = load_plan(plan)
    log = log or schedule.with_name(f"{schedule.stem}-run.jsonl")
    taken = taken or log.with_name(f"{log.stem}-taken.json")
    for path in (log, taken):
        require_writable(path, overwrite=overwrite)

    def ask() -> bool:
        return sys.stdin.isatty() and click.confirm("paused; go on?", err=True)

    with log.open("w", encoding="utf-8") as stream, progress(len(loaded.projections), what="views") as bar:
        try:
            found = run_schedule(
                loaded, make_plan, stream, device=profile, axis=axis, on_view=lambda _: bar.update(), on_pause=ask
            )
        except SvctError as error:
            partial = getattr(error, "taken", None)
            if partial is not None:
                partial.save(taken, overwrite=overwrite)
            raise
    if found is not None:
        found.save(taken, overwrite=overwrite)
    result = {"log": str(log), "taken": str(taken), "views": len(loaded.projections)}
    click.echo(json.dumps(result) if as_json else f"{log}\n{taken}")
