"""`svct bench`: measurements against others, one file per command."""

import click

from svct.cli import bench_projectors, bench_recon, bench_uncertainty, bench_views


@click.group()
def command() -> None:
    """Measure projectors, reconstructions and choices of views against others."""


command.add_command(bench_projectors.command)
command.add_command(bench_recon.command)
command.add_command(bench_uncertainty.command, "uncertainty")
command.add_command(bench_views.command)
