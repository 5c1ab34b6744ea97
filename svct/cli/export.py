"""`svct export`: a schedule in another format."""

import json
from pathlib import Path

import click

from svct.cli import options


@click.command()
@click.argument("schedule", type=click.Path(path_type=Path))
@click.option("--format", "fmt", help="The format; --list names them all.")
@click.option("--list", "list_formats", is_flag=True, help="List the formats with what each leaves out, and end.")
@options.device
@click.option(
    "--out", type=click.Path(path_type=Path), help="File to write.  [default: beside SCHEDULE, named by the format]"
)
@click.option("--compare", type=click.Path(path_type=Path), help="Write nothing: compare this file with SCHEDULE.")
@options.overwrite
@options.as_json
def command(
    schedule: Path,
    fmt: str | None,
    list_formats: bool,
    device: str | None,
    out: Path | None,
    compare: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write SCHEDULE in a format, read the file back and compare.

    Formats that move an axis hold the positions of --device, or without one those of a sample that turns against the
    source. What a format cannot carry is named.
    """
    from svct.sampling.device import load_device
    from svct.sampling.export import export, exporter, format_names, read_back
    from svct.sampling.schedule import Schedule

    profile = None if device is None else load_device(device)
    chosen = None if fmt is None else exporter(fmt, profile)
    loaded = Schedule.load(schedule)
    if list_formats:
        lost = {name: list(exporter(name, profile).lost_of(loaded)) for name in format_names()}
        lines = [f"{name:<15} leaves out: {'; '.join(lost[name]) or 'nothing'}" for name in lost]
        click.echo(json.dumps(lost, indent=2) if as_json else "\n".join(lines))
        return
    if fmt is None or chosen is None:
        raise click.UsageError(f"expected --format, one of {', '.join(format_names())}")
    if compare is not None:
        path, error = compare, read_back(loaded, compare, fmt=fmt, device=profile)
    else:
        target = out or schedule.with_suffix(chosen.suffix)
        if target == schedule:
            target = schedule.with_name(f"{schedule.stem}-export{chosen.suffix}")
        path, error = export(loaded, target, fmt=fmt, device=profile, overwrite=overwrite)
    lost_here = chosen.lost_of(loaded)
    views = len(chosen.carried(loaded))
    if lost_here:
        click.echo(f"note: {fmt} does not carry {'; '.join(lost_here)}", err=True)
    click.echo(
        f"read back: {views} views, largest angle error {error:g} deg, allowed {chosen.precision_deg:.3g} deg", err=True
    )
    result = {
        "path": str(path),
        "format": fmt,
        "device": None if profile is None else profile.id,
        "views": views,
        "largest_error_deg": error,
        "precision_deg": chosen.precision_deg,
        "lost": lost_here,
    }
    click.echo(json.dumps(result) if as_json else str(path))
