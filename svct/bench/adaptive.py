"""Views chosen for each patient while he is scanned, against fixed ones, on patients who lie turned."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from svct.bench.backbone import backbone_for
from svct.bench.compare import paired_gain
from svct.bench.linear_pattern import measured, squared_errors
from svct.geometry.projector import Projector
from svct.sampling.adaptive import Adaptive, Measure
from svct.sampling.fixed import ViewSet, equidistant_sets
from svct.sampling.gain import Gain
from svct.sampling.linear import coarsening, linear_model, pooled
from svct.sampling.policy import Policy
from svct.sampling.samplers.base import Choice, Problem
from svct.sampling.samplers.designed import Designed
from svct.sampling.samplers.warped import Warped
from svct.sampling.trial import Trial, measure_trial
from svct.tasks.task import Task


@dataclass(frozen=True)
class AdaptiveEffort:
    """How much work a cell is.

    Args:
        train: Training patients of the ensemble, each at every turn.
        test: Patients who are scanned.
        offsets: Offsets of the equidistant baseline, evenly taken, of which the best on the test patients counts.
        every: The adaptive views are taken among each so-manieth candidate.
        step_deg: Between the turns of the ensemble, degrees.
        scouts: Views before the first choice; they count among the views.
        warped: The fixed density of views that is learned through the backbone.
        policy: The network that says which view comes next; it has as many scouts.
    """

    train: int = 96
    test: int = 24
    offsets: int = 6
    every: int = 3
    step_deg: float = 5.0
    scouts: int = 4
    warped: Warped = field(default_factory=lambda: Warped(harmonics=1, patients=8, offsets=2))
    policy: Policy = field(default_factory=lambda: Policy(walks=3))


QUICK = AdaptiveEffort(
    train=64,
    test=12,
    offsets=3,
    every=6,
    step_deg=10.0,
    warped=Warped(harmonics=1, patients=4, offsets=1),
    policy=Policy(),
)
"""A fifth of the work."""

ARMS = ("adaptive", "policy", "learned", "designed")

OWN = ("adaptive", "policy")
"""Arms with views for each patient."""


def adaptive_cell(
    task: Task, turn_deg: float, *, effort: AdaptiveEffort, seed: int, tick: Callable[[str], object]
) -> dict[str, Any]:
    """Compare adaptive views with the best equidistant offset and with fixed views, at equal views and dose.

    Args:
        task: The task at its budget.
        turn_deg: Patients lie turned by up to so many degrees either way, evenly; the fixed views are learned from
            training patients who lie so, too.
        effort: How much work to do.
        seed: Of the noise.
        tick: Called with the name of each step.

    Returns:
        Gains over the baseline in PSNR through the backbone and of linear MMSE reconstruction on the model's coarse
        grid, with intervals over patients; plain JSON. Every view of every arm has the same load, scouts included.
    """
    net, A, cohort = backbone_for(task), Projector(task.scan, task.grid), task.cohort
    tick("patients")
    chosen = cohort.split("train")[: effort.train]
    train, test = cohort.images(chosen), _turned(task, cohort.split("test")[: effort.test], turn_deg)
    lying = _turned(task, chosen, turn_deg)
    problem = Problem(A, task.acquisition, task.budget, lying, net=net)
    trial = measure_trial(test, A, task.acquisition, net=net, seed=1_000_003 * seed + 10)
    rows = equidistant_sets(problem.candidates, task.budget)
    rows = rows[:: -(-len(rows) // effort.offsets)]
    fixed = {}
    tick("learned")
    fixed["learned"] = effort.warped.choose(problem, seed=seed).views
    tick("designed")
    fixed["designed"] = Designed().choose(problem).views
    tick("adaptive")
    shown = list(range(0, problem.candidates, effort.every))
    turns = np.arange(-turn_deg, turn_deg + 1e-9, effort.step_deg)
    turns = turns[: int(360 / effort.step_deg)]
    among = problem.among(shown)
    scanner = Adaptive(scouts=effort.scouts, turns_deg=tuple(turns.tolist())).prepare(replace(among, images=train))
    own = {"adaptive": _for_each(scanner.choose, trial, shown)}
    tick("policy")
    follower = replace(effort.policy, scouts=effort.scouts).prepare(among, seed=seed)
    own["policy"] = _for_each(follower.choose, trial, shown)
    tick("backbone")
    levels = {row: trial.psnr(row) for row in rows}
    even = max(rows, key=lambda row: float(levels[row].mean()))
    decibels = {name: trial.psnr(views) for name, views in fixed.items()}
    decibels |= {name: torch.cat([_only(trial, i).psnr(v) for i, v in enumerate(sets)]) for name, sets in own.items()}
    baseline = f"equidistant, the best of {len(rows)} offsets on the test patients"
    tick("linear")
    linear = _linear(problem, test, rows, fixed, own, seed=seed)
    return {
        "task": task.name,
        "budget": task.budget,
        "photons": task.acquisition.photons,
        "turn_deg": turn_deg,
        "scouts": effort.scouts,
        "psnr_db": levels[even].tolist(),
        "gain": {n: asdict(paired_gain(decibels[n].tolist(), levels[even].tolist(), baseline=baseline)) for n in ARMS},
        "linear_gain": {n: asdict(paired_gain(linear[n], linear["even"], baseline=baseline)) for n in ARMS},
        **{
            f"{name}_over_learned": asdict(
                paired_gain(decibels[name].tolist(), decibels["learned"].tolist(), baseline="learned fixed views")
            )
            for name in OWN
        },
        "policy_over_adaptive": asdict(
            paired_gain(decibels["policy"].tolist(), decibels["adaptive"].tolist(), baseline="adaptive views")
        ),
        "views": {**{n: [list(v) for v in sets] for n, sets in own.items()}, **{n: list(v) for n, v in fixed.items()}},
    }


def as_markdown(cells: list[dict[str, Any]]) -> str:
    """Return the table of finished cells."""
    lines = [
        "| task | views | turned by | equidistant, dB | adaptive | policy | learned, fixed | A-optimal, fixed "
        "| adaptive over learned | policy over learned | linear: adaptive | linear: policy "
        "| linear: A-optimal, fixed |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for cell in cells:
        gains = [*(cell["gain"][n] for n in ARMS), *(cell[f"{n}_over_learned"] for n in OWN)]
        gains += [cell["linear_gain"][n] for n in (*OWN, "designed")]
        level = sum(cell["psnr_db"]) / len(cell["psnr_db"])
        told = " | ".join(map(_told, gains))
        lines.append(f"| {cell['task']} | {cell['budget']} | {cell['turn_deg']:g} | {level:.2f} | {told} |")
    return "\n".join(lines) + "\n"


def _told(gain: dict[str, Any]) -> str:
    return Gain(**gain).marked


def _for_each(choose: Callable[[Measure], Choice], trial: Trial, shown: list[int]) -> list[ViewSet]:
    """Choose among some candidates for each patient of a trial."""
    found = [choose(lambda views, y=y: y[views]) for y in trial.y[:, shown]]  # type: ignore[misc]
    return [tuple(shown[v] for v in choice.views) for choice in found]


def _only(trial: Trial, i: int) -> Trial:
    """Return the trial of one of the patients; its importance is one map for each."""
    assert trial.importance is not None
    one = slice(i, i + 1)
    return replace(trial, truth=trial.truth[one], y=trial.y[one], importance=trial.importance[one])


def _turned(task: Task, patients: tuple[int, ...], turn_deg: float) -> Float[Tensor, "patient y x"]:
    """Return patients who are drawn turned, the angles evenly spread and shuffled the same way each time."""
    turns = np.random.default_rng(len(patients)).permutation(np.linspace(-turn_deg, turn_deg, len(patients)))
    drawn = zip(patients, turns.tolist(), strict=True)
    return torch.stack([task.cohort.patient(i, rotation_deg=turn).image for i, turn in drawn])


def _linear(
    problem: Problem,
    test: Float[Tensor, "patient y x"],
    rows: list[ViewSet],
    fixed: dict[str, ViewSet],
    own: dict[str, list[ViewSet]],
    *,
    seed: int,
) -> dict[str, list[float]]:
    """Return -10 log10 of the squared error of linear MMSE for each arm and patient; the prior is that of them all."""
    model = linear_model(problem)
    factor = coarsening(problem.A, 32)
    truth = pooled(test, factor).flatten(1).double()
    mean = pooled(problem.images, factor).flatten(1).double().mean(dim=0)
    y = measured(torch.einsum("vbp,np->nvb", model.rows, truth), model, problem, factor, own=False, seed=seed)

    def decibels(views: ViewSet, who: slice = slice(None)) -> list[float]:
        errors = squared_errors(model, views, y[who], mean, truth[who], problem, factor, own=False)
        return (-10 * errors.log10()).tolist()

    found = {name: decibels(views) for name, views in fixed.items()}
    found["even"] = max((decibels(row) for row in rows), key=sum)
    found |= {n: [decibels(views, slice(i, i + 1))[0] for i, views in enumerate(sets)] for n, sets in own.items()}
    return found
