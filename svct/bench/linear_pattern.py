"""The linear check: what A-optimal views are worth where theory is exact, task by task."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from svct.bench.compare import paired_gain
from svct.geometry.projector import Projector
from svct.sampling.fixed import ViewSet, equidistant_sets
from svct.sampling.gain import Gain
from svct.sampling.linear import LinearModel, coarsening, linear_model, pooled
from svct.sampling.samplers.base import Problem
from svct.sampling.samplers.designed import Designed
from svct.tasks.task import Task

PATTERN = {
    "water": ("round", "-0.05 to +0.11"),
    "head": ("-", "-"),
    "chest": ("oval torso", "+0.01 to +0.21"),
    "abdomen": ("oval torso", "+0.01 to +0.21"),
    "shoulder": ("shoulder", "+0.09 to +0.48"),
    "hips": ("bilateral metal", "+0.42 to +2.09"),
    "part": ("one edge direction", "+0.14 to +2.70"),
}
"""Per task, the kind of object and the gain over the best offset, dB, that an independent check of the same kind found.

It had 40 x 40 pixels, 90 candidates, 4 to 32 views, 1e4 and 1e6 photons and objects of its own.
"""


@dataclass(frozen=True)
class LinearEffort:
    """How much work the check is.

    Args:
        train: Patients of the prior.
        test: Patients who are measured.
        coarse: Pixels along the longer side of the grid on which everything happens.
        ranked: Equidistant offsets of least expected error that are measured, too, of which the best counts.
    """

    train: int = 560
    test: int = 40
    coarse: int = 32
    ranked: int = 4


def linear_cells(
    task: Task, budgets: Sequence[int], *, effort: LinearEffort, seed: int, tick: Callable[[], object]
) -> list[dict[str, Any]]:
    """Compare A-optimal views with equidistant ones of the best offset by linear MMSE reconstruction.

    Args:
        task: The task; its own budget does not matter.
        budgets: Numbers of views.
        effort: How much work to do.
        seed: Of the noise.
        tick: Called after each budget.

    Returns:
        For each budget the gain that the model expects, and those realised on noisy data of test patients, with their
        intervals; plain JSON. ``gain`` is with noise of the mean patient's variance, as the model has it; ``own_gain``
        with counts drawn for each patient, whose own data then give R.

    Notes:
        x = m + C A^T (A C A^T + R)^-1 (y - A m) with mean m and covariance C of the training patients, as in
        `svct.sampling.linear`. Design, data and reconstruction share the coarse grid: the one check in which the
        design's theory is the reconstruction's. The cohort is enlarged until it has the training patients asked for.
    """
    A, cohort = (
        Projector(task.scan, task.grid),
        replace(task.cohort, size=max(task.cohort.size, effort.train * 10 // 7)),
    )
    train = cohort.images(cohort.split("train")[: effort.train])
    test = cohort.images(cohort.split("test")[: effort.test])
    factor = coarsening(A, effort.coarse)
    truth = pooled(test, factor).flatten(1).double()
    mean = pooled(train, factor).flatten(1).double().mean(dim=0)
    cells = []
    for budget in budgets:
        problem = Problem(A, task.acquisition, budget, train)
        model = linear_model(problem, coarse=effort.coarse)
        designed = Designed(coarse=effort.coarse).choose(problem).views
        rows = equidistant_sets(problem.candidates, budget)
        errors = [float(model.expected_error(row)) for row in rows]
        lines = torch.einsum("vbp,np->nvb", model.rows, truth)
        best = sorted(range(len(rows)), key=errors.__getitem__)[: effort.ranked]
        gains = {}
        for name, own in (("gain", False), ("own_gain", True)):
            y = measured(lines, model, problem, factor, own=own, seed=1_000_003 * seed)
            found = {
                views: -10 * squared_errors(model, views, y, mean, truth, problem, factor, own=own).log10()
                for views in (designed, *(rows[i] for i in best))
            }
            even = max((found[rows[i]] for i in best), key=lambda decibels: float(decibels.mean()))
            baseline = f"equidistant, the best of {len(best)} offsets"
            gains[name] = asdict(paired_gain(found[designed].tolist(), even.tolist(), baseline=baseline))
        expected = float(model.expected_error(designed))
        cells.append(
            {
                "task": task.name,
                "budget": budget,
                "photons": task.acquisition.photons,
                "seed": seed,
                "expected_gain_db": 10 * np.log10(min(errors) / expected),
                "offset_spread_db": 10 * np.log10(max(errors) / min(errors)),
                **gains,
                "designed": list(designed),
                "equidistant": list(rows[best[0]]),
            }
        )
        tick()
    return cells


def as_markdown(cells: list[dict[str, Any]]) -> str:
    """Return the table of finished cells, one line for each task and flux.

    Each holds the gain that the model expects, the one realised with its noise, and with that of each patient, dB.
    """
    budgets = sorted({cell["budget"] for cell in cells})
    lines = [
        f"| task | photons | {' | '.join(f'{b} views' for b in budgets)} | independent check, 4 to 32 views |",
        "|---|---:|" + "---:|" * (len(budgets) + 1),
    ]
    for key in dict.fromkeys((cell["task"], cell["photons"]) for cell in cells):
        told = []
        for budget in budgets:
            found = [c for c in cells if (c["task"], c["photons"], c["budget"]) == (*key, budget)]
            told.append(_told(found[0]) if found else "-")
        kind, known = PATTERN.get(key[0], ("-", "-"))
        lines.append(f"| {key[0]} | {key[1]:.0e} | {' | '.join(told)} | {kind}: {known} |")
    return "\n".join(lines) + "\n"


def _told(cell: dict[str, Any]) -> str:
    gain, own = Gain(**cell["gain"]), Gain(**cell["own_gain"])
    return f"{cell['expected_gain_db']:+.2f}, {gain.marked}, {own.marked}"


def measured(
    lines: Float64[Tensor, "patient view bin"],
    model: LinearModel,
    problem: Problem,
    factor: int,
    *,
    own: bool,
    seed: int,
) -> Float64[Tensor, "patient view bin"]:
    """Return log data: with the model's noise, or with counts of bins `factor` times as wide for each patient."""
    if own:
        acquisition = replace(problem.acquisition, photons=_flux(problem) * factor)
        y: Tensor = acquisition.measure(lines.float(), seed=seed)
        return y.double()
    generator = torch.Generator().manual_seed(seed)
    spread = model.noise(1.0, slice(None)).sqrt()
    return lines + spread * torch.randn(lines.shape, generator=generator, dtype=lines.dtype)


def squared_errors(
    model: LinearModel,
    views: ViewSet,
    y: Float64[Tensor, "patient view bin"],
    mean: Float64[Tensor, " pixel"],
    truth: Float64[Tensor, "patient pixel"],
    problem: Problem,
    factor: int,
    *,
    own: bool,
) -> Float64[Tensor, " patient"]:
    """Return the mean squared error of each patient's linear MMSE reconstruction, 1/mm^2."""
    chosen = list(views)
    rows = model.rows[chosen].flatten(0, 1)
    cross = rows @ model.prior
    inner, told = cross @ rows.T, y[:, chosen].flatten(1) - rows @ mean
    if own:
        empty = y[:, chosen].flatten(1).exp() / (_flux(problem) * factor)
        noise = empty + (problem.acquisition.electronic_noise * empty) ** 2
        left = torch.stack(
            [
                torch.cholesky_solve(t[:, None], torch.linalg.cholesky(inner + torch.diag(n)))[:, 0]
                for t, n in zip(told, noise, strict=True)
            ]
        )
    else:
        factored = torch.linalg.cholesky(inner + torch.diag(model.noise(1.0, chosen).flatten()))
        left = torch.cholesky_solve(told.T, factored).T
    return (mean + left @ cross - truth).square().mean(dim=1)


def _flux(problem: Problem) -> float:
    return float(problem.acquisition.photons)  # type: ignore[arg-type]
