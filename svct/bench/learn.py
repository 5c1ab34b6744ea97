"""The main job: learn the views of a task, judge them, keep them only if they win."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

import svct
from svct.bench.backbone import backbone_for
from svct.bench.compare import paired_gain
from svct.bench.subjects import Subjects
from svct.errors import InputError
from svct.geometry.projector import Projector
from svct.metrics import RANGE, ssim
from svct.recon.networks import backbone_path, file_sha256, load_backbone
from svct.recon.unrolled import UnrolledNet
from svct.sampling.constraints import Constraints
from svct.sampling.fit import even_sets
from svct.sampling.fixed import ViewSet
from svct.sampling.gain import Gain
from svct.sampling.gumbel import learn_logits
from svct.sampling.samplers.base import Choice, Problem, Sampler
from svct.sampling.samplers.designed import Designed
from svct.sampling.samplers.warped import Warped
from svct.sampling.schedule import Schedule
from svct.sampling.swap import swap_search
from svct.sampling.trial import Panel, Trial, measure_trial, panel_of
from svct.tasks.task import Task

NOISE_SEEDS = 3
"""Noise realisations that every reported figure is averaged over."""


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


@dataclass(frozen=True, eq=False)
class Verdict:
    """What was chosen, and what it is worth on subjects that took no part in any choice.

    Args:
        schedule: The views to take.
        found: The learned views, whether or not they are taken, and the equidistant ones that are taken otherwise.
        equidistant: The equidistant views of the best offset on the test subjects, the baseline.
        gain: Learned over that baseline.
        rotated: The same with the subjects turned by up to 20 degrees.
        metrics: Everything measured, plain JSON.
        pictures: Truth, the equidistant and the learned reconstruction of the middle test subject, 1/mm.
    """

    schedule: Schedule
    found: Found
    equidistant: ViewSet
    gain: Gain
    rotated: Gain
    metrics: dict[str, Any]
    pictures: tuple[Tensor, Tensor, Tensor]


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
        return max(sets, key=lambda views: _ticked(validation.psnr(views), many).mean().item())

    equidistant = stage("equidistant", lambda: best_of(*even_sets(count, budget, rules)))
    start = stage("start", lambda: best_of(equidistant, *tried))
    learned = stage(
        "swap",
        lambda: swap_search(
            validation, start, evaluations=effort.swaps, seed=seed, each=many, better=better, rules=rules
        ),
    )
    return Found(learned, equidistant, design, shared)


def judge(
    task: Task,
    subjects: Subjects,
    found: Found,
    *,
    seed: int,
    keep_learned: bool,
    tick: Callable[[int], object],
    rivals: Mapping[str, Choice] = MappingProxyType({}),
    net: UnrolledNet | None = None,
    rules: Constraints | None = None,
) -> Verdict:
    """Compare learned views with the best equidistant offset on the test subjects.

    Args:
        task: The task.
        subjects: Whose test images decide.
        found: What the search came up with.
        seed: Seed that the noise seeds derive from.
        keep_learned: Put the learned views into the schedule even where they do not win.
        tick: Called with the work done, in reconstructed images.
        rivals: Other choices, by name, whose gain over the same baseline goes into the metrics.
        net: The frozen backbone. Default: the one that comes with svct.
        rules: What a device can take; the equidistant baseline obeys it too, see `svct.sampling.fit.even_sets`.

    Returns:
        The verdict; its schedule holds the learned views where the lower end of the gain's interval clears zero.
    """
    net = backbone_for(task, net)
    A = Projector(task.scan, task.grid)
    noise = [1_000_003 * seed + 10 + i for i in range(NOISE_SEEDS)]
    trials = [measure_trial(subjects.test, A, task.acquisition, net=net, seed=s) for s in noise]
    rows = even_sets(len(task.scan), task.budget, rules)
    # The offset that does best on the test subjects themselves: the strictest baseline.
    first = [_ticked(trials[0].psnr(views), tick) for views in rows]
    ranked = sorted(range(len(rows)), key=lambda i: first[i].mean().item(), reverse=True)[:3]
    means = {i: _mean_psnr(trials[1:], rows[i], tick, first[i]) for i in ranked}
    best = max(means, key=lambda i: means[i].mean().item())
    learned = found.learned
    ours = _mean_psnr(trials[1:], learned, tick, _ticked(trials[0].psnr(learned), tick))
    baseline = f"equidistant, the best of {len(rows)} offsets on the test {subjects.unit}s"
    baseline += "" if rules is None else ", under the same constraints"
    gain = paired_gain(ours.tolist(), means[best].tolist(), baseline=baseline)

    def other(choice: ViewSet | Choice) -> dict[str, Any]:
        """Return what other views are worth, on the same noise where they share the load evenly."""
        if isinstance(choice, Choice) and len(set(choice.loads)) == 1:
            choice = choice.views
        found = [t.psnr_at(choice) if isinstance(choice, Choice) else t.psnr(choice) for t in trials]
        tick(len(trials) * len(ours))
        psnr = torch.stack(found).mean(dim=0).tolist()
        return {"psnr_db": psnr, "gain": asdict(paired_gain(psnr, means[best].tolist(), baseline=baseline))}

    turned = measure_trial(subjects.rotated, A, task.acquisition, net=net, seed=noise[0])
    rotated = paired_gain(
        _ticked(turned.psnr(learned), tick).tolist(),
        _ticked(turned.psnr(rows[best]), tick).tolist(),
        baseline=baseline + ", turned by up to 20 degrees",
    )
    keep = gain.significant or keep_learned
    taken, method = (learned, "learned") if keep else (found.equidistant, "equidistant")
    images = {"equidistant": trials[0].images(rows[best]), "learned": trials[0].images(learned)}
    middle = int((ours - ours.median()).abs().argmin())
    metrics = {
        "psnr_range_per_mm": RANGE,
        "psnr_range_hu": 2000,
        "unit": subjects.unit,
        "noise_seeds": noise,
        "learned": {"psnr_db": ours.tolist(), "ssim": ssim(images["learned"], subjects.test)},
        "equidistant": {"psnr_db": means[best].tolist(), "ssim": ssim(images["equidistant"], subjects.test)},
        "offsets_mean_psnr_db": [p.mean().item() for p in first],
        "gain": asdict(gain),
        "gain_rotated": asdict(rotated),
        "designed": other(found.designed),
        "rivals": {
            name: {"views": list(choice.views), "loads": list(choice.loads), **other(choice)}
            for name, choice in rivals.items()
        },
        "saved_views": _saved_views(task, trials, ours, means[best], tick, rules),
        "returned": method,
        "remarks": list(subjects.remarks),
    }
    return Verdict(
        schedule=_schedule(task, subjects, taken, method, seed, gain if method == "learned" else None, rules),
        found=found,
        equidistant=rows[best],
        gain=gain,
        rotated=rotated,
        metrics=metrics,
        pictures=(subjects.test[middle], images["equidistant"][middle], images["learned"][middle]),
    )


def work(task: Task, subjects: Subjects, effort: Effort, rules: Constraints | None = None) -> int:
    """Return how often `learn_views` and `judge` tick, in reconstructed images."""
    offsets = len(even_sets(len(task.scan), task.budget, rules))
    test = len(subjects.test) * (offsets + 3 * (NOISE_SEEDS - 1) + 2 * NOISE_SEEDS + 2 + 8)
    return search_work(task, subjects, effort, rules) + test


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


def _saved_views(
    task: Task,
    trials: list[Trial],
    ours: Tensor,
    theirs: Tensor,
    tick: Callable[[int], object],
    rules: Constraints | None,
) -> float | None:
    """Return how many views less than equidistant ones the learned ones take at the same mean PSNR.

    Between the budget and a quarter more or less, PSNR of equidistant views, over four offsets, is taken as linear in
    the logarithm of their number; None where it does not rise, or where the constraints do not allow so many or few.
    """
    few, many = round(task.budget * 0.8), min(round(task.budget * 1.25), len(task.scan))
    found = []
    for views in (few, many):
        try:
            rows = even_sets(len(task.scan), views, rules)
        except InputError:
            return None
        found.append(max(float(_ticked(trials[0].psnr(row), tick).mean()) for row in rows[:: -(-len(rows) // 4)]))
    slope = (found[1] - found[0]) / math.log(many / few) if many > few else 0.0
    gain = float((ours - theirs).mean())
    return None if slope <= 0 else round(task.budget * (math.exp(gain / slope) - 1), 2)


def _mean_psnr(trials: list[Trial], views: ViewSet, tick: Callable[[int], object], first: Tensor) -> Tensor:
    return torch.stack([first, *(_ticked(trial.psnr(views), tick) for trial in trials)]).mean(dim=0)


def _ticked(values: Tensor, tick: Callable[[int], object]) -> Tensor:
    tick(len(values))
    return values


def _schedule(
    task: Task,
    subjects: Subjects,
    views: ViewSet,
    method: str,
    seed: int,
    gain: Gain | None,
    rules: Constraints | None,
) -> Schedule:
    geometry = task.scan.to_dict()
    angles = np.rad2deg(geometry.pop("angles")).tolist()
    return Schedule(
        angles_deg=tuple(round(angles[v], 9) for v in views),
        geometry=geometry,
        task=task.name,
        budget=len(views),
        candidates=len(task.scan),
        method=method,
        gain=gain,
        provenance={
            "svct": svct.__version__,
            "torch": torch.__version__,
            "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
            "seed": seed,
            "data": subjects.source,
            "backbone_sha256": file_sha256(backbone_path()),
            **({} if rules is None else {"constraints": rules.described()}),
        },
    )
