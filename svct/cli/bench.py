"""`svct bench`: measurements of speed."""

import json

import click


@click.group()
def command() -> None:
    """Measure speed against peers."""


@command.command()
@click.option(
    "--size", type=click.IntRange(8, 4096), default=256, show_default=True, help="Rows and columns of the image."
)
@click.option("--views", type=click.IntRange(1, 10_000), default=360, show_default=True, help="Views over half a turn.")
@click.option("--batch", type=click.IntRange(2, 1024), default=16, show_default=True, help="Images in the batch.")
@click.option(
    "--repeats", type=click.IntRange(1, 1000), default=9, show_default=True, help="Repetitions; medians count."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def projectors(size: int, views: int, batch: int, repeats: int, as_json: bool) -> None:
    """Time svct's CPU projector and ASTRA's `linear` one in the same run."""
    from dataclasses import asdict

    import torch

    from svct._kernels import instruction_set
    from svct.bench.projectors import bench_projectors

    rows = bench_projectors(size=size, views=views, batch=batch, repeats=repeats)
    if as_json:
        click.echo(json.dumps([{**asdict(row), "ratio": row.ratio} for row in rows], indent=2))
        return
    click.echo(f"parallel beam, {size}x{size}, {views} views, {torch.get_num_threads()} threads, {instruction_set()}")
    click.echo("seconds per image, median of interleaved runs; difference: relative, L2")
    click.echo(f"{'operation':<10}{'batch':>6}{'svct native':>13}{'ASTRA linear':>14}{'ratio':>8}{'difference':>12}")
    for row in rows:
        click.echo(
            f"{row.operation:<10}{row.batch:>6}{row.native_s:>13.5f}{row.astra_s:>14.5f}{row.ratio:>7.1f}x"
            f"{row.difference:>12.1e}"
        )
