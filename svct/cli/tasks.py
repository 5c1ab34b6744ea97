"""`svct tasks`: what can be scanned, tasks of one's own, and cases with findings."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from svct.cli import options
from svct.cli.tasks_cases import cases

if TYPE_CHECKING:
    from svct.tasks.task import Task


class _ShowByDefault(click.Group):
    """A group that lists tasks where no subcommand is named, or shows one, so that `svct tasks chest` does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not any(arg in (*self.commands, "-h", "--help") for arg in args[:1]):
            args = ["show" if any(not arg.startswith("-") for arg in args) else "list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_ShowByDefault)
def command() -> None:
    """List the tasks, show, begin or check one, or write cases with findings.

    `svct tasks` lists the tasks, `svct tasks NAME` shows the task NAME (or task file).
    """


@command.command("list")
@options.as_json
def list_tasks(as_json: bool) -> None:
    """List the tasks: name, anatomy, views, title, and the package each is from."""
    from svct.errors import SvctError
    from svct.registry import entry_points_of
    from svct.tasks.task import GROUP, load_task

    rows = []
    for name, entry in sorted(entry_points_of(GROUP).items()):
        source = entry.dist.name if entry.dist is not None else entry.module
        try:
            rows.append({**_settings(load_task(name)), "from": source})
        except SvctError as error:
            click.echo(f"note: task {name!r} of {source} cannot be loaded: {error}", err=True)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        views = f"{row['views']} of {row['candidates']}"
        click.echo(f"{row['name']:<12} {row['anatomy']:<12} {views:>10} views   {row['title']}  ({row['from']})")


@command.command()
@click.argument("name", metavar="TASK")
@click.option("--png", type=click.Path(path_type=Path), help="Also draw the first four patients.")
@options.overwrite
@options.as_json
def show(name: str, png: Path | None, overwrite: bool, as_json: bool) -> None:
    """Show all settings of TASK, a name or a task file."""
    from svct.files import require_writable
    from svct.tasks.task import load_task

    task = load_task(name)
    if png is not None:
        from svct.cli.tasks_picture import draw_patients

        require_writable(png, overwrite=overwrite)
        draw_patients(png, task, overwrite=overwrite)
        click.echo(f"{png}", err=True)
    row = _settings(task)
    if as_json:
        click.echo(json.dumps([row], indent=2))
        return
    for key, value in row.items():
        text = ", ".join(map(str, value)) or "none" if isinstance(value, list) else value
        click.echo(f"{key}: {text if text != '' else 'none'}")


@command.command()
@click.argument("name")
@click.option("--from", "base", default="chest", show_default=True, help="Task to begin with: a name or a task file.")
@click.option("--out", type=click.Path(path_type=Path), help="File to write.  [default: NAME.toml]")
@options.overwrite
def new(name: str, base: str, out: Path | None, overwrite: bool) -> None:
    """Write a task NAME of your own, with a comment on every setting; it works at once."""
    from dataclasses import replace

    from svct.errors import InputError
    from svct.files import atomic_path
    from svct.tasks.task import load_task
    from svct.tasks.task_file import json_schema
    from svct.tasks.task_template import task_toml

    target = out or Path(f"{name}.toml")
    if target.suffix != ".toml":
        raise InputError(f"--out: expected a name that ends in .toml, got {target}; commands know task files by it")
    _check_name(name, json_schema()["properties"]["name"])
    task = replace(load_task(base), name=name)
    with atomic_path(target, overwrite=overwrite) as partial:
        partial.write_text(task_toml(task), encoding="utf-8")
    click.echo(f"edit it, then: svct tasks check {target}", err=True)
    click.echo(target)


@command.command()
@click.argument("name", metavar="TASK")
@click.option("--patient", type=click.IntRange(min=0), default=0, show_default=True, help="Which patient to draw.")
@options.as_json
def check(name: str, patient: int, as_json: bool) -> None:
    """Load TASK, a name or a task file, draw a patient, scan him, and try findings and heads."""
    from dataclasses import asdict

    from svct.tasks.task import load_task
    from svct.tasks.task_check import check_task

    task = load_task(name)
    found = []
    for one in check_task(task, patient=patient):
        found.append(one)
        if not as_json:
            click.echo(f"{'ok   ' if one.ok else 'WRONG'}  {one.name}: {one.message}")
    if as_json:
        click.echo(json.dumps({"task": task.name, "checks": [asdict(one) for one in found]}, indent=2))
    failed = [one.name for one in found if not one.ok]
    if failed:
        click.echo(f"svct: error: task {task.name!r} fails at: {', '.join(failed)}", err=True)
        raise click.exceptions.Exit(1)


def _check_name(name: str, rule: dict[str, Any]) -> None:
    import re

    from svct.errors import InputError

    if not re.search(rule["pattern"], name):
        raise InputError(f"NAME: got {name!r}; expected: {rule['description']}")


def _settings(task: "Task") -> dict[str, Any]:
    """Return all settings of a task, as plain data."""
    from dataclasses import asdict

    scan = {name: value for name, value in task.scan.to_dict().items() if name not in ("kind", "angles", "bins")}
    return {
        "name": task.name,
        "title": task.title,
        "views": task.budget,
        "candidates": len(task.scan),
        "objective": task.objective,
        "findings": list(task.findings),
        "heads": list(task.heads),
        "protocol": task.protocol,
        "metal": task.metal,
        "scan": task.scan.kind,
        "bins": task.scan.detector_shape[-1],
        **scan,
        "grid": list(task.grid.shape),
        "voxel_mm": task.grid.voxel_mm,
        **asdict(task.acquisition),
        "anatomy": task.cohort.anatomy,
        "patients": task.cohort.size,
        "seed": task.cohort.seed,
        "cohort_sha256": task.cohort.sha256(),
    }


command.add_command(cases)
