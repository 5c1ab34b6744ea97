"""Diagnostic accuracy against number of views and dose: observers read the reconstructions of cases with findings."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from svct.bench.diagnosis_auc import Fewest, area, fewest, folds_of
from svct.bench.diagnosis_cells import CEILING, FLOOR, Cell, Scanned, path_of, read_cell, settings_of
from svct.bench.diagnosis_readers import Reader, cross_fit, make_reader
from svct.bench.diagnosis_task import FINDINGS, DetectionTask, detection_task, draw_cases, truth_of
from svct.bench.recon_methods import CLASSIC, cost
from svct.errors import InputError, unknown_name
from svct.geometry.projector import Projector
from svct.sampling.fixed import ViewSet, equidistant_sets
from svct.tasks.heads.scores import Figure

WAYS = ("frozen", "refitted")
"""How an observer is fitted: on all views at the task's flux, or on the images that it reads."""

LEARNED = ", learned"
"""Follows the name of a method that reconstructs from learned views."""

TUNING = 2
"""Patients that the strength of TV is chosen on."""

EXTRA = 25
"""About how many images' worth of time the choice of TV's strength takes."""

DRAWING_S = 0.25
"""About how long it takes to draw a case, seconds."""


@dataclass(frozen=True)
class Study:
    """What is measured.

    Args:
        findings: Names.
        methods: ``fbp``, ``tv``, and those of networks.
        views: Numbers of views at the task's own flux; all views are always measured.
        photons: Photons per ray at all views.
        equal_dose: Whether fewer views share the dose of all, each with more photons.
        readers: See `svct.bench.diagnosis_readers.make_reader`.
        cases: Of each finding, each of a patient of his own.
        folds: An observer reads a fold after it was fitted on the others.
        iterations: Of TV.
        pixels: Along an edge of the image. Default: the task's.
        seed: Seed of patients, noise and fits.
        learned: By finding, views that are measured beside equidistant ones of their number, at the same flux.
    """

    findings: tuple[str, ...] = FINDINGS
    methods: tuple[str, ...] = (*CLASSIC, "unrolled")
    views: tuple[int, ...] = (8, 12, 16, 24, 36, 60, 120, 360)
    photons: tuple[float, ...] = (1e3, 5e3, 2e4)
    equal_dose: bool = False
    readers: tuple[str, ...] = ("cho",)
    cases: int = 100
    folds: int = 5
    iterations: int = 60
    pixels: int | None = None
    seed: int = 0
    learned: Mapping[str, tuple[ViewSet, ...]] = field(default_factory=dict)

    @cached_property
    def detections(self) -> tuple[DetectionTask, ...]:
        """The detection task of each finding."""
        return tuple(detection_task(name, pixels=self.pixels, seed=self.seed) for name in self.findings)

    def conditions(self, detection: DetectionTask) -> list[tuple[int, float]]:
        """Return views and flux of every scan, all views at the task's own flux first."""
        full, own = len(detection.task.scan), detection.task.acquisition.photons
        if isinstance(own, tuple):
            raise InputError(f"task {detection.task.name!r}: expected one flux for all views, got one for each")
        found: dict[tuple[int, float], None] = {(full, float(own)): None}
        for views in sorted(self.views, reverse=True):
            found[views, float(own) * full / views if self.equal_dose else float(own)] = None
        found |= {(full, float(photons)): None for photons in sorted(self.photons, reverse=True)}
        return list(found)

    def learned_conditions(self, detection: DetectionTask) -> list[tuple[ViewSet, float]]:
        """Return the learned views of a detection task, each set with its flux; all views are measured before them."""
        full, own = self.conditions(detection)[0]
        sets = self.learned.get(detection.finding, ())
        return [(views, own * full / len(views) if self.equal_dose else own) for views in sets]


@dataclass(frozen=True)
class Row:
    """One point of a curve.

    Args:
        finding: Its name.
        method: Of reconstruction, with `LEARNED` where the views are; ``"truth"`` and ``"shuffled"`` are ceiling and
            floor.
        views: Number of views.
        photons: Per ray.
        reader: Its name.
        way: ``"frozen"`` or ``"refitted"``.
        auc: Area with its interval.
        about: PSNR, setting of the method and the like.
    """

    finding: str
    method: str
    views: int
    photons: float
    reader: str
    way: str
    auc: Figure
    about: Mapping[str, Any]


def by_views(rows: list[Row]) -> list[Row]:
    """Return the points of the curve against views: those with the flux of all views, or with their dose."""
    full = {row.finding: row for row in rows if row.method == CEILING}
    return [
        row
        for row in rows
        if row.photons == (whole := full[row.finding]).photons
        or math.isclose(row.photons * row.views, whole.photons * whole.views)
    ]


def bench_diagnosis(
    study: Study,
    networks: Mapping[str, tuple[nn.Module, str]],
    folder: Path,
    *,
    tick: Callable[[float], object] = lambda seconds: None,
    say: Callable[[str], object] = lambda what: None,
) -> Iterator[Cell]:
    """Measure every cell that is not in the folder yet.

    Args:
        study: What is measured.
        networks: By name, with the SHA-256 of its weights; called ``(y, A)``.
        folder: Holds the finished cells.
        tick: Called with the expected seconds of what is done, see `work`.
        say: Called with what is being done.

    Returns:
        An iterator over all cells, those that were there among them.

    Raises:
        UnknownNameError: No such finding, method or reader.
        InputError: A number of views that a task does not have, or too few cases.
    """
    for method in study.methods:
        if method not in (*CLASSIC, *networks):
            raise unknown_name("method", method, [*CLASSIC, *networks])
    for reader in study.readers:
        make_reader(reader)
    for detection in study.detections:
        most = len(detection.task.scan)
        if not all(1 <= views <= most for views in study.views):
            raise InputError(
                f"views: expected 1 to {most}, the views of task {detection.task.name!r}, got {study.views}"
            )
        if not all(0 <= view < most for views in study.learned.get(detection.finding, ()) for view in views):
            raise InputError(
                f"learned views: expected indices from 0 to {most - 1} for {detection.finding!r}, got others"
            )
    return (cell for d in study.detections for cell in _Measurement(study, d, networks, folder, tick, say).cells())


def work(study: Study, networks: Mapping[str, tuple[nn.Module, str]], folder: Path) -> tuple[float, float]:
    """Return about how many seconds all cells take on one core, and those of them that are finished."""
    total = finished = 0.0
    for detection in study.detections:
        measurement = _Measurement(study, detection, networks, folder, lambda seconds: None, lambda what: None)
        for inputs in measurement.inputs():
            seconds = measurement.cost(inputs)
            total += seconds
            finished += seconds if path_of(folder, inputs).exists() else 0.0
    return total, finished


def rows_of(cells: list[Cell]) -> list[Row]:
    """Return the points of the curves."""
    return [
        Row(
            cell.inputs["detection"]["finding"], cell.inputs["method"] + (LEARNED if "taken" in cell.inputs else ""),
            cell.inputs["views"], cell.inputs["photons"],
            reader, way, area(decisions, cell.present, cell.fold), cell.about,
        )
        for cell in cells
        for (reader, way), decisions in cell.decisions.items()
    ]  # fmt: skip


def fewest_views(rows: list[Row]) -> dict[tuple[str, str, str, str], Fewest]:
    """Return V_eq by finding, method, reader and way, see `svct.bench.diagnosis_auc.fewest`.

    All views are the same whether few were learned or not: learned curves end in those of their method.
    """
    curves: dict[tuple[str, str, str, str], dict[float, Figure]] = {}
    for row in by_views(rows):
        if row.method not in (CEILING, FLOOR):
            curves.setdefault((row.finding, row.method, row.reader, row.way), {})[row.views] = row.auc
    for (finding, method, reader, way), curve in curves.items():
        if method.endswith(LEARNED):
            plain = curves[finding, method.removesuffix(LEARNED), reader, way]
            curve[max(plain)] = plain[max(plain)]
    return {key: fewest(curve) for key, curve in curves.items()}


class _Measurement:
    """All cells of one finding."""

    def __init__(
        self,
        study: Study,
        detection: DetectionTask,
        networks: Mapping[str, tuple[nn.Module, str]],
        folder: Path,
        tick: Callable[[float], object],
        say: Callable[[str], object],
    ) -> None:
        self.study, self.detection, self.networks, self.folder = study, detection, networks, folder
        self.tick, self.say = tick, say
        self._full: dict[str, tuple[Float[Tensor, "case y x"], dict[str, Any]]] = {}
        self._frozen: dict[str, Mapping[str, list[Reader]]] = {}

    def inputs(self) -> Iterator[dict[str, Any]]:
        """Give what each cell depends on, in the order of measurement."""
        conditions = self.study.conditions(self.detection)
        common = {
            "detection": self.detection.to_dict(), "cases": self.study.cases, "folds": self.study.folds,
            "readers": settings_of(self.study.readers),
        }  # fmt: skip
        views, photons = conditions[0]
        yield {**common, "method": CEILING, "views": views, "photons": photons}
        for method in self.study.methods:
            own: dict[str, Any] = {"tv": {"iterations": self.study.iterations, "tuning": TUNING}}.get(method, {})
            if method in self.networks:
                own = {"weights": self.networks[method][1]}
            for views, photons in conditions:
                yield {**common, "method": method, "views": views, "photons": photons, **own}
            for taken, photons in self.study.learned_conditions(self.detection):
                yield {
                    **common, "method": method, "views": len(taken), "taken": list(taken), "photons": photons, **own,
                }  # fmt: skip
            if method == self.study.methods[0]:
                views, photons = conditions[0]
                yield {**common, "method": FLOOR, "of": method, "views": views, "photons": photons, **own}

    def cells(self) -> Iterator[Cell]:
        """Give all cells; those that are missing are measured and written."""
        for inputs in self.inputs():
            cell = read_cell(self.folder, inputs)
            if cell is None:
                self.say(f"{self.detection.finding} {inputs['method']} {inputs['views']}")
                cell = self._measure(inputs)
                cell.write(self.folder)
                self.tick(self.cost(inputs))
            yield cell

    def cost(self, inputs: Mapping[str, Any]) -> float:
        """Return about how many seconds a cell takes on one core."""
        if inputs["method"] == CEILING:
            return self.study.cases * DRAWING_S
        method = inputs.get("of", inputs["method"])
        scan, grid = self.detection.task.scan, self.detection.task.grid
        A = Projector(scan, grid)[list(range(inputs["views"]))]
        images = self.study.cases + (EXTRA if method == "tv" else 0)
        return images * cost(method, A, iterations=self.study.iterations) + 0.2

    def _measure(self, inputs: Mapping[str, Any]) -> Cell:
        method, readers = inputs["method"], self.study.readers
        if method == CEILING:
            return self._scanned.read(inputs, truth_of(self._scanned.cases), {}, readers=readers, frozen={})
        method = inputs.get("of", method)
        images, about = self._images(method, inputs["views"], inputs["photons"], inputs.get("taken"))
        return self._scanned.read(inputs, images, about, readers=readers, frozen=self._fitted(method))

    def _images(
        self, method: str, views: int, photons: float, taken: list[int] | None = None
    ) -> tuple[Float[Tensor, "case y x"], dict[str, Any]]:
        """Return what a method makes of a scan; that of all views is wanted several times and kept."""
        is_full = (views, photons) == self.study.conditions(self.detection)[0]
        if is_full and method in self._full:
            return self._full[method]
        net = self.networks[method][0] if method in self.networks else None
        found = self._scanned.reconstruct(
            method,
            net,
            views=taken or equidistant_sets(len(self.detection.task.scan), views)[0],
            photons=photons,
            iterations=self.study.iterations,
        )
        if is_full:
            self._full = {method: found}
        return found

    def _fitted(self, method: str) -> Mapping[str, list[Reader]]:
        """Return the readers of each fold, fitted on images of all views at the task's flux."""
        if method not in self._frozen:
            views, photons = self.study.conditions(self.detection)[0]
            images, _ = self._images(method, views, photons)
            self._frozen[method] = {
                name: cross_fit(name, images, self._scanned.cases, self._scanned.fold, seed=self.study.seed)
                for name in self.study.readers
            }
        return self._frozen[method]

    @cached_property
    def _scanned(self) -> Scanned:
        self.say(f"{self.detection.finding}: cases")
        cases = draw_cases(self.detection, "test", self.study.cases)
        tuning = truth_of(draw_cases(self.detection, "validation", TUNING))
        fold = folds_of(np.array([case.present for case in cases]), folds=self.study.folds)
        return Scanned(self.detection, cases, tuning, fold)
