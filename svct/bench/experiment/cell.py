"""Measuring one cell: scan, reconstruct, judge the images, let readers read them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from svct.bench.backbone import scanned_for
from svct.bench.cost import peak_mib
from svct.bench.diagnosis_task import truth_of
from svct.bench.experiment.node import CellNode
from svct.bench.experiment.outcome import Measured, Outcome
from svct.bench.experiment.probes import PROBES
from svct.bench.experiment.quality import METRICS
from svct.bench.experiment.reading import read
from svct.bench.recon_methods import FIRST_GUESS, STRENGTHS, reconstruct, tune_tv
from svct.geometry.projector import Projector
from svct.physics.acquisition import Acquisition
from svct.recon.networks import load_backbone
from svct.recon.reconstructor import find_reconstructor
from svct.recon.unrolled import UnrolledNet
from svct.sampling.samplers.base import Choice
from svct.tasks.case import Case
from svct.tasks.cases import CaseCohort
from svct.tasks.cohort import SPLITS, Cohort
from svct.tasks.difficulty import Difficulty

TUNING = 2
"""Validation patients that the strength of TV is chosen on."""

Images = Float[Tensor, "patient y x"]
Result = TypeVar("Result")


def measure(node: CellNode, choice: Choice) -> Outcome:
    """Measure a cell.

    Args:
        node: What is asked.
        choice: Its views.
    """
    clock, task, seed = Clock(), node.task, node.views.seed
    A = Projector(task.scan, task.grid)[list(choice.views)]
    scanner = _Scanner(node, choice, A, flux_of(task.acquisition, choice))
    cohort = task.cohort
    with torch.inference_mode():
        test = clock("drawing", lambda: drawn(cohort, node.finding, node.difficulty, "test", node.patients))
        strength = clock("tuning", scanner.strength)
        y = clock("scanning", lambda: scanner.scan(test.truth, noise=20))
        probes = {name: PROBES[name] for name in node.metrics if name in PROBES}
        data = [y, *(one.data(y, lambda: scanner.scan(test.truth, noise=23), A) for one in probes.values())]
        # At once, so that FBP gets one filter for them all.
        made = clock("reconstructing", lambda: scanner.images(torch.cat(data), test.truth, strength))
        images, *further = torch.split(made, len(y))
    figures = [
        Measured(name, METRICS[name].measure(x, truth), METRICS[name].unit, patient)
        for patient, x, truth in zip(test.patients, images, test.truth, strict=True)
        for name in node.metrics
        if name in METRICS
    ]
    for probe, others in zip(probes.values(), further, strict=True):
        for patient, x, second, truth in zip(test.patients, images, others, test.truth, strict=True):
            figures += [Measured(*one, patient) for one in probe.figures(x, second, truth, task.grid)]
    if node.finding is not None and node.readers:
        train = drawn(cohort, node.finding, node.difficulty, "train", node.training)
        with torch.inference_mode():
            y = scanner.scan(train.truth, noise=21)
            seen = clock("training images", lambda: scanner.images(y, train.truth, strength))
        for name in node.readers:
            figures += clock(name, partial(_read, name, seen, train.cases, images, test.cases, seed))
    kept = min(node.pictures, len(images))
    return Outcome(
        key=node.key,
        choice=choice,
        angles_deg=angles_of(node.task.scan.angles, choice),
        figures=tuple(figures),
        images={
            "patients": np.array(test.patients[:kept]),
            "truth": test.truth[:kept].numpy(),
            "image": images[:kept].numpy(),
            "pixel_mm": np.array(task.grid.voxel_mm),
        },
        seconds=clock.seconds,
        growth_mib=clock.growth_mib,
    )


def _read(
    name: str,
    seen: Float[Tensor, "other y x"],
    fitted_on: Sequence[Case],
    images: Images,
    cases: Sequence[Case],
    seed: int,
) -> list[Measured]:
    return list(read(name, seen, fitted_on, images, cases, seed=seed))


def angles_of(angles: Sequence[float] | Any, choice: Choice) -> tuple[float, ...]:
    """Return the angles of chosen views, degrees."""
    return tuple(round(float(np.rad2deg(angles[view])), 9) for view in choice.views)


def flux_of(acquisition: Acquisition, choice: Choice) -> Acquisition:
    """Return the acquisition of chosen views, each with its share of the dose."""
    flux = torch.as_tensor(acquisition.photons, dtype=torch.float64)
    flux = flux[list(choice.views)] if flux.ndim else flux
    return replace(acquisition, photons=tuple((flux * torch.tensor(choice.loads, dtype=torch.float64)).tolist()))


class Clock:
    """Adds up the time of each stage, and by how much it raised the peak of memory."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.growth_mib: dict[str, float] = {}

    def __call__(self, stage: str, work: Callable[[], Result]) -> Result:
        """Do the work of a stage."""
        begin, peak = perf_counter(), peak_mib()
        result = work()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + perf_counter() - begin
        self.growth_mib[stage] = self.growth_mib.get(stage, 0.0) + max(0.0, peak_mib() - peak)
        return result


@dataclass(frozen=True, eq=False)
class Drawn:
    """Patients of a split.

    Args:
        patients: Their numbers.
        truth: True images, 1/mm.
        cases: Their cases, where a finding is looked for.
    """

    patients: tuple[int, ...]
    truth: Images
    cases: tuple[Case, ...]


@lru_cache(maxsize=6)
def drawn(cohort: Cohort, finding: str | None, difficulty: Difficulty, split: str, count: int) -> Drawn:
    """Draw the first patients of a split, half of them with the finding where there is one."""
    grown = replace(cohort, size=max(cohort.size, 10 * -(-count // len(SPLITS[split]))))
    chosen = grown.split(split)[:count]
    if finding is None:
        return Drawn(chosen, grown.images(chosen), ())
    cases = CaseCohort(
        grown.anatomy, finding=finding, grid=grown.grid, seed=grown.seed, size=grown.size, difficulty=difficulty
    )
    found = tuple(cases.case(index) for index in chosen)
    return Drawn(chosen, truth_of(found), found)


@dataclass(frozen=True, eq=False)
class _Scanner:
    """Scans and reconstructs patients with the views of a cell."""

    node: CellNode
    choice: Choice
    A: Projector
    physics: Acquisition

    def scan(self, truth: Images, *, noise: int) -> Float[Tensor, "patient view col"]:
        """Return log data; each use of patients has noise of its own."""
        seed = 1_000_003 * self.node.views.seed + noise
        return scanned_for(self.node.task, self.physics, self.A, truth, seed=seed)

    def strength(self) -> float:
        """Return TV's best strength on other patients, mm; 0 where nothing is sought."""
        if self.node.method != "tv" or self.node.settings:
            return 0.0
        cohort = self.node.task.cohort
        truth = cohort.images(cohort.split("validation")[:TUNING])
        y = self.scan(truth, noise=22)
        return STRENGTHS[tune_tv(y, self.A, truth, iterations=self.node.iterations, start=FIRST_GUESS - 1)]

    def images(self, y: Float[Tensor, "scan view col"], truth: Images, strength: float) -> Float[Tensor, "scan y x"]:
        """Reconstruct; FBP takes the better filter for these patients, whose scans come first, in its favour."""
        node = self.node
        if node.settings:
            return torch.cat(
                [
                    find_reconstructor(node.method).reconstruct(
                        part, self.A, settings=node.settings, each=_ignore, say=_ignore
                    )
                    for part in torch.split(y, 8)
                ]
            )
        net = _Loaded(load_backbone(), self.choice.loads) if node.method == "unrolled" else None
        return reconstruct(
            node.method, net, y, self.A, truth=truth, strength=strength, iterations=node.iterations
        ).images


class _Loaded(nn.Module):
    """The backbone told how the dose is shared."""

    def __init__(self, net: UnrolledNet, loads: Sequence[float]) -> None:
        super().__init__()
        self.net, self.loads = net, None if len(set(loads)) == 1 else torch.tensor(loads, dtype=torch.float32)

    def forward(self, y: Float[Tensor, "patient view col"], A: Projector) -> Images:
        """Reconstruct."""
        x: Tensor = self.net(y, A, view_loads=self.loads)
        return x


def _ignore(progress: object) -> None:
    """Tell nobody."""
