"""The referee of views that are learned for a reader: AUC and PSNR on unseen cases, paired over patients."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from svct.bench.diagnosis_auc import RESAMPLES
from svct.bench.diagnosis_readers import OBSERVERS, make_reader
from svct.bench.diagnosis_task import DetectionTask, truth_of
from svct.bench.learn_heads import Cohorts, HeadFound
from svct.bench.readings import LINEAR, OBSERVER, HeadReading, ImageError, ObserverReading
from svct.geometry.projector import Projector
from svct.recon.unrolled import UnrolledNet
from svct.sampling.fixed import ViewSet
from svct.sampling.trial import measure_trial
from svct.tasks.heads.base import make_head
from svct.tasks.heads.roc import auc
from svct.tasks.heads.scores import Figure, Scores, Statistic, Values, difference, draw_patients, figure, mean_of

NOISE_SEEDS = 2
"""Noise realisations of the test cases that every figure is averaged over."""

ARMS = ("reader", "image", "equidistant")
"""Views learned for the reader, learned for the image error, and equidistant ones."""

PAIRS = (("reader", "equidistant"), ("reader", "image"), ("image", "equidistant"))


@dataclass(frozen=True, eq=False)
class HeadVerdict:
    """What each arm is worth on the test cases.

    Args:
        scores: By arm: ``auc`` of the reader fitted on images of that arm, ``auc_frozen`` of the one fitted on
            equidistant views, and ``psnr_db``.
        differences: By pair of arms and figure, the paired difference.
        reader: Who read.
    """

    scores: Mapping[str, Scores]
    differences: Mapping[tuple[str, str], Mapping[str, Figure]]
    reader: str

    @property
    def wins(self) -> bool:
        """Whether the reader's views read better than equidistant ones, their interval above zero."""
        return self.differences["reader", "equidistant"]["auc"].low > 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "read_by": self.reader,
            "noise_seeds": NOISE_SEEDS,
            "arms": {name: scores.to_dict() for name, scores in self.scores.items()},
            "differences": {
                f"{first} - {second}": {
                    name: {"value": f.value, "low": f.low, "high": f.high} for name, f in found.items()
                }
                for (first, second), found in self.differences.items()
            },
        }


def judge_for_heads(
    detection: DetectionTask,
    cohorts: Cohorts,
    found: HeadFound,
    *,
    net: UnrolledNet,
    driver: str,
    seed: int,
    tick: Callable[[int], object],
) -> HeadVerdict:
    """Let a reader read the test cases in the images of each arm.

    Args:
        detection: Finding and scanner.
        cohorts: Its cases; readers are fitted on those for training and read those for the test.
        found: The views.
        net: The frozen backbone.
        driver: What drove the search. It reads itself where it gives one decision per image, else `cho` does.
        seed: Seed that those of the noise derive from.
        tick: Called with the work done, in reconstructed images.
    """
    reader = reader_of(driver)
    arms: dict[str, ViewSet] = {"reader": found.learned, "image": found.image, "equidistant": found.equidistant}
    scores = {
        name: _score(views, detection, cohorts, found.reading, net, reader, seed, tick) for name, views in arms.items()
    }
    differences = {
        (a, b): {name: difference(scores[a], scores[b], name) for name in scores[a].figures} for a, b in PAIRS
    }
    return HeadVerdict(scores, differences, reader)


def judge_work(cohorts_test: int, cohorts_train: int) -> int:
    """Return how often `judge_for_heads` ticks, in reconstructed images."""
    return len(ARMS) * (cohorts_train + NOISE_SEEDS * cohorts_test)


def reader_of(driver: str) -> str:
    """Return who reads the images of views that this driver chose."""
    if driver in OBSERVERS or driver == LINEAR or make_head(driver).main != "auc":
        return OBSERVER
    return driver


def _score(
    views: ViewSet,
    detection: DetectionTask,
    cohorts: Cohorts,
    frozen: HeadReading | ObserverReading,
    net: UnrolledNet,
    name: str,
    seed: int,
    tick: Callable[[int], object],
) -> Scores:
    A = Projector(detection.task.scan, detection.task.grid)

    def scanned(which: str, noise: int) -> tuple[Tensor, Tensor]:
        cases = getattr(cohorts, which)
        trial = measure_trial(truth_of(cases), A, detection.task.acquisition, net=net, seed=1_000_003 * seed + noise)
        images = trial.images(views)
        tick(len(images))
        return images, ImageError().worth(images, trial.truth)

    reader = make_reader(name, seed=seed).fit(scanned("train", 3)[0], cohorts.train)
    present = np.array([case.present for case in cohorts.test])
    anew, before, psnr = [], [], []
    for i in range(NOISE_SEEDS):
        images, worth = scanned("test", 10 + i)
        psnr.append(worth)
        anew.append(auc(reader.decide(images, cohorts.test), present))
        if isinstance(frozen, ObserverReading):
            before.append(auc(frozen.reader.decide(images, cohorts.test), present))
        elif frozen.head.main == "auc":
            before.append(auc(np.asarray(frozen.head.predict(images), np.float64), present))
    statistics = {"auc": _mean(anew), "psnr_db": mean_of(torch.stack(psnr).mean(dim=0).numpy())}
    statistics |= {"auc_frozen": _mean(before)} if before else {}
    times = draw_patients(np.arange(len(present)), resamples=RESAMPLES)
    figures = {key: figure(statistic, times) for key, statistic in statistics.items()}
    return Scores(name, "auc", figures, len(present), len(present))


def _mean(statistics: list[Statistic]) -> Statistic:
    def statistic(times: Values) -> Values:
        found: Values = np.mean([one(times) for one in statistics], axis=0)
        return found

    return statistic
