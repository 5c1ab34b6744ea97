"""`svct tasks`: what can be scanned."""

import json

import click

from svct.cli import options


@click.command()
@click.argument("name", required=False)
@options.as_json
def command(name: str | None, as_json: bool) -> None:
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
