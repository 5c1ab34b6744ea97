"""How well heads and observers read what a schedule of views gives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from svct.bench.diagnosis_cells import Scanned
from svct.bench.diagnosis_readers import OBSERVERS, make_reader
from svct.bench.diagnosis_task import DetectionTask, draw_cases, truth_of
from svct.errors import InputError, unknown_name
from svct.tasks.case import Case
from svct.tasks.heads.base import head_names, make_head
from svct.tasks.heads.classifier import SPECIFICITIES
from svct.tasks.heads.controls import shuffled
from svct.tasks.heads.detector import Detection
from svct.tasks.heads.roc import auc, sensitivity_at
from svct.tasks.heads.scores import Figure, Scores, Values, draw_patients, figure

Images = Float[Tensor, "case y x"]


@dataclass(frozen=True, eq=False)
class Reading:
    """How a head or observer read the test cases.

    Args:
        scores: All its figures.
        ceiling: Its main figure where it is fitted on true images and reads such.
        floor: Its main figure where each case is read from another's image.
        decisions: How sure it is that the finding is there, ``(case,)``; None where it says nothing of that.
    """

    scores: Scores
    ceiling: Figure
    floor: Figure
    decisions: Values | None


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What was read, and by whom.

    Args:
        cases: The test cases.
        images: Their reconstructions, 1/mm.
        readings: By name.
        about: PSNR and setting of the reconstruction.
    """

    cases: list[Case]
    images: Images
    readings: Mapping[str, Reading]
    about: Mapping[str, Any]


def evaluate_views(
    detection: DetectionTask,
    views: Sequence[int],
    *,
    heads: Sequence[str],
    method: str,
    net: nn.Module | None,
    photons: float | tuple[float, ...] | None = None,
    fit_on: str = "same",
    train: int = 100,
    test: int = 60,
    iterations: int = 60,
    each: Callable[[], object] = lambda: None,
    say: Callable[[str], object] = lambda what: None,
) -> Evaluation:
    """Fit readers to cases of the train split and let them read those of the test split.

    Args:
        detection: Finding and scanner.
        views: Indices of the views that the test cases are scanned from.
        heads: Names of model observers and heads.
        method: ``"fbp"``, ``"tv"``, or the name of a network.
        net: The network.
        photons: Per ray; one number, or one per view. Default: the task's.
        fit_on: ``"same"`` views and flux as the test cases, or ``"full"``: all views at the task's flux.
        train: Cases to fit to.
        test: Cases to read.
        iterations: Of TV.
        each: Called after each case that is drawn and each head that has read.
        say: Called with what is being done.

    Raises:
        UnknownNameError: No such head, method, or kind of fit.
        InputError: Too few cases, or views that the task does not have.
    """
    if fit_on not in ("same", "full"):
        raise unknown_name("fit", fit_on, ["same", "full"])
    readers = {name: _reader(name, seed=detection.seed) for name in heads}
    candidates = len(detection.task.scan)
    if not views or not all(0 <= view < candidates for view in views):
        raise InputError(f"views: expected indices from 0 to {candidates - 1}, got {list(views)}")
    flux = detection.task.acquisition.photons if photons is None else photons
    say("drawing cases")
    groups = {
        split: draw_cases(detection, split, count, each=each) for split, count in (("train", train), ("test", test))
    }
    tuning = truth_of(draw_cases(detection, "validation", 2))
    full = (range(candidates), detection.task.acquisition.photons)
    images: dict[str, Images] = {}
    about: Mapping[str, Any] = {}
    for split, cases in groups.items():
        say(f"reconstructing, {split}")
        taken, rays = full if split == "train" and fit_on == "full" else (views, flux)
        # Train and test cases get noise of their own.
        noise = replace(detection, seed=detection.seed + (1000 if split == "train" else 0))
        scanned = Scanned(noise, cases, tuning, np.zeros(len(cases), np.int64))
        images[split], about = scanned.reconstruct(method, net, views=taken, photons=rays, iterations=iterations)
    readings = {}
    for name, reader in readers.items():
        say(f"fitting {name}")
        readings[name] = reader(groups, images)
        each()
    return Evaluation(groups["test"], images["test"], readings, about)


Groups = Mapping[str, list[Case]]


def _reader(name: str, *, seed: int) -> Callable[[Groups, Mapping[str, Images]], Reading]:
    if name in OBSERVERS:
        return lambda cases, images: _observe(name, cases, images)
    if name not in head_names():
        raise unknown_name("head or observer", name, [*OBSERVERS, *head_names()])
    return lambda cases, images: _read(name, cases, images, seed)


def _observe(name: str, cases: Groups, images: Mapping[str, Images]) -> Reading:
    def decide(train: Images, test: Images) -> Values:
        return make_reader(name).fit(train, cases["train"]).decide(test, cases["test"])

    present = np.array([case.present for case in cases["test"]])
    times = draw_patients(np.arange(len(present)))
    decisions = decide(images["train"], images["test"])
    statistics = {"auc": auc(decisions, present)}
    statistics |= {f"sensitivity_at_{s:g}": sensitivity_at(decisions, present, specificity=s) for s in SPECIFICITIES}
    figures = {key: figure(statistic, times) for key, statistic in statistics.items()}
    ends = [
        figure(auc(decide(*pair), present), times)
        for pair in (
            (truth_of(cases["train"]), truth_of(cases["test"])),
            (images["train"], shuffled(images["test"])),
        )
    ]
    return Reading(Scores(name, "auc", figures, len(present), len(present)), ends[0], ends[1], decisions)


def _read(name: str, cases: Groups, images: Mapping[str, Images], seed: int) -> Reading:
    head = make_head(name).fit(images["train"], cases["train"], seed=seed)
    predictions = head.predict(images["test"])
    scores = head.judge(predictions, cases["test"])
    floor = head.score(shuffled(images["test"]), cases["test"])[scores.main]
    best = make_head(name).fit(truth_of(cases["train"]), cases["train"], seed=seed)
    ceiling = best.score(truth_of(cases["test"]), cases["test"])[scores.main]
    return Reading(scores, ceiling, floor, decisions_in(predictions, main=scores.main))


def decisions_in(predictions: Any, *, main: str) -> Values | None:
    """Return how sure a head is that something is there, ``(case,)``: of detections the surest one.

    Args:
        predictions: What it predicted.
        main: Its main figure.

    Returns:
        None where the head neither classifies nor detects.
    """
    if main == "auc":
        return np.asarray(predictions, np.float64)
    if isinstance(predictions, list) and all(isinstance(d, Detection) for found in predictions for d in found):
        return np.array([max((d.confidence for d in found), default=0.0) for found in predictions])
    return None
