"""Views that are learned for who reads the images: a head's loss, an observer's d', or either with the image error."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float
from torch import Tensor

from svct.bench.diagnosis_task import DetectionTask, draw_cases, truth_of
from svct.bench.learn import Stage
from svct.bench.readings import LINEAR, HeadReading, ImageError, MixedReading, ObserverReading, fit_reading, reading_of
from svct.errors import InputError
from svct.geometry.projector import Projector
from svct.recon.unrolled import UnrolledNet
from svct.sampling.fixed import ViewSet, equidistant_sets
from svct.sampling.gumbel import learn_logits
from svct.sampling.linear import coarsening, pooled
from svct.sampling.samplers.base import Problem
from svct.sampling.samplers.designed import Designed
from svct.sampling.swap import swap_search
from svct.sampling.trial import Reading, Trial, measure_trial
from svct.tasks.case import Case
from svct.units import MU_WATER

OFFSETS = 4
"""Offsets of the equidistant views that readers are fitted on, each with some of the patients."""

COARSE = 32
"""Pixels along the longer side of the linear model's grid."""

SIGNALS = 24
"""Findings that the linear model is to detect at most."""


@dataclass(frozen=True)
class HeadEffort:
    """How much work a search does.

    Args:
        train: Cases that readers, design and logits learn from.
        validation: Cases for every choice.
        test: Cases for the reported figures.
        offsets: Equidistant offsets to choose from at most, evenly taken.
        gumbel_steps: Optimiser steps of the logits.
        batch: Cases of each step.
        swaps: Moves that the one-swap search tries.
    """

    train: int = 120
    validation: int = 48
    test: int = 120
    offsets: int = 6
    gumbel_steps: int = 20
    batch: int = 8
    swaps: int = 60


QUICK = HeadEffort(train=20, validation=12, test=16, offsets=2, gumbel_steps=2, batch=4, swaps=4)
"""For a look at the whole path."""


@dataclass(frozen=True, eq=False)
class Cohorts:
    """The cases of each use, no patient in two of them."""

    train: list[Case] = field(repr=False)
    validation: list[Case] = field(repr=False)
    test: list[Case] = field(repr=False)


@dataclass(frozen=True, eq=False)
class HeadFound:
    """What searches came up with.

    Args:
        learned: The views learned for the reader.
        image: Those learned for the image error, with the same work.
        equidistant: The equidistant views of the offset that serves the reader best on the validation cases.
        reading: The reader, fitted on equidistant views of the training cases.
    """

    learned: ViewSet
    image: ViewSet
    equidistant: ViewSet
    reading: HeadReading | ObserverReading


def draw_cohorts(detection: DetectionTask, effort: HeadEffort, *, each: Callable[[], object]) -> Cohorts:
    """Draw the cases of a study, each of a patient of its own."""
    return Cohorts(*(draw_cases(detection, s, getattr(effort, s), each=each) for s in ("train", "validation", "test")))


def learn_for_heads(
    detection: DetectionTask,
    cohorts: Cohorts,
    *,
    net: UnrolledNet,
    driver: str,
    image_share: float = 0.0,
    effort: HeadEffort,
    seed: int,
    stage: Stage,
    tick: Callable[[int], object],
) -> HeadFound:
    """Fit a reader to reconstructions from equidistant views, then search the views that serve it best.

    Args:
        detection: Finding, scanner and budget.
        cohorts: Its cases; those for the test are not looked at.
        net: The frozen backbone.
        driver: ``"cho"``: the d' of the channelised Hotelling observer; ``"linear"``: detectability in the
            linear-Gaussian model; or the name of a head with a differentiable loss.
        image_share: Part of the image error in what the search goes by, 0 to 1.
        effort: How much work to do.
        seed: Seed of the search and of the noise in it.
        stage: Wraps each stage, so that an interrupted search can go on.
        tick: Called with the work done, in reconstructed images.

    Raises:
        UnknownNameError: No such driver.
        InputError: Too few cases, a share outside 0 to 1, or one with the linear model, which has no images.

    Notes:
        Both searches go the same way: a design in the linear-Gaussian model (for the reader the detectability of the
        training cases' findings, for the image the A-optimal one), Gumbel top-K from there by the gradient of the loss
        through backbone and reader, and swaps from the best of these and the equidistant offsets. With ``"linear"``
        the design is the answer.
    """
    check_share(driver, image_share)
    A, physics, budget = (
        Projector(detection.task.scan, detection.task.grid),
        detection.task.acquisition,
        detection.task.budget,
    )
    rows = _spread_out(equidistant_sets(len(detection.task.scan), budget), effort.offsets)
    train, validation = (
        measure_trial(truth_of(cases), A, physics, net=net, seed=1_000_003 * seed + i)
        for i, cases in ((1, cohorts.train), (2, cohorts.validation))
    )
    reading = fit_reading(driver, seen_evenly(train, rows[:OFFSETS]), cohorts.train, seed=seed)
    tick(len(cohorts.train))
    goals = [
        _mixed(reading_of(reading, c), validation, cohorts.validation, reading, rows[0], image_share)
        for c in (cohorts.train, cohorts.validation)
    ]
    problem = Problem(A, physics, budget, train.truth, net=net)

    def search(name: str, design: Callable[[], ViewSet], goals: Sequence[Reading]) -> tuple[ViewSet, ViewSet]:
        learner, judge = (replace(t, reading=g) for t, g in zip((train, validation), goals, strict=True))

        def best_of(sets: Sequence[ViewSet]) -> ViewSet:
            return max(sets, key=lambda views: _ticked(judge.worth(views), tick).mean().item())

        designed = stage(f"{name} design", design)
        equidistant = stage(f"{name} equidistant", lambda: best_of(rows))
        if name == LINEAR:
            return designed, equidistant
        gumbel = stage(
            f"{name} gumbel",
            lambda: learn_logits(
                learner, designed, steps=effort.gumbel_steps, batch=effort.batch, seed=seed, each=lambda n: tick(4 * n)
            ),
        )
        start = stage(f"{name} start", lambda: best_of([equidistant, gumbel, designed]))
        swap = stage(f"{name} swap", lambda: swap_search(judge, start, evaluations=effort.swaps, seed=seed, each=tick))
        return swap, equidistant

    def detectable() -> ViewSet:
        return Designed("d", signals=signals_of(cohorts.train, A), coarse=COARSE).choose(problem).views

    learned, equidistant = search(LINEAR if driver == LINEAR else "reader", detectable, goals)
    image, _ = search("image", lambda: Designed(coarse=COARSE).choose(problem).views, [ImageError()] * 2)
    return HeadFound(learned, image, equidistant, reading)


def check_share(driver: str, image_share: float) -> None:
    """Refuse a part of the image error that the driver cannot have.

    Raises:
        InputError: A share outside 0 to 1, or one with the linear model, which has no images.
    """
    if not 0 <= image_share <= 1 or (driver == LINEAR and image_share):
        raise InputError(f"image share: expected 0 to 1, and 0 for 'linear', got {image_share} for {driver!r}")


def search_work(effort: HeadEffort, driver: str) -> int:
    """Return how often `learn_for_heads` ticks, in reconstructed images."""
    full = effort.validation * (effort.offsets + 3 + effort.swaps) + 4 * effort.batch * effort.gumbel_steps
    return effort.train + full + (effort.validation * effort.offsets if driver == LINEAR else full)


def seen_evenly(trial: Trial, rows: Sequence[ViewSet]) -> Float[Tensor, "case y x"]:
    """Return a reconstruction of every patient, each from one of some view sets, in turn."""
    images = torch.empty_like(trial.truth)
    for i, views in enumerate(rows):
        images[i :: len(rows)] = replace(trial, truth=trial.truth[i :: len(rows)], y=trial.y[i :: len(rows)]).images(
            views
        )
    return images


def signals_of(cases: Sequence[Case], A: Projector) -> Float[Tensor, "signal y x"]:
    """Return what the findings add to the image, 1/mm, on the linear model's grid.

    Args:
        cases: The first `SIGNALS` of those with the finding are taken.
        A: The projector of all candidates.

    Raises:
        InputError: None of them has the finding.
    """
    found = [c.coverage * c.findings[0].contrast_hu for c in cases if c.present][:SIGNALS]
    if not found:
        raise InputError("signals: expected cases with the finding, got none; take more cases")
    signals = torch.stack([torch.from_numpy(s) for s in found]).float() * (MU_WATER / 1000)
    return pooled(signals, coarsening(A, COARSE))


def _mixed(
    wanted: Reading,
    validation: Trial,
    cases: Sequence[Case],
    reading: HeadReading | ObserverReading,
    views: ViewSet,
    share: float,
) -> Reading:
    if not share:
        return wanted
    images = validation.images(views)
    spreads = [float(r.worth(images, validation.truth).std()) for r in (reading_of(reading, cases), ImageError())]
    return MixedReading(wanted, share, *spreads)


def _spread_out(sets: list[ViewSet], most: int) -> list[ViewSet]:
    return sets[:: -(-len(sets) // most)]


def _ticked(values: Tensor, tick: Callable[[int], object]) -> Tensor:
    tick(len(values))
    return values
