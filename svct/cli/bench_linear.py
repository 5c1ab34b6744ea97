"""`svct bench linear`: A-optimal views in the linear-Gaussian model."""

import json
from pathlib import Path

import click


@click.command("linear")
@click.option("--task", "names", multiple=True, help="Task, or task file.  [default: the seven of svct]")
@click.option("--views", type=click.IntRange(2, 10_000), multiple=True, help="Budget.  [default: 8, 16, 24, 48]")
@click.option("--photons", type=float, help="Photons per ray.  [default: the task's]")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the noise.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the cells to this file, too.")
def command(
    names: tuple[str, ...], views: tuple[int, ...], photons: float | None, seed: int, json_path: Path | None
) -> None:
    """Compare A-optimal views with the best equidistant offset where theory is exact.

    Linear MMSE reconstruction of noisy data of patients who were not in the prior, on the model's own coarse grid.
    """
    from svct.bench.linear_pattern import PATTERN, LinearEffort, as_markdown, linear_cells
    from svct.bench.views import at_flux
    from svct.cli.progress import progress
    from svct.files import atomic_path
    from svct.tasks.task import load_task

    budgets = views or (8, 16, 24, 48)
    tasks = [load_task(name) for name in names or PATTERN]
    tasks = [task if photons is None else at_flux(task, photons) for task in tasks]
    cells = []
    with progress(len(tasks) * len(budgets), what="linear check") as bar:
        for task in tasks:
            cells += linear_cells(task, budgets, effort=LinearEffort(), seed=seed, tick=bar.update)
    if json_path:
        with atomic_path(json_path, overwrite=True) as partial:
            partial.write_text(json.dumps(cells, indent=2), encoding="utf-8")
    click.echo(as_markdown(cells))
