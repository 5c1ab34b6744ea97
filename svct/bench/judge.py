"""The referee of learned views: they are kept only if they win on subjects that took no part in the choice."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

import svct
from svct.bench.backbone import backbone_for
from svct.bench.compare import paired_gain
from svct.bench.learn import Effort, Found, search_work, ticked
from svct.bench.subjects import Subjects
from svct.errors import InputError
from svct.geometry.projector import Projector
from svct.metrics import RANGE
from svct.recon.networks import backbone_path, file_sha256
from svct.recon.unrolled import UnrolledNet
from svct.sampling.constraints import Constraints
from svct.sampling.fit import even_sets
from svct.sampling.fixed import ViewSet
from svct.sampling.gain import Gain
from svct.sampling.importance import tissue_ssim
from svct.sampling.samplers.base import Choice
from svct.sampling.schedule import Schedule
from svct.sampling.trial import Trial, measure_trial
from svct.tasks.task import Task

NOISE_SEEDS = 3
"""Noise realisations that every reported figure is averaged over."""


@dataclass(frozen=True, eq=False)
class Verdict:
    """What was chosen, and what it is worth on subjects that took no part in any choice.

    Args:
        schedule: The views to take.
        found: The learned views, whether or not they are taken, and the equidistant ones that are taken otherwise.
        equidistant: The equidistant views of the best offset on the test subjects, the baseline.
        gain: Learned over that baseline.
        rotated: The same with the subjects turned by up to 20 degrees.
        metrics: Everything measured, plain JSON.
        pictures: Truth, the equidistant and the learned reconstruction of the middle test subject, 1/mm.
    """

    schedule: Schedule
    found: Found
    equidistant: ViewSet
    gain: Gain
    rotated: Gain
    metrics: dict[str, Any]
    pictures: tuple[Tensor, Tensor, Tensor]


def judge(
    task: Task,
    subjects: Subjects,
    found: Found,
    *,
    seed: int,
    keep_learned: bool,
    tick: Callable[[int], object],
    rivals: Mapping[str, Choice] = MappingProxyType({}),
    net: UnrolledNet | None = None,
    rules: Constraints | None = None,
) -> Verdict:
    """Compare learned views with the best equidistant offset on the test subjects.

    Args:
        task: The task.
        subjects: Whose test images decide.
        found: What the search came up with.
        seed: Seed that the noise seeds derive from.
        keep_learned: Put the learned views into the schedule even where they do not win.
        tick: Called with the work done, in reconstructed images.
        rivals: Other choices, by name, whose gain over the same baseline goes into the metrics.
        net: The frozen backbone. Default: the one that comes with svct.
        rules: What a device can take; the equidistant baseline obeys it too, see `svct.sampling.fit.even_sets`.

    Returns:
        The verdict; its schedule holds the learned views where the lower end of the gain's interval clears zero.
    """
    net = backbone_for(task, net)
    A = Projector(task.scan, task.grid)
    noise = [1_000_003 * seed + 10 + i for i in range(NOISE_SEEDS)]
    trials = [measure_trial(subjects.test, A, task.acquisition, net=net, seed=s) for s in noise]
    rows = even_sets(len(task.scan), task.budget, rules)
    # The offset that does best on the test subjects themselves: the strictest baseline.
    first = [ticked(trials[0].psnr(views), tick) for views in rows]
    ranked = sorted(range(len(rows)), key=lambda i: first[i].mean().item(), reverse=True)[:3]
    means = {i: _mean_psnr(trials[1:], rows[i], tick, first[i]) for i in ranked}
    best = max(means, key=lambda i: means[i].mean().item())
    learned = found.learned
    ours = _mean_psnr(trials[1:], learned, tick, ticked(trials[0].psnr(learned), tick))
    baseline = f"equidistant, the best of {len(rows)} offsets on the test {subjects.unit}s"
    baseline += "" if rules is None else ", under the same constraints"
    gain = paired_gain(ours.tolist(), means[best].tolist(), baseline=baseline)

    def other(choice: ViewSet | Choice) -> dict[str, Any]:
        """Return what other views are worth, on the same noise where they share the load evenly."""
        if isinstance(choice, Choice) and len(set(choice.loads)) == 1:
            choice = choice.views
        found = [t.psnr_at(choice) if isinstance(choice, Choice) else t.psnr(choice) for t in trials]
        tick(len(trials) * len(ours))
        psnr = torch.stack(found).mean(dim=0).tolist()
        return {"psnr_db": psnr, "gain": asdict(paired_gain(psnr, means[best].tolist(), baseline=baseline))}

    turned = measure_trial(subjects.rotated, A, task.acquisition, net=net, seed=noise[0])
    rotated = paired_gain(
        ticked(turned.psnr(learned), tick).tolist(),
        ticked(turned.psnr(rows[best]), tick).tolist(),
        baseline=baseline + ", turned by up to 20 degrees",
    )
    keep = gain.significant or keep_learned
    taken, method = (learned, "learned") if keep else (found.equidistant, "equidistant")
    images = {"equidistant": trials[0].images(rows[best]), "learned": trials[0].images(learned)}
    middle = int((ours - ours.median()).abs().argmin())
    metrics = {
        "psnr_range_per_mm": RANGE,
        "psnr_range_hu": 2000,
        "unit": subjects.unit,
        "noise_seeds": noise,
        "learned": {"psnr_db": ours.tolist(), "ssim": tissue_ssim(images["learned"], subjects.test)},
        "equidistant": {"psnr_db": means[best].tolist(), "ssim": tissue_ssim(images["equidistant"], subjects.test)},
        "offsets_mean_psnr_db": [p.mean().item() for p in first],
        "gain": asdict(gain),
        "gain_rotated": asdict(rotated),
        "designed": other(found.designed),
        "rivals": {
            name: {"views": list(choice.views), "loads": list(choice.loads), **other(choice)}
            for name, choice in rivals.items()
        },
        "saved_views": _saved_views(task, trials, ours, means[best], tick, rules),
        "returned": method,
        "remarks": list(subjects.remarks),
    }
    return Verdict(
        schedule=_schedule(task, subjects, taken, method, seed, gain if method == "learned" else None, rules),
        found=found,
        equidistant=rows[best],
        gain=gain,
        rotated=rotated,
        metrics=metrics,
        pictures=(subjects.test[middle], images["equidistant"][middle], images["learned"][middle]),
    )


def work(task: Task, subjects: Subjects, effort: Effort, rules: Constraints | None = None) -> int:
    """Return how often `learn_views` and `judge` tick, in reconstructed images."""
    offsets = len(even_sets(len(task.scan), task.budget, rules))
    test = len(subjects.test) * (offsets + 3 * (NOISE_SEEDS - 1) + 2 * NOISE_SEEDS + 2 + 8)
    return search_work(task, subjects, effort, rules) + test


def _saved_views(
    task: Task,
    trials: list[Trial],
    ours: Tensor,
    theirs: Tensor,
    tick: Callable[[int], object],
    rules: Constraints | None,
) -> float | None:
    """Return how many views less than equidistant ones the learned ones take at the same mean PSNR.

    Between the budget and a quarter more or less, PSNR of equidistant views, over four offsets, is taken as linear in
    the logarithm of their number; None where it does not rise, or where the constraints do not allow so many or few.
    """
    few, many = round(task.budget * 0.8), min(round(task.budget * 1.25), len(task.scan))
    found = []
    for views in (few, many):
        try:
            rows = even_sets(len(task.scan), views, rules)
        except InputError:
            return None
        found.append(max(float(ticked(trials[0].psnr(row), tick).mean()) for row in rows[:: -(-len(rows) // 4)]))
    slope = (found[1] - found[0]) / math.log(many / few) if many > few else 0.0
    gain = float((ours - theirs).mean())
    return None if slope <= 0 else round(task.budget * (math.exp(gain / slope) - 1), 2)


def _mean_psnr(trials: list[Trial], views: ViewSet, tick: Callable[[int], object], first: Tensor) -> Tensor:
    return torch.stack([first, *(ticked(trial.psnr(views), tick) for trial in trials)]).mean(dim=0)


def _schedule(
    task: Task,
    subjects: Subjects,
    views: ViewSet,
    method: str,
    seed: int,
    gain: Gain | None,
    rules: Constraints | None,
) -> Schedule:
    geometry = task.scan.to_dict()
    angles = np.rad2deg(geometry.pop("angles")).tolist()
    return Schedule(
        angles_deg=tuple(round(angles[v], 9) for v in views),
        geometry=geometry,
        task=task.name,
        budget=len(views),
        candidates=len(task.scan),
        method=method,
        gain=gain,
        provenance={
            "svct": svct.__version__,
            "torch": torch.__version__,
            "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
            "seed": seed,
            "data": subjects.source,
            "backbone_sha256": file_sha256(backbone_path()),
            **({} if rules is None else {"constraints": rules.described()}),
        },
    )
