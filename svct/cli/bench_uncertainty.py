"""`svct bench uncertainty`: whether error bars are as long as the errors are large."""

import json
from pathlib import Path

import click


@click.command()
@click.option(
    "--head", type=click.Path(path_type=Path), help="A trained head.  [default: the one that comes with svct]"
)
@click.option("--task", "tasks", multiple=True, help="Whose test patients to scan.  [default: every anatomy]")
@click.option("--views", type=click.IntRange(1, 1000), multiple=True, help="Equidistant views.  [default: 16 and 48]")
@click.option("--photons", type=click.FloatRange(1), default=5e4, show_default=True, help="Photons per ray.")
@click.option("--patients", type=click.IntRange(1), default=12, show_default=True, help="Test patients of each task.")
@click.option("--plot", type=click.Path(path_type=Path), help="Picture to write (.png).")
@click.option("--overwrite", is_flag=True, help="Replace a picture that is there already.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    head: Path | None,
    tasks: tuple[str, ...],
    views: tuple[int, ...],
    photons: float,
    patients: int,
    plot: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Count how often error bars hold the truth, on test patients that no training saw."""
    from dataclasses import asdict

    from svct.bench.calibration import LEVELS, calibrate, plot_calibration, table
    from svct.cli.progress import progress
    from svct.files import require_writable
    from svct.recon.uncertainty import load_uncertainty

    if plot:
        require_writable(plot, overwrite=overwrite)
    tasks = tasks or ("chest", "head", "abdomen", "shoulder")
    views = views or (16, 48)
    with progress(len(tasks) * len(views), what="error bars") as bar:
        rows = calibrate(
            load_uncertainty(head),
            tasks=tasks,
            views=views,
            photons=photons,
            patients=patients,
            each=lambda: bar.update(),
        )
    if plot:
        plot_calibration(rows, plot, overwrite=overwrite)
    if as_json:
        click.echo(json.dumps({"levels": LEVELS, "rows": [asdict(row) for row in rows]}, indent=2))
        return
    click.echo("part of the body's pixels that each interval held, and the mean absolute error as told and as found")
    click.echo(table(rows))
    if plot:
        click.echo(str(plot))
