"""`svct bench adaptive`: views chosen for each patient while he is scanned."""

import json
from pathlib import Path

import click


@click.command("adaptive")
@click.option("--task", "names", multiple=True, help="Task, or task file.  [default: part, shoulder, hips]")
@click.option("--views", type=click.IntRange(2, 10_000), multiple=True, help="Budget.  [default: 8, 16]")
@click.option("--turn-deg", type=click.FloatRange(0, 180), default=20.0, show_default=True, help="Patients lie so.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the noise.")
@click.option("--quick", is_flag=True, help="A fifth of the work.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("runs/adaptive"), show_default=True, help="Folder of cells."
)
def command(names: tuple[str, ...], views: tuple[int, ...], turn_deg: float, seed: int, quick: bool, out: Path) -> None:
    """Compare views chosen after a few scouts of a patient with fixed ones, at equal views and dose.

    Two ways to choose: a greedy design under a reweighted ensemble, and a small network that learned which view to take
    next. Patients lie turned by up to --turn-deg either way. Through the backbone, and by linear MMSE reconstruction.
    Finished cells are not repeated. The table goes to standard output and to OUT/table.md.
    """
    from svct.bench.adaptive import QUICK, AdaptiveEffort, adaptive_cell, as_markdown
    from svct.cli.progress import progress
    from svct.cli.run_folder import cell_folder
    from svct.files import atomic_path
    from svct.tasks.task import load_task

    effort, cells = QUICK if quick else AdaptiveEffort(), []
    for task in (load_task(name) for name in names or ("part", "shoulder", "hips")):
        for budget in views or (8, 16):
            folder = out / f"{task.name}-{budget}-turn{turn_deg:g}-seed{seed}"
            run = cell_folder(folder, task, effort)
            if not (folder / "metrics.json").exists():
                with progress(7, what=folder.name) as bar:

                    def step(name: str, of: str = folder.name) -> None:
                        bar.set_description_str(f"{of}: {name}")
                        bar.update()

                    cell = adaptive_cell(task.with_budget(budget), turn_deg, effort=effort, seed=seed, tick=step)
                run.write_json("metrics.json", cell)
            cells.append(json.loads((folder / "metrics.json").read_text(encoding="utf-8")))
    table = as_markdown(cells)
    with atomic_path(out / "table.md", overwrite=True) as partial:
        partial.write_text(table, encoding="utf-8")
    click.echo(table)
