"""`svct export`: a schedule in another format."""

import json
from pathlib import Path

import click

from svct.cli import options


@click.command()
@click.argument("schedule", type=click.Path(path_type=Path))
@click.option("--format", "fmt", required=True, help="csv, json, or a format that a plugin brings.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="File to write.  [default: beside SCHEDULE, named by the format]"
)
@options.overwrite
@options.as_json
def command(schedule: Path, fmt: str, out: Path | None, overwrite: bool, as_json: bool) -> None:
    """Write SCHEDULE in a format, read the file back and compare."""
    from svct.sampling.export import export, exporter
    from svct.sampling.schedule import Schedule

    chosen = exporter(fmt)
    loaded = Schedule.load(schedule)
    target = out or schedule.with_suffix(chosen.suffix)
    if target == schedule:
        target = schedule.with_name(f"{schedule.stem}-export{chosen.suffix}")
    path, error = export(loaded, target, fmt=fmt, overwrite=overwrite)
    if chosen.lost:
        click.echo(f"note: {fmt} does not carry {' and '.join(chosen.lost)}", err=True)
    click.echo(f"read back: {len(loaded.angles_deg)} views, largest angle error {error:g} deg", err=True)
    result = {
        "path": str(path),
        "format": fmt,
        "views": len(loaded.angles_deg),
        "largest_error_deg": error,
        "lost": chosen.lost,
    }
    click.echo(json.dumps(result) if as_json else str(path))
