"""`svct schedule explain`: why these views."""

import json
from pathlib import Path

import click

from svct.cli import options


@click.command("explain")
@options.schedule
@click.option("--task", "task_name", help="Task whose patients to look at.  [default: the schedule's task]")
@click.option("--patients", type=click.IntRange(2), default=12, show_default=True, help="Patients to reconstruct.")
@click.option("--train", type=click.IntRange(8), default=160, show_default=True, help="Patients for all else.")
@click.option("--linear", is_flag=True, help="Leave out what is measured through the backbone.")
@click.option("--tried", type=click.IntRange(0), default=0, show_default=True, help="Angles to add by the backbone.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Picture to write: png, svg or pdf.")
@options.seed
@options.overwrite
@options.as_json
def command(
    schedule: Path,
    task_name: str | None,
    patients: int,
    train: int,
    linear: bool,
    tried: int,
    out: Path,
    seed: int,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Explain SCHEDULE: what each angle tells, attenuates and sees of the edges, and what each view is worth.

    Writes a picture, and all its figures beside it as NAME-values.json. What a view is worth is measured by leaving it
    out, through the backbone, paired over test patients; and in the linear model of the training patients.
    """
    from svct.bench.backbone import backbone_for
    from svct.bench.explain import explain
    from svct.bench.explain_picture import draw_explanation, sentences
    from svct.cli.progress import progress
    from svct.errors import unknown_name
    from svct.files import atomic_path, require_writable
    from svct.sampling.match import measured_views
    from svct.sampling.schedule import Schedule
    from svct.tasks.task import load_task

    formats = ["pdf", "png", "svg"]
    if out.suffix.lstrip(".").lower() not in formats:
        raise unknown_name("picture format", out.suffix.lstrip("."), formats)
    table = out.with_name(f"{out.stem}-values.json")
    for path in (out, table):
        require_writable(path, overwrite=overwrite)
    loaded = Schedule.load(schedule)
    task = load_task(task_name or loaded.task)
    views = measured_views(loaded, task.scan)
    loads = tuple(loaded.relative_load[i] for i in loaded.projections)
    steps = 0 if linear else (len(views) + tried) * patients
    with progress(steps, what="leaving out views") as bar:
        found = explain(
            task,
            views,
            loads=loads,
            net=None if linear else backbone_for(task),
            train=train,
            patients=patients,
            tried=tried,
            seed=seed,
            each=bar.update,
        )
    values = {"schedule_sha256": loaded.sha256, **found.to_dict()}
    with atomic_path(table, overwrite=overwrite) as partial:
        partial.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    figure = draw_explanation(found, method=loaded.method)
    with atomic_path(out, overwrite=overwrite) as partial:
        figure.savefig(partial)
    click.echo(json.dumps(values, indent=2) if as_json else "\n".join([*sentences(found), str(out), str(table)]))
