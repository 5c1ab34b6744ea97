"""The search for the views of a task."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from torch import Tensor

from svct.bench.backbone import backbone_for
from svct.bench.subjects import Subjects
from svct.geometry.projector import Projector
from svct.recon.networks import load_backbone
from svct.recon.unrolled import UnrolledNet
from svct.sampling.constraints import Constraints
from svct.sampling.fit import even_sets
from svct.sampling.fixed import ViewSet
from svct.sampling.gumbel import learn_logits
from svct.sampling.samplers.base import Choice, Problem, Sampler
from svct.sampling.samplers.designed import Designed
from svct.sampling.samplers.warped import Warped
from svct.sampling.swap import swap_search
from svct.sampling.trial import Panel, measure_trial, panel_of
from svct.tasks.task import Task


@dataclass(frozen=True)
class Effort:
    """How much work the search does.

    Args:
        train: Drawn patients for the design and the logits.
        validation: Drawn patients for every choice.
        test: Drawn patients for the reported figures.
        gumbel_steps: Optimiser steps of the logits.
        swaps: Moves that the one-swap search tries.
        designed: The design that the search begins with.
        warped: The density of views that is learned.
        half: Whether the search has the backbone compute in bfloat16; the verdict never does.
    """

    train: int = 160
    validation: int = 32
    test: int = 40
    gumbel_steps: int = 40
    swaps: int = 90
    designed: Designed = field(default_factory=Designed)
    warped: Warped = field(default_factory=Warped)
    half: bool = False


QUICK = Effort(
    train=60,
    validation=8,
    test=12,
    gumbel_steps=6,
    swaps=16,
    designed=Designed(coarse=16, rounds=1),
    warped=Warped(harmonics=1, patients=4, offsets=1),
)
"""For a look at the whole path; too little to win anything."""


@dataclass(frozen=True)
class Found:
    """What a search came up with.

    Args:
        learned: The best views found.
        equidistant: The equidistant views of the best offset on the validation subjects.
        designed: The A-optimal views, which the search began with.
        shared: What samplers chose that do not share the dose evenly; the others have even loads.
    """

    learned: ViewSet
    equidistant: ViewSet
    designed: ViewSet
    shared: tuple[Choice, ...] = ()


Stage = Callable[[str, Callable[[], ViewSet]], ViewSet]
"""Runs a named stage of the search, or gives back what it found before."""

_LOAD_UNIT = 1e-9
"""Loads are kept by a stage as so many of these, after the views."""


def learn_views(
    task: Task,
    subjects: Subjects,
    *,
    effort: Effort,
    seed: int,
    stage: Stage,
    tick: Callable[[int], object],
    better: Callable[[ViewSet], None],
) -> Found:
    """Search the best views of a task: A-optimal design, Gumbel top-K, one-swap search.

    Args:
        task: The task.
        subjects: Whose training and validation images the search may use.
        effort: How much work to do.
        seed: Seed of the search and of the noise in it.
        stage: Wraps each stage, so that an interrupted search can go on.
        tick: Called with the work done, in reconstructed images.
        better: Called with each better set of the last stage.

    Returns:
        The learned and the best equidistant views.
    """
    return search_views([task], [subjects], effort=effort, seed=seed, stage=stage, tick=tick, better=better)


def search_views(
    tasks: Sequence[Task],
    subjects: Sequence[Subjects],
    *,
    effort: Effort,
    seed: int,
    stage: Stage,
    tick: Callable[[int], object],
    better: Callable[[ViewSet], None],
    samplers: Sequence[Sampler] = (),
    net: UnrolledNet | None = None,
    rules: Constraints | None = None,
) -> Found:
    """Search the views that are best for a task, or on the mean over several that have the same candidates.

    Args:
        tasks: The tasks; several share their budget.
        subjects: Those of each task; of several, as many patients of each are used as all have.
        effort: How much work to do for each task.
        seed: Seed of the search and of the noise in it.
        stage: Wraps each stage, so that an interrupted search can go on.
        tick: Called with the work done, in reconstructed images.
        better: Called with each better set of the last stage.
        samplers: What is tried beside equidistant views. Default: the design, a learned density, and Gumbel top-K.
            The search goes on from their views with even loads; choices that share the dose are handed on as they are.
        net: The frozen backbone. Default: the one that comes with svct.
        rules: What a device can take.

    Returns:
        The learned and the best equidistant views.

    Raises:
        InputError: A sampler's loads are none that the tube can give.
    """
    net = net or load_backbone()
    net = net.halved() if effort.half else net
    parts = [
        Problem(Projector(task.scan, task.grid), task.acquisition, task.budget, s.train, net=backbone_for(task, net))
        for task, s in zip(tasks, subjects, strict=True)
    ]
    problem = replace(parts[0], others=tuple(parts[1:]), rules=rules)
    count, budget = problem.candidates, problem.budget

    def many(images: int) -> None:
        tick(images * len(parts))

    def measured(what: str, noise: int) -> Panel:
        images = [getattr(s, what) for s in subjects]
        count = min(map(len, images))
        return panel_of(
            [
                measure_trial(x[:count], part.A, part.acquisition, net=part.require_net("search"), seed=noise)
                for part, x in zip(parts, images, strict=True)
            ]
        )

    density = effort.warped.patients * effort.warped.offsets
    design = stage("design", lambda: effort.designed.choose(problem, each=lambda: many(4)).views)
    kept = [stage(sampler.name, partial(_chosen, sampler, problem, seed, many)) for sampler in samplers]
    tried = [views[:budget] for views in kept]
    shared = tuple(Choice(views[:budget], _loads(views[budget:])) for views in kept if len(views) > budget)
    if not samplers:
        warped = stage("warped", lambda: effort.warped.choose(problem, seed=seed, each=lambda: many(density)).views)
        train = measured("train", 1_000_003 * seed + 1)
        gumbel = stage(
            "gumbel",
            lambda: learn_logits(
                train, design, steps=effort.gumbel_steps, seed=seed, each=lambda n: many(4 * n), rules=rules
            ),
        )
        tried = [gumbel, design, warped]
    validation = measured("validation", 1_000_003 * seed + 2)

    def best_of(*sets: ViewSet) -> ViewSet:
        return max(sets, key=lambda views: ticked(validation.psnr(views), many).mean().item())

    equidistant = stage("equidistant", lambda: best_of(*even_sets(count, budget, rules)))
    start = stage("start", lambda: best_of(equidistant, *tried))
    learned = stage(
        "swap",
        lambda: swap_search(
            validation, start, evaluations=effort.swaps, seed=seed, each=many, better=better, rules=rules
        ),
    )
    return Found(learned, equidistant, design, shared)


def search_work(task: Task, subjects: Subjects, effort: Effort, rules: Constraints | None = None) -> int:
    """Return how often `learn_views` ticks, in reconstructed images."""
    offsets = len(even_sets(len(task.scan), task.budget, rules))
    search = 4 * (task.budget + 2) + 16 * effort.gumbel_steps
    search += effort.warped.measurements * effort.warped.patients * effort.warped.offsets
    return search + len(subjects.validation) * (offsets + 4 + effort.swaps)


def _chosen(sampler: Sampler, problem: Problem, seed: int, tick: Callable[[int], object]) -> ViewSet:
    """Return the views that a sampler chooses, and after them, where it shares the dose, their loads."""
    choice = sampler.choose(problem, seed=seed, each=lambda: tick(4))
    if len(set(choice.loads)) == 1:
        return choice.views
    if problem.rules is not None:
        problem.rules.require_loads(choice.views, choice.loads)
    return choice.views + tuple(round(load / _LOAD_UNIT) for load in choice.loads)


def _loads(kept: ViewSet) -> tuple[float, ...]:
    return tuple(load * _LOAD_UNIT for load in kept)


def ticked(values: Tensor, tick: Callable[[int], object]) -> Tensor:
    """Return values of patients, and tell how many there are."""
    tick(len(values))
    return values
