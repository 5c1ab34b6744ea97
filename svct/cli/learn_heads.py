"""`svct learn-sampling --objective heads`: views for who reads the images."""

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

import svct
from svct.bench.backbone import backbone_for
from svct.bench.diagnosis_task import DetectionTask, detection_task
from svct.bench.judge_heads import HeadVerdict, judge_for_heads, judge_work
from svct.bench.learn_heads import QUICK, HeadEffort, HeadFound, check_share, draw_cohorts, learn_for_heads, search_work
from svct.bench.readings import driver_names
from svct.cli.progress import progress
from svct.cli.run_folder import RunFolder
from svct.errors import InputError, unknown_name
from svct.recon.networks import backbone_path, file_sha256
from svct.sampling.schedule import Schedule
from svct.tasks.task import Task

TITLES = {"auc": "AUC, fitted anew", "auc_frozen": "AUC, frozen", "psnr_db": "PSNR, dB"}


def learn_heads(
    task: Task,
    *,
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
    """Learn the views that serve a reader, judge them, write the run folder and print what was found.

    Args:
        task: The task at its budget.
        head: What drives the search. Default: the task's first head.
        finding: What is looked for. Default: the task's first.
        image_share: See `learn_for_heads`; likewise `seed`.
        seed: Seed of everything.
        out: The run folder.
        resume: Go on with a run that is there.
        keep_learned: Return the learned views even where they do not win.
        quick: A tenth of the work.
        as_json: Print JSON.

    Raises:
        InputError: The task has no head or finding and none is named.
        UnknownNameError: No such head or finding.
    """
    looked_for, driver = finding or next(iter(task.findings), None), head or next(iter(task.heads), None)
    if looked_for is None or driver is None:
        raise InputError(
            f"objective 'heads' of task {task.name!r}: expected a finding and a head, got {looked_for} and {driver}; "
            "name them with --finding and --head"
        )
    if driver not in driver_names():
        raise unknown_name("head or observer", driver, driver_names())
    check_share(driver, image_share)
    detection, effort = detection_task(looked_for, task=task, seed=task.cohort.seed), QUICK if quick else HeadEffort()
    folder = out or Path("runs") / f"{task.name}-{driver}-{task.budget}-seed{seed}"
    config = {
        "task": task.name, "objective": "heads", "views": task.budget, "driver": driver, "image_share": image_share,
        "seed": seed, "keep_learned": keep_learned, "effort": asdict(effort), "detection": detection.to_dict(),
    }  # fmt: skip
    run = RunFolder(folder, json.loads(json.dumps(config)), resume=resume)
    net = backbone_for(task)
    total = effort.train + effort.validation + effort.test
    total += search_work(effort, driver) + judge_work(effort.test, effort.train)
    with run.guarded():
        click.echo(f"{task.title}: {task.budget} of {len(task.scan)} views for {driver}, run folder {folder}", err=True)
        with progress(total, what="drawing cases") as bar:
            cohorts = draw_cohorts(detection, effort, each=lambda: bar.update(1))
            bar.set_description_str("searching views")
            found = learn_for_heads(
                detection, cohorts, net=net, driver=driver, image_share=image_share, effort=effort, seed=seed,
                stage=run.stage, tick=bar.update,
            )  # fmt: skip
            bar.set_description_str("reading unseen cases")
            verdict = judge_for_heads(detection, cohorts, found, net=net, driver=driver, seed=seed, tick=bar.update)
    kept = verdict.wins or keep_learned
    schedule = _schedule(detection, found, driver, verdict, image_share, seed, learned=kept)
    metrics = {
        "finding": looked_for, "driver": driver, "image_share": image_share, **verdict.to_dict(),
        "views": {"reader": found.learned, "image": found.image, "equidistant": found.equidistant},
        "returned": schedule.method,
    }  # fmt: skip
    run.write_json("metrics.json", metrics)
    schedule.save(folder / "schedule.json", overwrite=True)
    click.echo(json.dumps(metrics, indent=2) if as_json else _summary(verdict, looked_for, schedule.method, folder))


def _schedule(
    detection: DetectionTask,
    found: HeadFound,
    driver: str,
    verdict: HeadVerdict,
    image_share: float,
    seed: int,
    *,
    learned: bool,
) -> Schedule:
    geometry = detection.task.scan.to_dict()
    angles = np.rad2deg(geometry.pop("angles")).tolist()
    views = found.learned if learned else found.equidistant
    return Schedule(
        angles_deg=tuple(round(angles[v], 9) for v in views),
        geometry=geometry,
        task=detection.task.name,
        budget=len(views),
        candidates=len(detection.task.scan),
        method="learned" if learned else "equidistant",
        provenance={
            "svct": svct.__version__,
            "torch": torch.__version__,
            "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
            "seed": seed,
            "data": detection.to_dict(),
            "objective": {"driver": driver, "finding": detection.finding, "image_share": image_share},
            "read": verdict.to_dict()["differences"],
            "backbone_sha256": file_sha256(backbone_path()),
        },
    )


def _summary(verdict: HeadVerdict, finding: str, returned: str, folder: Path) -> str:
    first = next(iter(verdict.scores.values()))
    lines = [f"{finding}, read by {verdict.reader}, {first.patients} unseen patients, 95 % intervals over patients:"]
    lines.append(f"  {'views':<26}" + "".join(f"{TITLES[name]:>26}" for name in first.figures))

    def line(title: str, figures: Any, show: Callable[[float], str]) -> str:
        cells = [f"{show(f.value)} ({show(f.low)} to {show(f.high)})" for f in figures.values()]
        return f"  {title:<26}" + "".join(f"{cell:>26}" for cell in cells)

    names = {"reader": "learned for the reader", "image": "learned for the image", "equidistant": "equidistant"}
    lines += [line(names[arm], scores.figures, lambda v: f"{v:.3f}") for arm, scores in verdict.scores.items()]
    lines += [line(f"{a} - {b}", found, lambda v: f"{v:+.3f}") for (a, b), found in verdict.differences.items()]
    lines.append(
        "The AUC of the views learned for the reader lies above that of equidistant ones: the schedule holds them."
        if verdict.wins
        else f"In AUC reader - equidistant is not above zero for certain: the schedule holds {returned} views."
    )
    return "\n".join([*lines, *(f"  {folder / name}" for name in ("schedule.json", "metrics.json", "config.json"))])
