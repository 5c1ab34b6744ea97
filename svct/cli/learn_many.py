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
    from svct.sampling.constraints import Constraints
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
    share_dose: bool = False,
    rules: "Constraints | None" = None,
    device: str | None = None,
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
        share_dose: Share the dose among the views of each task, and keep that where it wins.
        rules: What a device can take, over the candidates of every task.
        device: Name or file of the profile that each schedule is planned for. Default: none.
    """
    from svct.bench.many import judge_many, learn_many, many_work
    from svct.bench.share import share_dose as share
    from svct.bench.share import share_work
    from svct.bench.subjects import drawn_subjects
    from svct.bench.together import require_together
    from svct.cli.planned import plan_for
    from svct.cli.progress import progress
    from svct.cli.run_folder import RunFolder
    from svct.errors import InputError
    from svct.recon.networks import backbone_path, file_sha256, load_backbone

    require_together(tasks, rules)
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
        **({"share_dose": True} if share_dose else {}),
        **({} if rules is None else {"constraints": asdict(rules)}),
    }
    run = RunFolder(folder, json.loads(json.dumps(config)), resume=resume)
    with run.guarded():
        click.echo(f"{title}: {tasks[0].budget} views for each task, run folder {folder}", err=True)
        click.echo("drawing patients", err=True)
        subjects = [
            drawn_subjects(task, train=effort.train, validation=effort.validation, test=effort.test) for task in tasks
        ]
        net = load_backbone()
        steps = many_work(tasks, subjects, effort, rules) + (sum(map(share_work, subjects)) if share_dose else 0)
        with progress(steps, what="searching views") as bar:
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
                rules=rules,
            )
            shared = {
                task.name: share(task, its, found.specific[task.name], seed=seed, tick=bar.update, by_law=share_dose)
                for task, its in zip(tasks, subjects, strict=True)
                if share_dose or found.specific[task.name].shared
            }
            bar.set_description_str("testing on unseen patients")
            verdict = judge_many(
                tasks,
                subjects,
                found,
                seed=seed,
                keep_learned=keep_learned,
                tick=bar.update,
                net=net,
                rules=rules,
                shared=shared,
            )
    metrics = {**verdict.metrics(), "backbone_weights_sha256": found.backbone_sha256}
    run.write_json("metrics.json", metrics)
    _write(folder, tasks, verdict)
    if device is not None:
        for name, its in verdict.verdicts.items():
            plan_for(its.schedule, device, folder / name)
        plan_for(verdict.universal, device, folder / "universal")
    return Told(metrics, _summary(verdict, folder))


def _write(folder: Path, tasks: "Sequence[Task]", verdict: "ManyVerdict") -> None:
    """Write the schedule and the module of each task; the universal schedule, which says that all is there, last."""
    from svct.bench.share import SHARED
    from svct.recon.networks import backbone_path, file_sha256
    from svct.recon.task_module import TaskModule
    from svct.sampling.relaxed import peaks

    sha256 = file_sha256(backbone_path())
    for task in tasks:
        its = verdict.verdicts[task.name]
        taken = its.found.learned if its.schedule.method == "learned" else its.found.equidistant
        if its.schedule.method == SHARED:
            taken = tuple(its.metrics["rivals"][SHARED]["views"])
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
            f"{name:<14} {sum(level) / len(level):8.2f} dB   {its.gain.told:<26} "
            f"{Gain(**rival).told:<26} {its.schedule.method}"
        )
        if shared := its.metrics["rivals"].get("dose shared"):
            lines.append(
                f"{'':<14} dose shared   {Gain(**shared['gain']).told}, "
                f"loads {min(shared['loads']):.2f} to {max(shared['loads']):.2f} of the mean"
            )
    lines += [
        f"{'mean':<14} {'':>11}   {verdict.specific_gain.told:<26} {verdict.universal_gain.told:<26} "
        f"universal: {verdict.universal.method}",
        verdict.claim,
        "The backbone's weights are the same as before.",
    ]
    names = [f"{name}.json, {name}.safetensors" for name in verdict.verdicts]
    lines += [f"  {folder / name}" for name in (*names, "universal.json", "metrics.json", "config.json")]
    return "\n".join(lines)
