"""`svct bench dose`: views and dose together."""

import json
from pathlib import Path
from typing import Any

import click


@click.command("dose")
@click.option("--task", "names", multiple=True, help="Task, or task file.  [default: shoulder, hips]")
@click.option("--views", type=click.IntRange(2, 10_000), default=16, show_default=True, help="Budget.")
@click.option(
    "--photons", type=float, multiple=True, help="Photons per ray.  [default: the task's, a fifth and a 25th of it]"
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of noise and lesions.")
@click.option("--lesions", is_flag=True, help="Measure the d' of faint discs, too.")
@click.option("--quick", is_flag=True, help="A tenth of the work.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("runs/dose"), show_default=True, help="Folder of the cells."
)
def command(
    names: tuple[str, ...], views: int, photons: tuple[float, ...], seed: int, lesions: bool, quick: bool, out: Path
) -> None:
    """Compare shared dose, learned views and both with equidistant views of even load, at equal total dose.

    Image error outside metal, expected and measured through the backbone, and the d' of faint discs in soft tissue.
    Finished cells are not repeated. The tables go to standard output and to OUT/table.md.
    """
    from svct.bench.dose import QUICK, DoseEffort, as_markdown, dose_cell, lesion_figures
    from svct.bench.views import at_flux
    from svct.cli.progress import progress
    from svct.cli.run_folder import cell_folder
    from svct.files import atomic_path
    from svct.tasks.task import load_task

    effort, cells = QUICK if quick else DoseEffort(), []
    for task in (load_task(name) for name in names or ("shoulder", "hips")):
        own = task.acquisition.photons
        for flux in photons or ((own, own / 5, own / 25) if isinstance(own, float) else ()):
            cell = at_flux(task, flux).with_budget(views)
            folder = out / f"{task.name}-{views}-{flux:g}-seed{seed}"
            run = cell_folder(folder, cell, effort)
            cells.append((cell, run, folder))
    with progress((6 if lesions else 5) * len(cells), what="dose") as bar:
        for cell, run, folder in cells:
            if (folder / "metrics.json").exists():
                bar.update(5)
                continue

            def step(name: str, of: str = folder.name) -> None:
                bar.set_description_str(f"{of}: {name}")
                bar.update()

            run.write_json("metrics.json", dose_cell(cell, effort=effort, seed=seed, tick=step))
        for cell, run, folder in cells if lesions else []:
            bar.set_description_str(f"{folder.name}: lesions")
            if not (folder / "lesions.json").exists():
                found = lesion_figures(cell, _read(folder / "metrics.json"), effort=effort, seed=seed)
                run.write_json("lesions.json", found)
            bar.update()
    measured = []
    for _, _, folder in cells:
        read = folder / "lesions.json"
        measured.append(_read(folder / "metrics.json") | ({"lesions": _read(read)} if read.exists() else {}))
    table = as_markdown(measured)
    with atomic_path(out / "table.md", overwrite=True) as partial:
        partial.write_text(table, encoding="utf-8")
    click.echo(table)


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
