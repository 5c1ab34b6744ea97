"""`svct schedule`: look after schedules, one file per command."""

import click

from svct.cli import (
    schedule_check,
    schedule_diff,
    schedule_explain,
    schedule_import,
    schedule_plan,
    schedule_plot,
    schedule_show,
    schedule_sign,
)


@click.group()
def command() -> None:
    """Show, check, plan, compare, draw and sign schedules. For research and simulation, not for clinical use."""


command.add_command(schedule_show.command)
command.add_command(schedule_check.command)
command.add_command(schedule_plan.command)
command.add_command(schedule_diff.command)
command.add_command(schedule_explain.command)
command.add_command(schedule_import.command)
command.add_command(schedule_plot.command)
command.add_command(schedule_sign.sign)
command.add_command(schedule_sign.verify)
