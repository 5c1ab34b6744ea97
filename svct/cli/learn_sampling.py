"""`svct learn-sampling`: the main job."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from svct.cli import options

if TYPE_CHECKING:
    from svct.bench.learn import Verdict


@click.command()
@options.task
@click.option("--views", type=int, help="How many views to choose.  [default: the task's]")
@click.option(
    "--data",
    help="Scan the slices of this CT instead of drawn patients: NIfTI, DICOM folder, or name of a fetched one.",
)
@options.series
@click.option("--objective", type=click.Choice(["image", "heads"]), help="What views serve.  [default: the task's]")
@click.option("--head", help="With --objective heads: a head, cho or linear.  [default: the task's first head]")
@click.option("--finding", help="With --objective heads: what is looked for.  [default: the task's first]")
@click.option(
    "--image-share", type=click.FloatRange(0, 1), default=0.0, help="Part of the image error beside the head."
)
@options.seed
@click.option("--out", type=click.Path(path_type=Path), help="Run folder.  [default: runs/TASK-VIEWS-seedSEED]")
@click.option("--resume", is_flag=True, help="Continue an interrupted run in the same folder.")
@click.option("--keep-learned", is_flag=True, help="Return the learned views even where they do not win.")
@click.option("--quick", is_flag=True, help="A tenth of the work, to see the whole path; too little to win.")
@options.as_json
def command(
    task_name: str,
    views: int | None,
    data: str | None,
    series: str | None,
    objective: str | None,
    head: str | None,
    finding: str | None,
    image_share: float,
    seed: int,
    out: Path | None,
    resume: bool,
    keep_learned: bool,
    quick: bool,
    as_json: bool,
) -> None:
    """Learn which views a task needs and write the schedule.

    Searches the task's candidates (A-optimal design, Gumbel top-K through the frozen backbone, one-swap search), then
    compares with the best equidistant offset on subjects that took no part in any choice. Unless the 95 % interval
    of the gain lies above zero, the schedule holds equidistant views. With --objective heads a head's loss or an
    observer's d' takes the place of the image error, and AUC that of PSNR.
    """
    from dataclasses import asdict

    from svct.bench.learn import QUICK, Effort, judge, learn_views, work
    from svct.bench.picture import draw_verdict
    from svct.bench.subjects import drawn_subjects, volume_subjects
    from svct.cli.progress import progress
    from svct.cli.run_folder import RunFolder
    from svct.data.catalogue import locate
    from svct.errors import InputError
    from svct.tasks.task import load_task

    task = load_task(task_name)
    task = task if views is None else task.with_budget(views)
    if (objective or task.objective) == "heads":
        from svct.cli.learn_heads import learn_heads

        if data is not None:
            raise InputError(
                "--data: expected drawn cases, whose findings are known, with objective 'heads'; leave it out"
            )
        learn_heads(
            task, head=head, finding=finding, image_share=image_share, seed=seed, out=out, resume=resume,
            keep_learned=keep_learned, quick=quick, as_json=as_json,
        )  # fmt: skip
        return
    if head or finding or image_share:
        raise InputError(
            "--head, --finding, --image-share: expected objective 'heads', got 'image'; add --objective heads"
        )
    effort = QUICK if quick else Effort()
    place = None if data is None else locate(data)
    name = task.name if data is None else f"{task.name}-{Path(data).name.split('.')[0]}"
    folder = out or Path("runs") / f"{name}-{task.budget}-seed{seed}"
    config = {
        "task": task_name,
        "views": task.budget,
        "data": None if place is None else str(place),
        "series": series,
        "seed": seed,
        "keep_learned": keep_learned,
        "effort": asdict(effort),
        "scan": task.scan.to_dict(),
        "grid": asdict(task.grid),
        "acquisition": asdict(task.acquisition),
    }
    run = RunFolder(folder, json.loads(json.dumps(config)), resume=resume)
    try:
        click.echo(f"{task.title}: {task.budget} of {len(task.scan)} views, run folder {folder}", err=True)
        click.echo("reading the volume" if place else "drawing patients", err=True)
        subjects = (
            drawn_subjects(task, train=effort.train, validation=effort.validation, test=effort.test)
            if place is None
            else volume_subjects(task, place, series=series)
        )
        for remark in subjects.remarks:
            click.echo(f"note: {remark}", err=True)
        with progress(work(task, subjects, effort), what="searching views") as bar:
            found = learn_views(
                task,
                subjects,
                effort=effort,
                seed=seed,
                stage=run.stage,
                tick=bar.update,
                better=lambda best: run.keep("best so far", best),
            )
            bar.set_description_str("testing on unseen subjects")
            verdict = judge(task, subjects, found, seed=seed, keep_learned=keep_learned, tick=bar.update)
    except BaseException as stop:
        if run.discard_unless_begun():
            stop.add_note("nothing was finished yet")
        else:
            stop.add_note(f"what was finished is in {folder}; the same command with --resume goes on from there")
        raise
    draw_verdict(folder / "views.png", task, verdict)
    run.write_json("metrics.json", verdict.metrics)
    verdict.schedule.save(folder / "schedule.json", overwrite=True)
    click.echo(json.dumps(verdict.metrics, indent=2) if as_json else _summary(verdict, folder))


def _summary(verdict: "Verdict", folder: Path) -> str:
    gain, metrics = verdict.gain, verdict.metrics
    unit = f"{gain.patients} {metrics['unit']}s"
    learned, equidistant = (sum(p := metrics[k]["psnr_db"]) / len(p) for k in ("learned", "equidistant"))
    lines = [
        f"PSNR over {unit} not used in any choice, range 2000 HU, {len(metrics['noise_seeds'])} noise seeds:",
        f"  learned      {learned:6.2f} dB   SSIM {metrics['learned']['ssim']:.4f}",
        f"  equidistant  {equidistant:6.2f} dB   SSIM {metrics['equidistant']['ssim']:.4f}   ({gain.baseline})",
        f"  gain         {gain.mean_db:+6.2f} dB   95 % interval {gain.low_db:+.2f} to {gain.high_db:+.2f} dB",
        f"  turned by up to 20 degrees: {verdict.rotated.mean_db:+.2f} dB "
        f"({verdict.rotated.low_db:+.2f} to {verdict.rotated.high_db:+.2f})",
    ]
    if verdict.schedule.method == "equidistant":
        lines.append(
            "The interval does not lie above zero: the schedule holds equidistant views. --keep-learned overrides."
        )
    elif gain.significant:
        lines.append("The interval lies above zero: the schedule holds the learned views.")
    else:
        lines.append(
            "The interval does not lie above zero; the learned views are kept because --keep-learned was given."
        )
    lines += [f"  {folder / name}" for name in ("schedule.json", "metrics.json", "config.json", "views.png")]
    return "\n".join(lines)
