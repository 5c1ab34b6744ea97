"""`svct bench views`: what choosing views is worth."""

import json
from pathlib import Path

import click


@click.command("views")
@click.option("--task", "names", multiple=True, help="Task, or task file.  [default: chest, shoulder, water]")
@click.option("--views", type=click.IntRange(2, 10_000), multiple=True, help="Budget.  [default: 8, 16, 24, 48]")
@click.option("--photons", type=float, multiple=True, help="Photons per ray.  [default: the task's]")
@click.option("--seeds", type=click.IntRange(1, 100), default=3, show_default=True, help="Number of seeds, from 0.")
@click.option("--quick", is_flag=True, help="One seed, 8 views, a tenth of the work: a look at the whole path.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("runs/views"), show_default=True, help="Folder of the cells."
)
def command(
    names: tuple[str, ...], views: tuple[int, ...], photons: tuple[float, ...], seeds: int, quick: bool, out: Path
) -> None:
    """Compare learned, designed and dose-sharing views with the best equidistant offset.

    Every combination of the options is a cell with a folder of its own. Cells that are finished are not repeated: the
    same command goes on where it was interrupted, and with more values adds what is missing. The table of all cells
    asked for goes to standard output and to OUT/table.md.
    """
    from svct.bench.learn import QUICK
    from svct.bench.subjects import drawn_subjects
    from svct.bench.views import STUDY, as_markdown, at_flux, cell_work, study_cell
    from svct.cli.progress import progress
    from svct.cli.run_folder import cell_folder
    from svct.files import atomic_path
    from svct.tasks.task import load_task

    effort = QUICK if quick else STUDY
    tasks = [load_task(name) for name in names or ("chest", "shoulder", "water")]
    cells = []
    for task in tasks:
        subjects = None
        for flux in photons or (task.acquisition.photons,):
            for budget in views or ((8,) if quick else (8, 16, 24, 48)):
                for seed in range(1 if quick else seeds):
                    cell = at_flux(task, flux).with_budget(budget)  # type: ignore[arg-type]
                    folder = out / f"{task.name}-{budget}-{flux:g}-seed{seed}"
                    run = cell_folder(folder, cell, effort)
                    if not (folder / "metrics.json").exists():
                        subjects = subjects or drawn_subjects(
                            task, train=effort.train, validation=effort.validation, test=effort.test
                        )
                        with progress(cell_work(cell, subjects, effort), what=folder.name) as bar:
                            measured = study_cell(
                                cell, subjects, effort=effort, seed=seed, stage=run.stage, tick=bar.update
                            )
                        run.write_json("metrics.json", measured)
                    cells.append(json.loads((folder / "metrics.json").read_text(encoding="utf-8")))
    table = as_markdown(cells)
    with atomic_path(out / "table.md", overwrite=True) as partial:
        partial.write_text(table, encoding="utf-8")
    click.echo(table)
