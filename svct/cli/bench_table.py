"""`svct bench table`: the tables of a run in Markdown."""

from pathlib import Path

import click


@click.command("table")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--kind",
    default="headline",
    show_default=True,
    help="headline; views: gains by choosing them; mean: over tasks; methods: equidistant views reconstructed; "
    "reading: AUC and d'.",
)
@click.option("--views", type=int, multiple=True, help="Only these numbers of views; may be repeated.")
@click.option("--pack", type=click.Path(path_type=Path), help="Also write all figures into one Parquet file.")
def command(run: Path, kind: str, views: tuple[int, ...], pack: Path | None) -> None:
    """Print a table of RUN, the folder of a run or a packed file.

    Gains are paired with equidistant views, with 95 % intervals over patients; bold where better, italic where worse by
    p-values adjusted for the table.
    """
    from svct.bench.report.load import read_run
    from svct.bench.suite_table import pack as write_packed
    from svct.bench.suite_table import tables_of

    if pack is not None:
        write_packed(read_run(run), pack)
    click.echo(tables_of(run).table(kind, views), nl=False)
