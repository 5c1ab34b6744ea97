"""`svct schedule plan`: fit a schedule to a device."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from svct.cli import options

if TYPE_CHECKING:
    from svct.bench.snap_cost import SnapCost
    from svct.sampling.plan import Plan
    from svct.sampling.schedule import Schedule


@click.command("plan")
@options.schedule
@click.option("--device", required=True, help="A device profile: a file (.toml), or an example that comes with svct.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Schedule file to write.")
@click.option(
    "--task", "task_name", help="Judge image quality on this task's patients.  [default: the schedule's task]"
)
@click.option("--patients", type=click.IntRange(min=0), default=4, show_default=True, help="How many; 0 leaves it out.")
@options.seed
@options.overwrite
@options.as_json
def command(
    schedule: Path,
    device: str,
    out: Path,
    task_name: str | None,
    patients: int,
    seed: int,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Order the views of SCHEDULE to shorten the scan, and snap them to encoder counts or trigger slots.

    Prints the largest angle error, its cost in PSNR on test patients of the task, and the duration of the scan. The
    cost is told twice: reconstructed with the angles of the device, and as if with those asked for.
    """
    from svct.files import require_writable
    from svct.sampling.audit import check_schedule
    from svct.sampling.device import load_device
    from svct.sampling.plan import plan
    from svct.sampling.schedule import Schedule

    require_writable(out, overwrite=overwrite)
    asked = Schedule.load(schedule)
    profile = load_device(device)
    made = plan(asked, profile)
    report = check_schedule(made.schedule, profile)
    costs = _costs(asked, made, task_name, patients=patients, seed=seed)
    made.schedule.save(out, overwrite=overwrite)
    facts = {
        "path": str(out),
        "device": profile.id,
        "views": len(made.schedule.projections),
        "order": list(made.order),
        "largest_error_deg": made.largest_error_deg,
        "duration_s": made.line.duration_s,
        "duration_as_asked_s": made.asked_s,
        "psnr": [asdict(cost) for cost in costs],
        "failed": [finding.code for finding in report.failed],
    }
    click.echo(json.dumps(facts, indent=2) if as_json else _summary(made, costs, patients, out))
    for finding in report.failed:
        click.echo(f"{finding}", err=True)
    if report.failed:
        raise click.exceptions.Exit(1)


def _costs(asked: "Schedule", made: "Plan", task_name: str | None, *, patients: int, seed: int) -> "list[SnapCost]":
    """Judge the image quality, or say why not."""
    if not patients:
        return []
    from svct.bench.snap_cost import snap_cost
    from svct.errors import InputError, UnknownNameError
    from svct.tasks.task import load_task

    try:
        task = load_task(task_name or asked.task)
        return snap_cost(asked, made.schedule, task, order=made.order, patients=patients, seed=seed)
    except (InputError, UnknownNameError) as error:
        if task_name is not None:
            raise
        click.echo(f"note: image quality was not judged: {error}", err=True)
        return []


def _summary(made: "Plan", costs: "list[SnapCost]", patients: int, out: Path) -> str:
    asked = (
        "not possible in the order asked for"
        if made.asked_s is None
        else f"{made.asked_s:.4g} s in the order asked for"
    )
    lines = [
        f"largest angle error  {made.largest_error_deg:.3g} deg",
        f"duration             {made.line.duration_s:.4g} s, {asked}",
    ]
    if costs:
        lines.append(f"PSNR, mean over {patients} patients, dB; the change against the angles asked for:")
    for cost in costs:
        told, untold = cost.told_db - cost.asked_db, cost.untold_db - cost.asked_db
        lines += [
            f"  {cost.method:<9} {cost.asked_db:6.2f} as asked (another draw of the noise: {cost.noise_db:.3f})",
            f"  {'':<9} {told:+6.3f} reconstructed at the device's angles, worst patient {cost.worst_told_db:+.3f}",
            f"  {'':<9} {untold:+6.3f} reconstructed as if at those asked for",
        ]
    return "\n".join([*lines, str(out)])
