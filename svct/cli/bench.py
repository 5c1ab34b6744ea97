"""`svct bench`: measurements against others, one file per command."""

import click

from svct.cli import bench_projectors, bench_recon


@click.group()
def command() -> None:
    """Measure projectors and reconstructions against others."""


command.add_command(bench_projectors.command)
command.add_command(bench_recon.command)
