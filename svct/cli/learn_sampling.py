"""`svct learn-sampling`: the main job."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from svct.cli import options
from svct.cli.constraint_options import build_constraints, constraint_options

if TYPE_CHECKING:
    from svct.bench.judge import Verdict


@click.command()
@click.option(
    "--task",
    "task_names",
    multiple=True,
    default=("chest",),
    show_default=True,
    help="Name of a task, or a task file (.toml); several learn one module each and a universal schedule beside them.",
)
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
@click.option(
    "--sampler",
    "sampler_names",
    multiple=True,
    help="What is tried beside equidistant views; may be repeated.  [default: design, warped, Gumbel top-K]",
)
@click.option("--keep-learned", is_flag=True, help="Return the learned views even where they do not win.")
@click.option("--share-dose", is_flag=True, help="Share the dose among the views too, and keep that where it wins.")
@click.option("--light", is_flag=True, help="A quarter of the search, the backbone in bfloat16 while it lasts.")
@click.option("--quick", is_flag=True, help="A tenth of the work, to see the whole path; too little to win.")
@constraint_options
@options.as_json
def command(
    task_names: tuple[str, ...],
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
    sampler_names: tuple[str, ...],
    keep_learned: bool,
    share_dose: bool,
    light: bool,
    quick: bool,
    as_json: bool,
    **wishes: Any,
) -> None:
    """Learn which views a task needs and write the schedule.

    Searches the task's candidates (A-optimal design, Gumbel top-K through the frozen backbone, one-swap search), then
    compares with the best equidistant offset on subjects that took no part in any choice. Unless the 95 % interval
    of the gain lies above zero, the schedule holds equidistant views. With --device, or single limits, every set that
    is looked at can be taken, the equidistant ones too.

    With --task given several times, each task's views are learned alone, and beside them, with the same effort, one
    universal set for all; the verdict compares the two. All learn through the same frozen backbone. With --share-dose,
    and by samplers that share it, the dose is shared among the views of each task, not among the universal ones.

    With --objective heads a head's loss or an observer's d' takes the place of the image error, and AUC that of PSNR.
    """
    from dataclasses import asdict

    import numpy as np

    from svct.bench.judge import judge, work
    from svct.bench.learn import QUICK, Effort, search_views
    from svct.bench.picture import draw_verdict
    from svct.bench.share import SHARED, share_work, with_shared_dose
    from svct.bench.share import share_dose as share
    from svct.bench.subjects import drawn_subjects, volume_subjects
    from svct.bench.views import LIGHT
    from svct.cli.learn_many import learn_together
    from svct.cli.planned import plan_for
    from svct.cli.progress import progress
    from svct.cli.run_folder import RunFolder
    from svct.data.catalogue import locate
    from svct.errors import InputError
    from svct.sampling.samplers import load_sampler
    from svct.tasks.task import load_task

    tasks = [load_task(name) for name in task_names]
    tasks = tasks if views is None else [task.with_budget(views) for task in tasks]
    if any((objective or task.objective) == "heads" for task in tasks):
        from svct.cli.learn_heads import learn_heads

        if len(tasks) > 1 or data or sampler_names or share_dose or light or any(wishes.values()):
            raise InputError(
                "objective 'heads': expected one --task with drawn cases, no --data, --sampler, --share-dose, "
                "--light or limits of a device; leave them out"
            )
        learn_heads(
            tasks[0], head=head, finding=finding, image_share=image_share, seed=seed, out=out, resume=resume,
            keep_learned=keep_learned, quick=quick, as_json=as_json,
        )  # fmt: skip
        return
    if head or finding or image_share:
        raise InputError(
            "--head, --finding, --image-share: expected objective 'heads', got 'image'; add --objective heads"
        )
    if light and quick:
        raise InputError("--light, --quick: expected one of them, got both; leave one out")
    effort = QUICK if quick else LIGHT if light else Effort()
    samplers = [load_sampler(name) for name in sampler_names]
    if len(tasks) > 1 and (data or series):
        raise InputError("--data: expected with one --task, got several; learn them one by one")
    rules = build_constraints(np.rad2deg(tasks[0].scan.angles).round(9).tolist(), **wishes)
    if rules is not None and share_dose:
        raise InputError("--share-dose: expected without limits of a device, got both; leave one out")
    if len(tasks) > 1:
        told = learn_together(
            tasks, effort=effort, samplers=samplers, seed=seed, out=out, resume=resume, keep_learned=keep_learned,
            share_dose=share_dose, rules=rules, device=wishes["device"],
        )  # fmt: skip
        click.echo(json.dumps(told.metrics, indent=2) if as_json else told.summary)
        return
    task, task_name = tasks[0], task_names[0]
    if rules is not None:
        rules.require_budget(task.budget)
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
        **({"share_dose": True} if share_dose else {}),
        "effort": asdict(effort),
        "constraints": None if rules is None else asdict(rules),
        "scan": task.scan.to_dict(),
        "grid": asdict(task.grid),
        "acquisition": asdict(task.acquisition),
        **({"samplers": {s.name: repr(s) for s in samplers}} if samplers else {}),
    }
    run = RunFolder(folder, json.loads(json.dumps(config)), resume=resume)
    with run.guarded():
        click.echo(f"{task.title}: {task.budget} of {len(task.scan)} views, run folder {folder}", err=True)
        click.echo("reading the volume" if place else "drawing patients", err=True)
        subjects = (
            drawn_subjects(task, train=effort.train, validation=effort.validation, test=effort.test)
            if place is None
            else volume_subjects(task, place, series=series)
        )
        for remark in subjects.remarks:
            click.echo(f"note: {remark}", err=True)
        steps = work(task, subjects, effort, rules) + (share_work(subjects) if share_dose else 0)
        with progress(steps, what="searching views") as bar:
            found = search_views(
                [task],
                [subjects],
                effort=effort,
                seed=seed,
                stage=run.stage,
                tick=bar.update,
                better=lambda best: run.keep("best so far", best),
                samplers=samplers,
                rules=rules,
            )
            rivals = {}
            if share_dose or found.shared:
                bar.set_description_str("sharing the dose")
                rivals = {SHARED: share(task, subjects, found, seed=seed, tick=bar.update, by_law=share_dose)}
            bar.set_description_str("testing on unseen subjects")
            verdict = judge(
                task, subjects, found, seed=seed, keep_learned=keep_learned, tick=bar.update, rivals=rivals, rules=rules
            )
            verdict = with_shared_dose(task, verdict) if rivals else verdict
    draw_verdict(folder / "views.png", task, verdict)
    run.write_json("metrics.json", verdict.metrics)
    verdict.schedule.save(folder / "schedule.json", overwrite=True)
    if wishes["device"] is not None:
        plan_for(verdict.schedule, wishes["device"], folder / "schedule")
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
    if shared := metrics["rivals"].get("dose shared"):
        told = shared["gain"]
        lines.append(
            f"  dose shared  {told['mean_db']:+6.2f} dB   95 % interval {told['low_db']:+.2f} to "
            f"{told['high_db']:+.2f} dB, loads {min(shared['loads']):.2f} to {max(shared['loads']):.2f} of the mean"
        )
    if verdict.schedule.method == "dose shared":
        lines.append("The interval of the shared dose lies above zero: the schedule holds its views and loads.")
    elif verdict.schedule.method == "equidistant":
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
