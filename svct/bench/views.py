"""What choosing views is worth: tasks, budgets and fluxes under one referee."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from svct.bench.judge import judge, work
from svct.bench.learn import Effort, Stage, learn_views
from svct.bench.share import law_work, share_by_law
from svct.bench.subjects import Subjects
from svct.geometry.projector import Projector
from svct.sampling.fixed import ViewSet
from svct.sampling.gain import Gain
from svct.sampling.linear import linear_model
from svct.sampling.load import share_load
from svct.sampling.samplers.base import Choice, Problem
from svct.sampling.samplers.designed import Designed
from svct.sampling.samplers.warped import Warped
from svct.tasks.task import Task

STUDY = Effort(
    train=160,
    validation=16,
    test=32,
    gumbel_steps=10,
    swaps=60,
    warped=Warped(harmonics=2, patients=12, offsets=2),
)
"""Less search than `svct learn-sampling` makes, for many cells."""

LIGHT = replace(
    STUDY,
    train=60,
    validation=8,
    gumbel_steps=2,
    swaps=24,
    warped=Warped(harmonics=2, patients=6, offsets=2),
    half=True,
)
"""A quarter of its time, for experiments of hundreds of searches."""

DOSE = "dose on equidistant"
BOTH = "views and dose"
LAW = "law on equidistant"
LAW_LEARNED = "law on learned"
RIVALS = (DOSE, BOTH, LAW, LAW_LEARNED)


def study_cell(
    task: Task,
    subjects: Subjects,
    *,
    effort: Effort,
    seed: int,
    stage: Stage,
    tick: Callable[[int], object],
) -> dict[str, Any]:
    """Learn the views of a task and compare them, and others, with the best equidistant offset.

    Args:
        task: The task at its budget and flux.
        subjects: Its patients.
        effort: How much work to do.
        seed: Seed of everything.
        stage: Wraps each stage of the search.
        tick: Called with the work done, in reconstructed images.

    Returns:
        What `judge` measured, with the views of each arm; plain JSON. Among its rivals, at the same total dose, the
        dose shared among equidistant views, and views and dose designed together, both in the linear model; and the
        dose shared by a law whose exponent is learned through the backbone, among equidistant and learned views.
    """
    found = learn_views(task, subjects, effort=effort, seed=seed, stage=stage, tick=tick, better=_ignore)
    A = Projector(task.scan, task.grid)
    problem = Problem(A, task.acquisition, task.budget, subjects.train)
    even = share_load(linear_model(problem), found.equidistant)
    rivals = {DOSE: Choice(found.equidistant, even), BOTH: Designed(share=True).choose(problem)}
    on_even, on_learned = share_by_law(task, subjects, (found.equidistant, found.learned), seed=seed, tick=tick)
    rivals |= {LAW: on_even, LAW_LEARNED: on_learned}
    verdict = judge(task, subjects, found, seed=seed, keep_learned=False, tick=tick, rivals=rivals)
    views = {"learned": found.learned, "designed": found.designed, "equidistant": verdict.equidistant}
    return {
        **verdict.metrics,
        "task": task.name,
        "budget": task.budget,
        "photons": task.acquisition.photons,
        "seed": seed,
        "views": {name: list(v) for name, v in views.items()},
    }


def cell_work(task: Task, subjects: Subjects, effort: Effort) -> int:
    """Return how often `study_cell` ticks, in reconstructed images."""
    return work(task, subjects, effort) + law_work(subjects, sets=2) + len(RIVALS) * 3 * len(subjects.test)


def at_flux(task: Task, photons: float) -> Task:
    """Return the task with another number of photons per ray."""
    return replace(task, acquisition=replace(task.acquisition, photons=photons))


def as_markdown(cells: list[dict[str, Any]]) -> str:
    """Return the table of finished cells, one line each."""
    lines = [
        "| task | views | photons | seed | equidistant, dB | learned | designed "
        f"| {' | '.join(RIVALS)} | learned, patients turned | views saved | returned |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for cell in cells:
        level = cell["equidistant"]["psnr_db"]
        gains = [cell["gain"], cell["designed"]["gain"], *(cell["rivals"][name]["gain"] for name in RIVALS)]
        saved = cell["saved_views"]
        lines.append(
            f"| {cell['task']} | {cell['budget']} | {cell['photons']:.0e} | {cell['seed']} "
            f"| {sum(level) / len(level):.2f} | {' | '.join(map(_gain, gains))} | {_gain(cell['gain_rotated'])} "
            f"| {'-' if saved is None else format(saved, '+.1f')} | {cell['returned']} |"
        )
    return "\n".join(lines) + "\n"


def _gain(gain: dict[str, Any]) -> str:
    return Gain(**gain).marked


def _ignore(views: ViewSet) -> None:
    """Keep nothing between the stages."""
