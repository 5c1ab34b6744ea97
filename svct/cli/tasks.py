"""`svct tasks`: what can be scanned, and cases with findings."""

import json

import click

from svct.cli import options
from svct.cli.tasks_cases import cases


class _ShowByDefault(click.Group):
    """A group that shows tasks where no subcommand is named, so that `svct tasks chest` does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in (*self.commands, "-h", "--help"):
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_ShowByDefault)
def command() -> None:
    """List the tasks, show one, or write cases with findings.

    `svct tasks` lists the tasks, `svct tasks NAME` shows the task NAME (or task file).
    """


@command.command()
@click.argument("name", required=False)
@options.as_json
def show(name: str | None, as_json: bool) -> None:
    """List the tasks, or show the task NAME (or task file)."""
    from svct.tasks.task import load_task, task_names

    rows: list[dict[str, object]] = [
        {
            "name": task.name,
            "title": task.title,
            "views": task.budget,
            "candidates": len(task.scan),
            "scan": task.scan.kind,
            "bins": task.scan.detector_shape[-1],
            "grid": list(task.grid.shape),
            "voxel_mm": task.grid.voxel_mm,
            "photons": task.acquisition.photons,
            "electronic_noise": task.acquisition.electronic_noise,
            "anatomy": task.cohort.anatomy,
            "patients": task.cohort.size,
        }
        for task in map(load_task, task_names() if name is None else [name])
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif name is None:
        for row in rows:
            click.echo(f"{row['name']:<10} {row['views']:>3} of {row['candidates']} views   {row['title']}")
    else:
        for key, value in rows[0].items():
            click.echo(f"{key}: {value}")


command.add_command(cases)
