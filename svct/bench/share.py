"""Sharing a fixed dose among the views that were found, and keeping it where it wins."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from svct.bench.backbone import backbone_for
from svct.bench.judge import Verdict
from svct.bench.learn import Found
from svct.bench.subjects import Subjects
from svct.geometry.projector import Projector
from svct.sampling.fixed import ViewSet
from svct.sampling.gain import Gain
from svct.sampling.modulation import LoadLaw
from svct.sampling.samplers.base import Choice, Problem
from svct.sampling.trial import measure_trial
from svct.tasks.task import Task

SHARED = "dose shared"
"""Name of the rival that shares the dose."""

LAW = LoadLaw()


def share_by_law(
    task: Task, subjects: Subjects, view_sets: Sequence[ViewSet], *, seed: int, tick: Callable[[int], object]
) -> list[Choice]:
    """Share the dose among the views of each set by one law, whose exponent is learned on the training subjects.

    Args:
        task: The task.
        subjects: Its subjects.
        view_sets: The sets.
        seed: Seed that the noise derives from.
        tick: Called with the work done, in reconstructed images.
    """
    A = Projector(task.scan, task.grid)
    problem = Problem(A, task.acquisition, task.budget, subjects.train, net=backbone_for(task))
    images = min(LAW.patients, len(subjects.train)) * len(view_sets)
    return LAW.share(problem, view_sets, seed=1_000_003 * seed + 3, each=lambda: tick(images))


def law_work(subjects: Subjects, *, sets: int) -> int:
    """Return how often `share_by_law` ticks, in reconstructed images."""
    return LAW.measurements * min(LAW.patients, len(subjects.train)) * sets


def share_dose(
    task: Task,
    subjects: Subjects,
    found: Found,
    *,
    seed: int,
    tick: Callable[[int], object],
    by_law: bool = True,
) -> Choice:
    """Return the shared dose that does best on validation subjects: by the law, or as a sampler chose it.

    Args:
        task: The task.
        subjects: Its subjects.
        found: What a search came up with; the choices in its `shared` take part.
        seed: Seed that the noise derives from.
        tick: Called with the work done, in reconstructed images.
        by_law: Share it among learned and among equidistant views too. If not, `found` has some `shared`.
    """
    options = list(found.shared)
    if by_law:
        options += share_by_law(task, subjects, (found.equidistant, found.learned), seed=seed, tick=tick)
    A = Projector(task.scan, task.grid)
    trial = measure_trial(subjects.validation, A, task.acquisition, net=backbone_for(task), seed=1_000_003 * seed + 2)
    means = [float(trial.psnr_at(choice).mean()) for choice in options]
    tick(len(options) * len(subjects.validation))
    return options[int(np.argmax(means))]


def share_work(subjects: Subjects) -> int:
    """Return how often `share_dose` and the judge of its choice tick, in reconstructed images."""
    return law_work(subjects, sets=2) + 2 * len(subjects.validation) + 3 * len(subjects.test)


def with_shared_dose(task: Task, verdict: Verdict) -> Verdict:
    """Put the shared dose into the schedule where its gain's interval clears zero and no other gain is larger.

    Args:
        task: The task.
        verdict: Whose rivals have `SHARED`.
    """
    rival = verdict.metrics["rivals"][SHARED]
    gain = Gain(**rival["gain"])
    if not gain.significant or (verdict.schedule.gain is not None and verdict.gain.mean_db >= gain.mean_db):
        return verdict
    angles = np.rad2deg(np.asarray(task.scan.angles))[rival["views"]]
    schedule = replace(
        verdict.schedule,
        angles_deg=tuple(round(float(a), 9) for a in angles),
        relative_load=tuple(rival["loads"]),
        method=SHARED,
        gain=gain,
    )
    return replace(verdict, schedule=schedule, metrics={**verdict.metrics, "returned": SHARED})
