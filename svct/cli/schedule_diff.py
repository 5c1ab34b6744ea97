"""`svct schedule diff`: two schedules compared."""

import json
from pathlib import Path

import click

from svct.cli import options


@click.command("diff")
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option(
    "--within-deg", type=float, default=0.5, show_default=True, help="How far apart a view may lie and be the same one."
)
@click.option("--tolerance-deg", type=float, default=0.0, show_default=True, help="Angle error that counts as none.")
@options.as_json
def command(first: Path, second: Path, within_deg: float, tolerance_deg: float, as_json: bool) -> None:
    """Tell how SECOND differs from FIRST, such as the views taken from those planned.

    Ends with exit code 1 where views, their order, angles, loads or times differ.
    """
    from svct.sampling.compare import compare
    from svct.sampling.schedule import Schedule

    one, other = Schedule.load(first), Schedule.load(second)
    found = compare(one, other, within_deg=within_deg)
    same = found.same_views(tolerance_deg)
    if as_json:
        click.echo(json.dumps({"same_views": same, **found.to_dict()}, indent=2))
    else:
        for name, (a, b) in found.fields.items():
            click.echo(f"{name}: {_short(a)} -> {_short(b)}")
        for what, schedule, frames in (("first", one, found.only_first), ("second", other, found.only_second)):
            for frame in frames:
                click.echo(f"only in the {what}: view {frame} at {schedule.angles_deg[frame]:g} deg")
        for name, change in found.columns.items():
            click.echo(f"{name}: largest change {change:g}")
        for name in found.stated_once:
            click.echo(f"{name}: stated in one of the two alone")
        if found.reordered:
            click.echo("order: differs")
        click.echo(
            f"{len(one.projections)} views against {len(other.projections)}, "
            f"largest angle error {found.largest_error_deg:.3g} deg: {'the same views' if same else 'they differ'}"
        )
    if not same:
        raise click.exceptions.Exit(1)


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
