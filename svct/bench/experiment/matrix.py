"""The nodes of a plan: every combination, with views that several cells share chosen once."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

from svct.bench.experiment.node import LEARNED, LEARNED_MAS, UNIVERSAL, CellNode, ViewNode
from svct.bench.experiment.plan import Named, Plan
from svct.bench.together import require_together
from svct.errors import InputError, unknown_name
from svct.recon.networks import backbone_path, file_sha256
from svct.tasks.difficulty import Difficulty, detection_difficulty
from svct.tasks.task import Task


def cells_of(plan: Plan) -> list[CellNode]:
    """Return the cells of a plan, those that share patients beside each other.

    Raises:
        InputError: A universal sampler for tasks that do not go together, or a task with a flux for each view.
        UnknownNameError: A universal sampler for a task that the plan does not have.
    """
    for sampler, budget in product(plan.samplers, plan.budgets):
        if sampler.kind == UNIVERSAL:
            require_together([task.with_budget(budget) for task in _together(plan, sampler)])
    by_name = {task.name: task for task in plan.tasks}

    @cache  # a task checks itself whenever it is made
    def at(name: str, seed: int, protocol: str, flux: float | None, budget: int) -> Task:
        return scanned(plan, by_name[name], seed, protocol, flux, budget)

    return [
        cell
        for task, seed, protocol, flux, budget, sampler in product(
            plan.tasks, plan.seeds, plan.protocols, plan.fluxes, plan.budgets, plan.samplers
        )
        if sampler.budgets is None or budget in sampler.budgets
        for cell in _cells(plan, task, protocol, sampler, seed, lambda one: at(one.name, seed, protocol, flux, budget))  # noqa: B023
    ]


def scanned(plan: Plan, task: Task, seed: int, protocol: str, flux: float | None, budget: int) -> Task:
    """Return a task as it is scanned: with the patients of a seed, at a flux, under a protocol."""
    own = task.acquisition
    if not isinstance(own.photons, float | int):
        raise InputError(f"task {task.name!r}: expected one flux for all views, got one for each; leave it out")
    changes: dict[str, Any] = {**plan.protocols[protocol], "photons": own.photons if flux is None else flux}
    cohort = replace(task.cohort, seed=task.cohort.seed + seed)
    return replace(task, acquisition=replace(own, **changes), cohort=cohort, budget=budget)


def _cells(
    plan: Plan, task: Task, protocol: str, sampler: Named, seed: int, at: Callable[[Task], Task]
) -> Iterator[CellNode]:
    views = _views(plan, at(task), tuple(map(at, _together(plan, sampler))), sampler, seed)
    finding = task.findings[0] if task.findings and plan.readers else None
    for method in plan.reconstructors:
        yield CellNode(
            views=views,
            protocol=protocol,
            reconstructor=method.name,
            method=method.kind,
            settings=method.settings,
            weights=file_sha256(backbone_path()) if method.kind == "unrolled" else None,
            finding=finding,
            difficulty=detection_difficulty(finding) if finding else Difficulty(),
            readers=plan.readers if finding else (),
            metrics=plan.metrics,
            patients=plan.patients,
            training=plan.training if finding else 0,
            pictures=plan.pictures,
            iterations=plan.iterations if method.kind == "tv" else 0,
        )


def _views(plan: Plan, task: Task, together: tuple[Task, ...], sampler: Named, seed: int) -> ViewNode:
    effort = replace(plan.effort, validation=sampler.settings.get("validation", plan.effort.validation))
    node = ViewNode(sampler.name, sampler.kind, sampler.settings, task, together, effort, seed)
    if sampler.kind == LEARNED_MAS:
        return replace(node, first=(replace(node, sampler=LEARNED, kind=LEARNED, settings={}),))
    if together and task.name != together[0].name:
        first = replace(node, task=together[0])
        return replace(node, together=(), first=(first,))
    return node


def _together(plan: Plan, sampler: Named) -> list[Task]:
    """Return the tasks that a universal choice is for."""
    if sampler.kind != UNIVERSAL:
        return []
    by_name = {task.name: task for task in plan.tasks}
    names = sampler.settings.get("tasks", list(by_name))
    for name in names:
        if name not in by_name:
            raise unknown_name(f"task in [sampler.{sampler.name}]", name, list(by_name))
    return [by_name[name] for name in sorted(names)]
