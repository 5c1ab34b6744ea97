"""Views and dose together, at equal total dose: fluxes down to starvation, image error and a lesion's d'."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from svct.bench.backbone import backbone_for
from svct.bench.compare import paired_gain
from svct.bench.lesions import Lesions, cross_read, detectability, detectability_gain, fit_observer, put_lesions
from svct.geometry.projector import Projector
from svct.sampling.fixed import equidistant_sets
from svct.sampling.importance import without_metal
from svct.sampling.linear import linear_model
from svct.sampling.load import share_load
from svct.sampling.modulation import LoadLaw, law_loads, mean_lines
from svct.sampling.samplers.base import Choice, Problem
from svct.sampling.samplers.designed import Designed
from svct.sampling.samplers.modulated import Joint
from svct.sampling.samplers.warped import Warped
from svct.sampling.trial import mean_psnr, measure_trial, scanned_at
from svct.tasks.task import Task

ARMS = {
    "views": "learned density, even loads",
    "law": "equidistant, loads by the law",
    "both": "density learned under the law",
    "linear share": "equidistant, loads of the linear model",
    "linear both": "A-optimal views and loads of the linear model",
}
"""What is compared with equidistant views of the best offset and even loads."""

LESS = 20
"""The same views with so many times less dose are the negative control: where they win, a gain is none of sharing."""

EVEN = "even"
FOR_LESIONS = "law for d'"


@dataclass(frozen=True)
class DoseEffort:
    """How much work a cell is.

    Args:
        train: Patients of the prior; the others learn from the first of them.
        test: Patients who judge.
        offsets: Offsets of the equidistant baseline, evenly taken, of which the best on the test patients counts.
        noise: Draws of the noise for every reported figure.
        warped: The density of views that is learned.
        law: The law of the loads.
        readers: Training patients whose lesions the observers learn from.
        exponents: Those of the law that are tried for lesions.
        contrast_hu: Contrast of the lesions.
        lesions: In each patient.
    """

    train: int = 96
    test: int = 32
    offsets: int = 12
    noise: int = 2
    warped: Warped = field(default_factory=lambda: Warped(harmonics=2, patients=12, offsets=2))
    law: LoadLaw = field(default_factory=lambda: LoadLaw(patients=16))
    readers: int = 32
    exponents: tuple[float, ...] = (0.0, 0.5, 1.0)
    contrast_hu: float = 150.0
    lesions: int = 6


QUICK = DoseEffort(
    train=64,
    test=16,
    offsets=4,
    noise=1,
    warped=Warped(harmonics=2, patients=6, offsets=1),
    law=LoadLaw(patients=6, exponents=(0.5, 0.75, 1.0, 1.5)),
    readers=16,
)
"""A tenth of the work."""


def dose_cell(task: Task, *, effort: DoseEffort, seed: int, tick: Callable[[str], object]) -> dict[str, Any]:
    """Compare shared dose, learned views and both with equidistant views of even load, at one flux.

    Args:
        task: The task at its budget and flux.
        effort: How much work to do.
        seed: Seed of the noise and of the lesions' places.
        tick: Called with the name of each step.

    Returns:
        Gains in PSNR outside metal through the backbone, those expected by the linear model, and the arms; plain JSON.
    """
    net, A, cohort = backbone_for(task), Projector(task.scan, task.grid), task.cohort
    train = cohort.images(cohort.split("train")[: effort.train])
    test = cohort.images(cohort.split("test")[: effort.test])
    problem = Problem(A, task.acquisition, task.budget, train, importance=without_metal(train), net=net)
    rows = equidistant_sets(problem.candidates, task.budget)
    rows = rows[:: -(-len(rows) // effort.offsets)]
    outside = without_metal(test)
    tick("views")
    warped = effort.warped.choose(problem, seed=seed).views
    trials = [
        measure_trial(test, A, task.acquisition, net=net, seed=1_000_003 * seed + 10 + i, importance=outside)
        for i in range(effort.noise)
    ]
    tick("offsets")
    first = [trials[0].psnr(row) for row in rows]
    even = rows[int(np.argmax([float(p.mean()) for p in first]))]
    tick("law")
    exponent = effort.law.exponent(problem, (even,), seed=seed)
    tick("linear model")
    model = linear_model(problem)
    arms = {
        "views": Choice(warped),
        "law": effort.law.loaded(effort.law.lines(problem), exponent, even),
        "both": Joint(effort.warped, effort.law).under(problem, exponent, seed=seed),
        "linear share": Choice(even, share_load(model, even)),
        "linear both": Designed(share=True).choose(problem),
    }
    errors = {n: model.expected_error(c.views, torch.tensor(c.loads).double()) for n, c in arms.items()}
    best = min(float(model.expected_error(row)) for row in rows)
    tick("test")
    base = mean_psnr(trials, Choice(even))
    baseline = f"equidistant with even loads, the best of {len(rows)} offsets on the test patients"
    gains = {
        name: asdict(paired_gain(mean_psnr(trials, c).tolist(), base.tolist(), baseline=baseline))
        for name, c in arms.items()
    }
    starved = replace(task.acquisition, photons=float(task.acquisition.photons) / LESS)  # type: ignore[arg-type]
    poorer = measure_trial(test, A, starved, net=net, seed=1_000_003 * seed + 10, importance=outside).psnr(even)
    return {
        "task": task.name,
        "budget": task.budget,
        "photons": task.acquisition.photons,
        "seed": seed,
        "less_gain": asdict(paired_gain(poorer.tolist(), base.tolist(), baseline=baseline)),
        "psnr_db": base.tolist(),
        "gain": gains,
        "expected_gain_db": {n: 10 * np.log10(best / float(error)) for n, error in errors.items()},
        "arms": {
            name: {"views": list(c.views), "loads": list(c.loads)} for name, c in {EVEN: Choice(even), **arms}.items()
        },
    }


def lesion_figures(task: Task, cell: dict[str, Any], *, effort: DoseEffort, seed: int) -> dict[str, Any]:
    """Return the d' of discs in soft tissue for the arms of a cell, read by an observer that is fitted for each.

    Args:
        task: The task at its budget and flux.
        cell: What `dose_cell` returned.
        effort: How much work to do.
        seed: Seed of the noise and of the places.

    Returns:
        Of each arm d' and its gain over the baseline, also of the baseline's views with the exponent that gives the
        training patients' lesions the largest d'.
    """
    A, cohort = Projector(task.scan, task.grid), task.cohort
    problem = Problem(
        A, task.acquisition, task.budget, cohort.images(cohort.split("train")[: effort.readers]), net=backbone_for(task)
    )
    test = cohort.images(cohort.split("test")[: effort.test])
    arms = {n: Choice(*(tuple(cell["arms"][n][k]) for k in ("views", "loads"))) for n in (EVEN, "law", "both")}
    fitted = put_lesions(problem.images, count=effort.lesions, contrast_hu=effort.contrast_hu, seed=seed)
    unseen = put_lesions(test, count=effort.lesions, contrast_hu=effort.contrast_hu, seed=seed + 1)
    lines = mean_lines(problem.A, problem.images[: effort.law.patients])
    even = arms[EVEN].views
    laws = {e: Choice(even, law_loads(lines[list(even)], e)) for e in effort.exponents}
    trained = {e: cross_read(fitted, *_scans(problem, fitted, choice, seed)) for e, choice in laws.items()}
    best = max(trained, key=lambda e: detectability(trained[e]))

    def read(choice: Choice) -> Float[Tensor, "2 patient lesion"]:
        observer = fit_observer(fitted, *_scans(problem, fitted, choice, seed))
        return unseen.decisions(observer, *_scans(problem, unseen, choice, seed + 100))

    decisions = {name: read(choice) for name, choice in {**arms, FOR_LESIONS: laws[best]}.items()}
    found: dict[str, Any] = {"exponent": best}
    for name, values in decisions.items():
        gain, low, high = detectability_gain(values, decisions[EVEN])
        found[name] = {"d": detectability(values), "gain": gain, "low": low, "high": high}
    return found


def as_markdown(cells: list[dict[str, Any]]) -> str:
    """Return two tables of finished cells: image error, and the lesions' d'."""
    names = list(ARMS)
    lines = [
        f"| task | views | photons | equidistant, dB | {' | '.join(ARMS.values())} | a {LESS}th of the dose, even |"
    ]
    lines.append("|---|---:|---:|---:|" + "---:|" * (len(names) + 1))
    for cell in cells:
        level = sum(cell["psnr_db"]) / len(cell["psnr_db"])
        gains = [
            f"{_bold(*(cell['gain'][n][k] for k in ('mean_db', 'low_db', 'high_db')))}, "
            f"model {cell['expected_gain_db'][n]:+.2f}"
            for n in names
        ]
        gains.append(_bold(*(cell["less_gain"][k] for k in ("mean_db", "low_db", "high_db"))))
        lines.append(_head(cell) + f"| {level:.2f} | {' | '.join(gains)} |")
    seen_cells = [cell for cell in cells if "lesions" in cell]
    if not seen_cells:
        return "\n".join(lines) + "\n"
    read = ["law", "both", FOR_LESIONS]
    titles = [ARMS.get(n, f"equidistant, {n}") for n in read]
    lines += ["", f"| task | views | photons | d' even | {' | '.join(titles)} | exponent for d' |"]
    lines.append("|---|---:|---:|---:|" + "---:|" * (len(read) + 1))
    for cell in seen_cells:
        seen = cell["lesions"]
        gains = [_bold(*(seen[n][k] for k in ("gain", "low", "high"))) for n in read]
        lines.append(_head(cell) + f"| {seen[EVEN]['d']:.2f} | {' | '.join(gains)} | {seen['exponent']:g} |")
    return "\n".join(lines) + "\n"


def _head(cell: dict[str, Any]) -> str:
    return f"| {cell['task']} | {cell['budget']} | {cell['photons']:.0e} "


def _bold(mean: float, low: float, high: float) -> str:
    text = f"{mean:+.2f} ({low:+.2f} to {high:+.2f})"
    return f"**{text}**" if low > 0 else text


def _scans(problem: Problem, lesions: Lesions, choice: Choice, seed: int) -> tuple[Tensor, Tensor]:
    """Return reconstructions with and without lesions, of independent noise."""
    net = problem.require_net("lesions")
    with_them, without = (
        scanned_at(choice, images, problem.A, problem.acquisition, net=net, seed=1_000_003 * seed + at)
        for at, images in ((50, lesions.present), (51, lesions.absent))
    )
    return with_them, without
