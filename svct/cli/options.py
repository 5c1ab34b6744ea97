"""Options that mean the same in every command that has them."""

from pathlib import Path

import click

task = click.option(
    "--task", "task_name", default="chest", show_default=True, help="Name of a task, or a task file (.toml)."
)
series = click.option("--series", help="Which DICOM series: its UID or number.")
seed = click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Seed of everything that is drawn."
)
overwrite = click.option("--overwrite", is_flag=True, help="Replace what is there already.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
schedule = click.argument("schedule", type=click.Path(path_type=Path))
device = click.option("--device", help="A device profile: a file (.toml), or an example that comes with svct.")
