"""`svct bench`: measurements against others, one file per command."""

import click

from svct.cli import bench_diagnosis, bench_projectors, bench_recon, bench_uncertainty


@click.group()
def command() -> None:
    """Measure projectors, reconstructions and what can be diagnosed in them."""


command.add_command(bench_diagnosis.command)
command.add_command(bench_projectors.command)
command.add_command(bench_recon.command)
command.add_command(bench_uncertainty.command, "uncertainty")
