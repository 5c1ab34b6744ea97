"""`svct schedule plot`: a schedule in pictures."""

from pathlib import Path

import click

from svct.cli import options


@click.command("plot")
@options.schedule
@click.option("--device", help="Draw the time line on this device: a profile (.toml), or an example's name.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Picture to write: png, svg or pdf.")
@options.overwrite
def command(schedule: Path, device: str | None, out: Path, overwrite: bool) -> None:
    """Draw SCHEDULE: wheel with the load as spoke length, time line, gaps, load per angle."""
    from svct.errors import unknown_name
    from svct.files import atomic_path
    from svct.sampling.device import load_device
    from svct.sampling.plot import plot_schedule
    from svct.sampling.schedule import Schedule

    formats = ["pdf", "png", "svg"]
    if out.suffix.lstrip(".").lower() not in formats:
        raise unknown_name("picture format", out.suffix.lstrip("."), formats)
    figure = plot_schedule(Schedule.load(schedule), None if device is None else load_device(device))
    with atomic_path(out, overwrite=overwrite) as partial:
        figure.savefig(partial)
    click.echo(str(out))
