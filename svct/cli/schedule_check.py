"""`svct schedule check`: a schedule by itself and against a device."""

import json
from pathlib import Path

import click

from svct.cli import options


@click.command("check")
@options.schedule
@options.device
@click.option("--strict", is_flag=True, help="Fail on warnings too.")
@click.option("--all", "show_all", is_flag=True, help="Print also what passes and what was not checked.")
@options.as_json
def command(schedule: Path, device: str | None, strict: bool, show_all: bool, as_json: bool) -> None:
    """Check SCHEDULE, and whether a device can take it.

    Each check has a code, the worst value and its limit; docs/schedule.md lists them. Ends with exit code 1 where a
    check failed.
    """
    from svct.sampling.audit import check_file
    from svct.sampling.device import load_device

    profile = None if device is None else load_device(device)
    report = check_file(schedule, profile)
    if as_json:
        click.echo(json.dumps({"schedule": str(schedule), **report.to_dict()}, indent=2))
    else:
        counts = {kind: sum(f.result == kind for f in report.findings) for kind in ("pass", "fail", "warn", "skip")}
        for finding in report.findings:
            if show_all or finding.result in ("fail", "warn"):
                views = f"  views {_few(finding.views)}" if finding.views else ""
                click.echo(f"{finding}{views}")
        click.echo(
            f"{counts['fail']} failed, {counts['warn']} warned, {counts['pass']} passed, {counts['skip']} not checked"
            + ("" if show_all else " (--all lists them)")
        )
        if profile is not None and report.device is None:
            click.echo(f"device {profile.id}: not checked, because the file itself failed", err=True)
        if profile is not None and profile.example:
            click.echo(f"note: {profile.id} is an example with made-up numbers", err=True)
    if report.failed or (strict and report.warned):
        raise click.exceptions.Exit(1)


def _few(views: tuple[int, ...]) -> str:
    return ", ".join(map(str, views[:8])) + (f" and {len(views) - 8} more" if len(views) > 8 else "")
