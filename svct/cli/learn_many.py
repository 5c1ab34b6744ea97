"""`svct learn-sampling` for many tasks: a module and a schedule each, and a universal schedule beside them."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from svct.bench.learn import Effort
    from svct.bench.many import ManyVerdict
    from svct.sampling.gain import Gain
    from svct.sampling.samplers import Sampler
    from svct.tasks.task import Task


@dataclass(frozen=True)
class Told:
    """What the command prints.

    Args:
        metrics: Everything measured, plain JSON.
        summary: The same in words.
    """

    metrics: dict[str, Any]
    summary: str


def learn_together(
    tasks: "Sequence[Task]",
    *,
    effort: "Effort",
    samplers: "Sequence[Sampler]",
    seed: int,
    out: Path | None,
    resume: bool,
    keep_learned: bool,
) -> Told:
    """Learn and judge many tasks in one run folder.

    Args:
        tasks: The tasks.
        effort: How much work to do for each.
        samplers: What is tried beside equidistant views.
        seed: Seed of everything.
        out: Run folder. Default: ``runs/TASK+TASK-VIEWS-seedSEED``.
        resume: Go on with an interrupted run in the same folder.
        keep_learned: Return learned views even where they do not win.
    """
    from svct.bench.many import judge_many, learn_many, many_work, require_together
    from svct.bench.subjects import drawn_subjects
    from svct.cli.progress import progress
    from svct.cli.run_folder import RunFolder
    from svct.errors import InputError
    from svct.recon.networks import backbone_path, file_sha256, load_backbone

    require_together(tasks)
    taken = sorted({task.name for task in tasks} & {"config", "metrics", "stages"})
    if taken:
        raise InputError(f"tasks: expected names other than those of the run's own files, got {', '.join(taken)}")
    title = "+".join(task.name for task in tasks)
    folder = out or Path("runs") / f"{title}-{tasks[0].budget}-seed{seed}"
    config = {
        "tasks": {
            task.name: {
                "scan": task.scan.to_dict(),
                "cohort": task.cohort.sha256(),
                "acquisition": asdict(task.acquisition),
            }
            for task in tasks
        },
        "views": tasks[0].budget,
        "seed": seed,
        "keep_learned": keep_learned,
        "effort": asdict(effort),
        "samplers": {sampler.name: repr(sampler) for sampler in samplers},
        "backbone_sha256": file_sha256(backbone_path()),
    }
    run = RunFolder(folder, json.loads(json.dumps(config)), resume=resume)
    with run.guarded():
        click.echo(f"{title}: {tasks[0].budget} views for each task, run folder {folder}", err=True)
        click.echo("drawing patients", err=True)
        subjects = [
            drawn_subjects(task, train=effort.train, validation=effort.validation, test=effort.test) for task in tasks
        ]
        net = load_backbone()
        with progress(many_work(tasks, subjects, effort), what="searching views") as bar:
            found = learn_many(
                tasks,
                subjects,
                effort=effort,
                seed=seed,
                stage=run.stage,
                tick=bar.update,
                better=lambda name, best: run.keep(f"{name}/best so far", best),
                samplers=samplers,
                net=net,
            )
            bar.set_description_str("testing on unseen patients")
            verdict = judge_many(tasks, subjects, found, seed=seed, keep_learned=keep_learned, tick=bar.update, net=net)
    metrics = {**verdict.metrics(), "backbone_weights_sha256": found.backbone_sha256}
    run.write_json("metrics.json", metrics)
    _write(folder, tasks, verdict)
    return Told(metrics, _summary(verdict, folder))


def _write(folder: Path, tasks: "Sequence[Task]", verdict: "ManyVerdict") -> None:
    """Write the schedule and the module of each task; the universal schedule, which says that all is there, last."""
    from svct.recon.networks import backbone_path, file_sha256
    from svct.recon.task_module import TaskModule
    from svct.sampling.relaxed import peaks

    sha256 = file_sha256(backbone_path())
    for task in tasks:
        its = verdict.verdicts[task.name]
        taken = its.found.learned if its.schedule.method == "learned" else its.found.equidistant
        module = TaskModule(task.name, sha256, peaks(taken, len(task.scan)))
        module.save(folder / f"{task.name}.safetensors", overwrite=True)
        its.schedule.save(folder / f"{task.name}.json", overwrite=True)
    verdict.universal.save(folder / "universal.json", overwrite=True)


def _summary(verdict: "ManyVerdict", folder: Path) -> str:
    from svct.sampling.gain import Gain

    some = next(iter(verdict.verdicts.values())).metrics
    lines = [
        f"PSNR over patients not used in any choice, range 2000 HU, {len(some['noise_seeds'])} noise seeds; "
        "gains in dB with 95 % intervals",
        f"{'task':<14} {'equidistant':>11}   {'task-specific over it':<26} {'universal over it':<26} schedule",
    ]
    for name, its in verdict.verdicts.items():
        level = its.metrics["equidistant"]["psnr_db"]
        rival = its.metrics["rivals"]["universal"]["gain"]
        lines.append(
            f"{name:<14} {sum(level) / len(level):8.2f} dB   {_told(its.gain):<26} "
            f"{_told(Gain(**rival)):<26} {its.schedule.method}"
        )
    lines += [
        f"{'mean':<14} {'':>11}   {_told(verdict.specific_gain):<26} {_told(verdict.universal_gain):<26} "
        f"universal: {verdict.universal.method}",
        verdict.claim,
        "The backbone's weights are the same as before.",
    ]
    names = [f"{name}.json, {name}.safetensors" for name in verdict.verdicts]
    lines += [f"  {folder / name}" for name in (*names, "universal.json", "metrics.json", "config.json")]
    return "\n".join(lines)


def _told(gain: "Gain") -> str:
    return f"{gain.mean_db:+.2f} ({gain.low_db:+.2f} to {gain.high_db:+.2f})"
