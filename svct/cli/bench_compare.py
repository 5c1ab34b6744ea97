"""`svct bench compare`: the samplers of a run, compared in one table."""

import json
from pathlib import Path

import click

from svct.cli import options


@click.command("compare")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--metric", default="psnr", show_default=True, help="Figure of single patients.")
@click.option("--baseline", default="equidistant", show_default=True, help="Sampler that the others are compared with.")
@click.option(
    "--margin", type=float, help="Least difference that matters, in the metric's unit; tests for equivalence."
)
@options.as_json
def command(run: Path, metric: str, baseline: str, margin: float | None, as_json: bool) -> None:
    """Compare the samplers of RUN, the folder of a run, with one of them.

    One row per task, views, flux, reconstruction and sampler: the paired difference with its 95 % interval over
    patients, its effect size, and a verdict on p-values adjusted for all rows.
    """
    from dataclasses import asdict

    from svct.bench.report.load import read_run
    from svct.bench.run_comparisons import compare_run
    from svct.bench.statistics.table import as_markdown

    found = read_run(run)
    rows = compare_run(found, metric, baseline=baseline, margin=margin)
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    unit = next(result.unit for result in found.results if result.metric == metric)
    click.echo(as_markdown(rows, unit=unit), nl=False)
