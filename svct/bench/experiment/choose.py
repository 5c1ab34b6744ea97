"""Choosing views: by registered samplers, by search for one task or several, and with the dose shared."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from svct.bench.backbone import backbone_for
from svct.bench.experiment.node import LEARNED, LEARNED_MAS, SEARCHES, UNIVERSAL, Choices, ViewNode
from svct.bench.learn import learn_views
from svct.bench.many import learn_universal
from svct.bench.share import LAW
from svct.bench.subjects import Subjects, cohort_source
from svct.geometry.projector import Projector
from svct.recon.unrolled import UnrolledNet
from svct.sampling.fixed import ViewSet, equidistant_sets
from svct.sampling.samplers.base import Choice, Problem, load_sampler
from svct.sampling.trial import measure_trial
from svct.tasks.cohort import Cohort
from svct.tasks.task import Task

EQUIDISTANT = "equidistant"
OWN = (EQUIDISTANT, *SEARCHES)
"""Ways to choose that look at validation patients; all others are registered samplers."""

Option = TypeVar("Option", ViewSet, Choice)


def choose(node: ViewNode, choices: Choices) -> Choice:
    """Choose views.

    Args:
        node: What is asked.
        choices: Those that the node needs.
    """
    task, seed = node.task, node.seed
    patients = subjects_of(task.cohort, node.effort.train, node.effort.validation)
    if node.kind == EQUIDISTANT:
        return Choice(_best_offset(task, patients, _net(node), seed=seed, **node.settings))
    if node.kind == LEARNED:
        found = learn_views(
            task, patients, effort=node.effort, seed=seed, stage=_unbroken, tick=_ignore, better=_ignore
        )
        return Choice(found.learned)
    if node.kind == LEARNED_MAS:
        (first,) = node.first
        return _share_dose(task, patients, choices[first.key], node)
    if node.kind == UNIVERSAL:
        return _universal(node, choices)
    problem = Problem(
        Projector(task.scan, task.grid), task.acquisition, task.budget, patients.train, net=backbone_for(task)
    )
    return load_sampler(node.kind, **node.settings).choose(problem, seed=seed)


def offsets_of(candidates: int, views: int, most: int) -> list[ViewSet]:
    """Return equidistant sets at up to `most` offsets, evenly taken."""
    sets = equidistant_sets(candidates, views)
    return sets if len(sets) <= most else [sets[i * len(sets) // most] for i in range(most)]


@lru_cache(maxsize=8)
def subjects_of(cohort: Cohort, train: int, validation: int) -> Subjects:
    """Draw the patients of a search; none of the test split is among them."""
    chosen = {"train": cohort.split("train")[:train], "validation": cohort.split("validation")[:validation]}
    none = torch.empty(0, *cohort.grid.shape)
    return Subjects(
        train=cohort.images(chosen["train"]),
        validation=cohort.images(chosen["validation"]),
        test=none,
        rotated=none,
        unit="patient",
        source=cohort_source(cohort, chosen),
    )


def _best_offset(task: Task, patients: Subjects, net: UnrolledNet, *, seed: int, offsets: int = 12) -> ViewSet:
    """Return the equidistant views whose offset does best on validation patients, through the backbone."""
    sets = offsets_of(len(task.scan), task.budget, offsets)
    if len(sets) == 1:
        return sets[0]
    trial = measure_trial(
        patients.validation,
        Projector(task.scan, task.grid),
        task.acquisition,
        net=net,
        seed=1_000_003 * seed + 2,
    )
    return _best(sets, trial.psnr)


def _universal(node: ViewNode, choices: Choices) -> Choice:
    """Return the views that are learned for all tasks together, or of another task's the ones at the same angles."""
    effort = node.effort
    if node.first:
        (other,) = node.first
        angles, own = np.asarray(other.task.scan.angles), np.asarray(node.task.scan.angles)
        wanted = angles[list(choices[other.key].views)]
        return Choice(tuple(sorted(int(np.abs(own - angle).argmin()) for angle in wanted)))
    patients = [subjects_of(task.cohort, effort.train, effort.validation) for task in node.together]
    found = learn_universal(node.together, patients, effort=effort, seed=node.seed, stage=_unbroken)
    return Choice(found[node.task.name].learned)


def _share_dose(task: Task, patients: Subjects, learned: Choice, node: ViewNode) -> Choice:
    """Return learned views with the dose shared by the law that is learned for them, or evenly where that is better."""
    A, net = Projector(task.scan, task.grid), _net(node)
    problem = Problem(A, task.acquisition, task.budget, patients.train, net=net)
    (shared,) = LAW.share(problem, [learned.views], seed=1_000_003 * node.seed + 3)
    trial = measure_trial(patients.validation, A, task.acquisition, net=net, seed=1_000_003 * node.seed + 2)
    return _best([learned, shared], trial.psnr_at)


def _net(node: ViewNode) -> UnrolledNet:
    """Return the backbone, as exact as the effort has it."""
    net = backbone_for(node.task)
    return net.halved() if node.effort.half else net


def _best(options: Sequence[Option], psnr: Callable[[Option], Float[Tensor, " patient"]]) -> Option:
    return max(options, key=lambda option: psnr(option).mean().item())


def _unbroken(name: str, find: Callable[[], ViewSet]) -> ViewSet:
    """Run a stage of the search; a choice of views is kept as a whole."""
    return find()


def _ignore(progress: object) -> None:
    """Tell nobody."""
