"""Schedules taken to a real volume: views learned elsewhere against equidistant ones on slices nobody learned from."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from svct.bench.backbone import backbone_for
from svct.bench.compare import paired_gain
from svct.bench.experiment.choose import offsets_of
from svct.bench.judge import NOISE_SEEDS
from svct.data.open import read_volume
from svct.errors import InputError
from svct.geometry.projector import Projector
from svct.recon.networks import load_backbone
from svct.sampling.gain import Gain
from svct.sampling.samplers.base import Choice
from svct.sampling.schedule import Schedule
from svct.sampling.trial import mean_psnr, measure_trial
from svct.tasks.task import load_task


@dataclass(frozen=True)
class Transfer:
    """What a schedule is worth on slices of a real volume.

    Args:
        task: The task that it was learned for.
        views: How many.
        shared: Whether they share the dose unevenly.
        slices: The first and the last of the range.
        equidistant_db: Mean PSNR of the equidistant views of the best offset on these slices, dB.
        gain: Over them, paired over slices.
    """

    task: str
    views: int
    shared: bool
    slices: tuple[int, int]
    equidistant_db: float
    gain: Gain


def transfer(
    schedules: Sequence[Schedule],
    path: Path,
    slices: tuple[int, int],
    *,
    series: str | None = None,
    most: int = 24,
    offsets: int = 12,
    seed: int = 0,
    tick: Callable[[int], object] = lambda images: None,
) -> Iterator[Transfer]:
    """Compare schedules with equidistant views on slices of a real volume, through the shared backbone.

    Args:
        schedules: Each for a task by its name, whose grid, candidates, flux and noise are taken.
        path: The volume.
        slices: The first and the last slice of the range, which counts from the volume's inferior end.
        series: Which DICOM series, where the folder holds several.
        most: At most so many slices, evenly taken.
        offsets: At most so many offsets of equidistant views are tried, on the very slices of the comparison, so that
            the baseline is the strictest.
        seed: Of the noise.
        tick: Called with the work done, in reconstructed images.

    Raises:
        DataFileError: The volume cannot be read.
        InputError: The range is not in the volume, or views that are not among the task's candidates.

    Notes:
        One patient is a case study: the interval is over neighbouring slices, which resemble each other, and is too
        narrow by an unknown factor.
    """
    volume = read_volume(path, series=series)
    first, last = slices
    if not 0 <= first < last < len(volume.hu):
        raise InputError(
            f"slices: expected first..last within 0 to {len(volume.hu) - 1}, two or more, got {first}..{last}"
        )
    count = min(most, last - first + 1)
    taken = [first + i * (last - first) // (count - 1) for i in range(count)]
    net = load_backbone()
    for schedule in schedules:
        task = load_task(schedule.task).with_budget(len(schedule.projections))
        A = Projector(task.scan, task.grid)
        pairs = zip(schedule.view_indices(task.scan), schedule.projections, strict=True)
        loads = {view: schedule.relative_load[frame] for view, frame in pairs}
        choice = Choice(tuple(sorted(loads)), tuple(loads[view] for view in sorted(loads)))
        images = torch.from_numpy(volume.slices_on(task.grid, tuple(taken)))
        trials = [
            measure_trial(images, A, task.acquisition, net=backbone_for(task, net), seed=1_000_003 * seed + 10 + i)
            for i in range(NOISE_SEEDS)
        ]
        rows = offsets_of(len(task.scan), task.budget, offsets)
        found = []
        for row in rows:
            found.append(trials[0].psnr(row))
            tick(count)
        best = max(range(len(rows)), key=lambda i: float(found[i].mean()))
        even, ours = (mean_psnr(trials, one) for one in (Choice(rows[best]), choice))
        tick(2 * NOISE_SEEDS * count)
        yield Transfer(
            schedule.task,
            task.budget,
            len(set(choice.loads)) > 1,
            slices,
            float(even.mean()),
            paired_gain(ours.tolist(), even.tolist(), baseline=f"equidistant, the best of {len(rows)} offsets"),
        )


def work(schedules: Sequence[Schedule], slices: tuple[int, int], *, most: int, offsets: int = 12) -> int:
    """Return how often `transfer` ticks, in reconstructed images."""
    count = min(most, slices[1] - slices[0] + 1)
    tried = [len(offsets_of(len(load_task(s.task).scan), len(s.projections), offsets)) for s in schedules]
    return count * (sum(tried) + 2 * NOISE_SEEDS * len(tried))


def as_markdown(rows: Sequence[Transfer]) -> str:
    """Return the table."""
    lines = [
        "| learned for | views | slices | equidistant, dB | gain of the learned views, dB |",
        "|---|---:|---|---:|---:|",
    ]
    for row in rows:
        views = f"{row.views}{', dose shared' if row.shared else ''}"
        span = f"{row.slices[0]} to {row.slices[1]}"
        lines.append(f"| {row.task} | {views} | {span} | {row.equidistant_db:.2f} | {row.gain.marked} |")
    return "\n".join(lines) + "\n"
