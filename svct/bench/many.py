"""Views of many tasks on one frozen backbone: a set for each, and one universal set for all of them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from svct.bench.compare import paired_gain, stratified_gain
from svct.bench.judge import Verdict, judge, work
from svct.bench.learn import Effort, Found, Stage, search_views, search_work
from svct.bench.share import SHARED, with_shared_dose
from svct.bench.subjects import Subjects
from svct.bench.together import UNIVERSAL, require_together, shared_candidates
from svct.errors import SvctError
from svct.recon.networks import load_backbone
from svct.recon.unrolled import UnrolledNet
from svct.sampling.constraints import Constraints
from svct.sampling.fixed import ViewSet
from svct.sampling.gain import Gain
from svct.sampling.samplers.base import Choice, Sampler
from svct.sampling.schedule import Schedule
from svct.tasks.task import Task


@dataclass(frozen=True, eq=False)
class ManyFound:
    """What was learned for many tasks.

    Args:
        specific: What was found for each task alone, by its name, in its own candidates.
        universal: What was found for all of them together, in each task's own candidates.
        backbone_sha256: Of the backbone's weights, before and after.
    """

    specific: Mapping[str, Found]
    universal: Mapping[str, Found]
    backbone_sha256: str


@dataclass(frozen=True, eq=False)
class ManyVerdict:
    """What task-specific and universal views are worth on subjects that took no part in any choice.

    Args:
        verdicts: That on each task, by its name.
        universal: The universal schedule: learned views where they beat equidistant ones on the mean over tasks.
        over_universal: Task-specific over universal views, the mean over tasks.
        specific_gain: Task-specific views over each task's best equidistant offset, the mean over tasks.
        universal_gain: Universal views over the same.
        by_task: Task-specific over universal views in each task.
    """

    verdicts: Mapping[str, Verdict]
    universal: Schedule
    over_universal: Gain
    specific_gain: Gain
    universal_gain: Gain
    by_task: Mapping[str, Gain]

    @property
    def claim(self) -> str:
        """What the intervals carry, in a sentence."""
        gain = self.over_universal
        told = f"{gain.mean_db:+.2f} dB ({gain.low_db:+.2f} to {gain.high_db:+.2f})"
        if gain.significant:
            return f"Task-specific views beat universal ones on the mean over tasks: {told}."
        if gain.high_db < 0:
            return f"Task-specific views are worse than universal ones on the mean over tasks: {told}."
        return f"Neither task-specific nor universal views are shown to be better on the mean over tasks: {told}."

    def metrics(self) -> dict[str, Any]:
        """Return everything measured as plain JSON."""
        return {
            "claim": self.claim,
            "specific_over_universal": asdict(self.over_universal),
            "specific_gain": asdict(self.specific_gain),
            "universal_gain": asdict(self.universal_gain),
            "universal_returned": self.universal.method,
            "tasks": {
                name: {**verdict.metrics, "specific_over_universal": asdict(self.by_task[name])}
                for name, verdict in self.verdicts.items()
            },
        }


def learn_many(
    tasks: Sequence[Task],
    subjects: Sequence[Subjects],
    *,
    effort: Effort,
    seed: int,
    stage: Stage,
    tick: Callable[[int], object] = lambda images: None,
    better: Callable[[str, ViewSet], None] = lambda name, views: None,
    samplers: Sequence[Sampler] = (),
    net: UnrolledNet | None = None,
    rules: Constraints | None = None,
) -> ManyFound:
    """Learn the views of each task, and universal ones, through one frozen backbone and with the same effort.

    Args:
        tasks: Two or more, of different names, with one budget and candidates at the same angles.
        subjects: Those of each task.
        effort: How much work the search does for each task; the universal one does as much for each.
        seed: Seed of the search and of the noise in it.
        stage: Wraps each stage, named ``TASK/STAGE``, so that an interrupted search can go on.
        tick: Called with the work done, in reconstructed images.
        better: Called with a task's name, or `UNIVERSAL`, and each better set of its last stage.
        samplers: What is tried beside equidistant views, see `svct.bench.learn.search_views`.
        net: The frozen backbone. Default: the one that comes with svct.
        rules: What a device can take, over the candidates, which are then the same for all tasks.

    Raises:
        InputError: The tasks do not go together; the message says why.
        SvctError: A weight of the backbone changed.

    Notes:
        One module per task on a shared network against one sampling for all after Yang et al. 2024 (arXiv 2409.01544).
    """
    require_together(tasks, rules)
    net = net or load_backbone()
    before = weights_sha256(net)
    specific = {}
    for task, its in zip(tasks, subjects, strict=True):
        specific[task.name] = search_views(
            [task],
            [its],
            effort=effort,
            seed=seed,
            stage=_named(task.name, stage),
            tick=tick,
            better=_about(task.name, better),
            samplers=samplers,
            net=net,
            rules=rules,
        )
    universal = learn_universal(
        tasks,
        subjects,
        effort=effort,
        seed=seed,
        stage=stage,
        tick=tick,
        better=better,
        samplers=samplers,
        net=net,
        rules=rules,
    )
    if weights_sha256(net) != before:
        raise SvctError("backbone: expected the same weights after learning as before, got others")
    return ManyFound(specific, universal, before)


def learn_universal(
    tasks: Sequence[Task],
    subjects: Sequence[Subjects],
    *,
    effort: Effort,
    seed: int,
    stage: Stage,
    tick: Callable[[int], object] = lambda images: None,
    better: Callable[[str, ViewSet], None] = lambda name, views: None,
    samplers: Sequence[Sampler] = (),
    net: UnrolledNet | None = None,
    rules: Constraints | None = None,
) -> dict[str, Found]:
    """Learn one set of angles whose mean PSNR over tasks is best.

    Args:
        tasks: As for `learn_many`, like the other arguments.
        subjects: Those of each task.
        effort: How much work to do for each task.
        seed: Seed of the search and of the noise in it.
        stage: Wraps each stage.
        tick: Called with the work done, in reconstructed images.
        better: Called with `UNIVERSAL` and each better set of the last stage.
        samplers: What is tried beside equidistant views.
        net: The frozen backbone.
        rules: What a device can take.

    Returns:
        What was found, in the candidates of each task, by its name.
    """
    require_together(tasks, rules)
    shared = shared_candidates(tasks)
    common = [replace(task, scan=task.scan[list(shared[task.name])]) for task in tasks]
    found = search_views(
        common,
        subjects,
        effort=effort,
        seed=seed,
        stage=_named(UNIVERSAL, stage),
        tick=tick,
        better=_about(UNIVERSAL, better),
        samplers=samplers,
        net=net,
        rules=rules,
    )
    return {name: _placed(found, own) for name, own in shared.items()}


def judge_many(
    tasks: Sequence[Task],
    subjects: Sequence[Subjects],
    found: ManyFound,
    *,
    seed: int,
    keep_learned: bool = False,
    tick: Callable[[int], object] = lambda images: None,
    net: UnrolledNet | None = None,
    rules: Constraints | None = None,
    shared: Mapping[str, Choice] = MappingProxyType({}),
) -> ManyVerdict:
    """Compare task-specific, universal and the best equidistant views on the test subjects.

    Args:
        tasks: Those of `learn_many`.
        subjects: Those of each task; their test images decide.
        found: What was learned.
        seed: Seed that the noise seeds derive from.
        keep_learned: Put learned views into the schedules even where they do not win.
        tick: Called with the work done, in reconstructed images.
        net: The frozen backbone. Default: the one that comes with svct.
        rules: What a device can take; every baseline obeys it too.
        shared: Views that share the dose, by the name of their task; they go into its schedule where they win. Figures
            of task-specific and universal views are those of even loads.
    """
    net = net or load_backbone()
    verdicts = {}
    for task, its in zip(tasks, subjects, strict=True):
        rivals = {UNIVERSAL: Choice(found.universal[task.name].learned)}
        if task.name in shared:
            rivals[SHARED] = shared[task.name]
        verdict = judge(
            task,
            its,
            found.specific[task.name],
            seed=seed,
            keep_learned=keep_learned,
            tick=tick,
            rivals=rivals,
            net=net,
            rules=rules,
        )
        verdicts[task.name] = with_shared_dose(task, verdict) if SHARED in rivals else verdict
    arms = [verdict.metrics for verdict in verdicts.values()]
    ours = [m["learned"]["psnr_db"] for m in arms]
    theirs = [m["rivals"][UNIVERSAL]["psnr_db"] for m in arms]
    even = [m["equidistant"]["psnr_db"] for m in arms]
    baseline = f"equidistant, the best offset of each task on its test {subjects[0].unit}s, mean over tasks"
    universal_gain = stratified_gain(theirs, even, baseline=baseline)
    return ManyVerdict(
        verdicts=verdicts,
        universal=_universal_schedule(tasks, found, verdicts, universal_gain, keep_learned),
        over_universal=stratified_gain(ours, theirs, baseline="universal learned views, mean over tasks"),
        specific_gain=stratified_gain(ours, even, baseline=baseline),
        universal_gain=universal_gain,
        by_task={
            task.name: paired_gain(ours[i], theirs[i], baseline="universal learned views")
            for i, task in enumerate(tasks)
        },
    )


def many_work(
    tasks: Sequence[Task], subjects: Sequence[Subjects], effort: Effort, rules: Constraints | None = None
) -> int:
    """Return how often `learn_many` and `judge_many` tick, in reconstructed images."""
    pairs = list(zip(tasks, subjects, strict=True))
    return sum(work(*pair, effort, rules) + search_work(*pair, effort, rules) + 3 * len(pair[1].test) for pair in pairs)


def weights_sha256(net: UnrolledNet) -> str:
    """Return the SHA-256 of a network's weights as they are in memory."""
    digest = hashlib.sha256()
    for name, value in sorted(net.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _placed(found: Found, own: ViewSet) -> Found:
    """Return what was found among the common candidates in a task's own ones, with even loads."""

    def place(views: ViewSet) -> ViewSet:
        return tuple(sorted(own[v] for v in views))

    return Found(place(found.learned), place(found.equidistant), place(found.designed))


def _named(name: str, stage: Stage) -> Stage:
    return lambda what, find: stage(f"{name}/{what}", find)


def _about(name: str, better: Callable[[str, ViewSet], None]) -> Callable[[ViewSet], None]:
    return lambda views: better(name, views)


def _universal_schedule(
    tasks: Sequence[Task], found: ManyFound, verdicts: Mapping[str, Verdict], gain: Gain, keep_learned: bool
) -> Schedule:
    """Return the universal schedule, whose geometry states what all tasks have in common."""
    first = tasks[0]
    won = gain.significant or keep_learned
    chosen = found.universal[first.name]
    geometries = [task.scan.to_dict() for task in tasks]
    of_all = {k: v for k, v in geometries[0].items() if k != "angles" and all(g.get(k) == v for g in geometries)}
    provenance = dict(verdicts[first.name].schedule.provenance)
    provenance["data"] = {name: verdict.schedule.provenance["data"] for name, verdict in verdicts.items()}
    angles = np.rad2deg(np.asarray(first.scan.angles))
    return Schedule(
        angles_deg=tuple(round(float(angles[v]), 9) for v in (chosen.learned if won else chosen.equidistant)),
        geometry=of_all,
        task="+".join(task.name for task in tasks),
        budget=first.budget,
        candidates=len(first.scan),
        method="learned" if won else "equidistant",
        gain=gain if won else None,
        provenance=provenance,
    )
