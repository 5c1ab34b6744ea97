"""What was learned, as a device takes it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from svct.sampling.schedule import Schedule


def plan_for(schedule: "Schedule", device: str, stem: Path) -> None:
    """Write the schedule as the device takes it, ``STEM-DEVICE.json``, or say why it cannot.

    Args:
        schedule: What was learned.
        device: Name or file of a profile.
        stem: Folder and first part of the file's name.
    """
    from svct.errors import InputError
    from svct.sampling.device import load_device
    from svct.sampling.plan import plan

    profile = load_device(device)
    try:
        made = plan(schedule, profile).schedule
    except InputError as error:
        click.echo(f"note: not planned for the device: {error}", err=True)
        return
    path = stem.with_name(f"{stem.name}-{profile.id}.json")
    made.save(path, overwrite=True)
    click.echo(f"planned for {profile.id}: {path}", err=True)
    for check in made.checks:
        if check["result"] == "fail":
            click.echo(f"note: on the device {check['code']} fails: {check['value']} of {check['limit']}", err=True)
