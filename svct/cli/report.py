"""`svct report`: a run of experiments as one HTML file."""

from pathlib import Path

import click

from svct.cli import options


@click.command("report")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="HTML file to write.  [default: report.html in RUN]")
@options.overwrite
def command(run: Path, out: Path | None, overwrite: bool) -> None:
    """Write the report of RUN, the folder of a run: tables, curves, schedules, images, provenance, in one file.

    The file holds all it needs and opens in any browser without a network.
    """
    from svct.bench.report.load import read_run
    from svct.bench.report.page import STAGES, write_report
    from svct.cli.progress import progress
    from svct.files import require_writable

    target = run / "report.html" if out is None else out
    found = read_run(run)
    require_writable(target, overwrite=overwrite)
    with progress(len(STAGES), what="reading") as bar:

        def say(stage: str) -> None:
            bar.set_description_str(stage)
            bar.update()

        write_report(found, target, overwrite=overwrite, say=say)
    click.echo(str(target))
