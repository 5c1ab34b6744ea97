"""`svct bench`: measurements against others, one file per command."""

import click

from svct.cli import (
    bench_adaptive,
    bench_compare,
    bench_diagnosis,
    bench_dose,
    bench_effects,
    bench_linear,
    bench_projectors,
    bench_quality,
    bench_real_mass,
    bench_recon,
    bench_run,
    bench_table,
    bench_transfer,
    bench_uncertainty,
    bench_views,
    bench_xcist,
)


@click.group()
def command() -> None:
    """Measure projectors, reconstructions, physics, choices of views, and what can be diagnosed."""


command.add_command(bench_adaptive.command)
command.add_command(bench_compare.command)
command.add_command(bench_diagnosis.command)
command.add_command(bench_dose.command)
command.add_command(bench_effects.command, "effects")
command.add_command(bench_linear.command)
command.add_command(bench_projectors.command)
command.add_command(bench_quality.command)
command.add_command(bench_real_mass.command, "real-mass")
command.add_command(bench_recon.command)
command.add_command(bench_run.command)
command.add_command(bench_table.command)
command.add_command(bench_transfer.command)
command.add_command(bench_uncertainty.command, "uncertainty")
command.add_command(bench_views.command)
command.add_command(bench_xcist.command, "xcist")
