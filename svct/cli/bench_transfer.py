"""`svct bench transfer`: schedules taken to a real volume."""

import json
from pathlib import Path

import click

from svct.cli import options
from svct.cli.constraint_options import Span


@click.command("transfer")
@click.argument("schedules", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--data", required=True, help="A CT: NIfTI, DICOM folder, or the name of a fetched one.")
@options.series
@click.option("--slices", type=Span("slices"), required=True, help="Range, counted from the inferior end.")
@click.option("--most", type=click.IntRange(2), default=24, show_default=True, help="At most so many of them.")
@options.seed
@options.as_json
def command(
    schedules: tuple[Path, ...],
    data: str,
    series: str | None,
    slices: tuple[float, float],
    most: int,
    seed: int,
    as_json: bool,
) -> None:
    """Compare SCHEDULES, learned elsewhere, with equidistant views on slices of a real CT.

    The baseline is the offset that does best on these very slices. One patient is a case study, and neighbouring slices
    resemble each other: the intervals over slices are too narrow for a claim.
    """
    from dataclasses import asdict

    from svct.bench.transfer import as_markdown, transfer, work
    from svct.cli.progress import progress
    from svct.data.catalogue import locate
    from svct.sampling.schedule import Schedule

    loaded = [Schedule.load(path) for path in schedules]
    span = (int(slices[0]), int(slices[1]))
    with progress(work(loaded, span, most=most), what="reconstructing") as bar:
        rows = list(transfer(loaded, locate(data), span, series=series, most=most, seed=seed, tick=bar.update))
    click.echo(json.dumps([asdict(row) for row in rows], indent=2) if as_json else as_markdown(rows).rstrip())
