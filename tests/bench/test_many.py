from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from svct.bench.compare import stratified_gain
from svct.bench.learn import Effort
from svct.bench.many import judge_many, learn_many, weights_sha256
from svct.bench.subjects import Subjects, drawn_subjects
from svct.bench.together import shared_candidates
from svct.errors import InputError, SvctError
from svct.geometry import FanBeam, Grid, ParallelBeam, Projector
from svct.physics import Acquisition
from svct.recon import UnrolledNet
from svct.sampling.constraints import Constraints
from svct.sampling.fixed import ViewSet
from svct.sampling.samplers import Choice
from svct.sampling.samplers.designed import Designed
from svct.sampling.samplers.warped import Warped
from svct.tasks.cohort import Cohort
from svct.tasks.task import Task

TINY = Effort(
    train=6,
    validation=4,
    test=4,
    gumbel_steps=2,
    swaps=6,
    designed=Designed(coarse=8, rounds=1),
    warped=Warped(harmonics=1, patients=4, offsets=1),
)


def task(name: str, voxel_mm: float, *, candidates: int = 24, photons: float = 1e5) -> Task:
    return Task(
        name=name,
        title=name,
        cohort=Cohort(name, Grid(shape=(24, 24), voxel_mm=voxel_mm), size=40),
        scan=ParallelBeam(np.arange(candidates) * np.pi / candidates, bins=34, bin_mm=voxel_mm),
        acquisition=Acquisition(photons=photons),
        budget=4,
    )


PART, WATER = task("part", 5.5), task("water", 16.0, photons=5e4)


def network() -> UnrolledNet:
    torch.manual_seed(0)
    return UnrolledNet(unrolls=2, width=4).eval().requires_grad_(False)


def subjects(*tasks: Task) -> list[Subjects]:
    return [drawn_subjects(one, train=6, validation=4, test=4) for one in tasks]


def once(name: str, find: Callable[[], ViewSet]) -> ViewSet:
    return find()


def test_a_new_task_leaves_the_backbone_and_the_old_ones_alone() -> None:
    net = network()
    before = weights_sha256(net)
    A = Projector(PART.scan, PART.grid)
    images = subjects(PART)[0].test
    y = PART.acquisition.measure(A(images), seed=3)

    def output(views: ViewSet) -> torch.Tensor:
        with torch.inference_mode():
            image: torch.Tensor = net(y[:, list(views)], A[list(views)])
        return image

    kept: dict[str, ViewSet] = {}

    def stage(name: str, find: Callable[[], ViewSet]) -> ViewSet:
        return kept.setdefault(name, kept[name] if name in kept else find())

    two = [PART, WATER]
    first = learn_many(two, subjects(*two), effort=TINY, seed=0, stage=stage, net=net)
    old = output(first.specific["part"].learned)
    three = [*two, replace(task("head", 10.0), name="head")]
    ticks: list[int] = []
    again = {name: views for name, views in kept.items() if not name.startswith("universal")}
    kept.clear()
    kept.update(again)
    second = learn_many(three, subjects(*three), effort=TINY, seed=0, stage=stage, net=net, tick=ticks.append)
    assert sum(ticks) > 0
    assert second.specific["part"].learned == first.specific["part"].learned
    assert torch.equal(old, output(second.specific["part"].learned))
    assert second.backbone_sha256 == first.backbone_sha256 == weights_sha256(net) == before
    assert set(second.universal) == {"part", "water", "head"}
    assert len({found.learned for found in second.universal.values()}) == 1

    verdict = judge_many(three, subjects(*three), second, seed=0, net=net)
    metrics = verdict.metrics()
    means = [
        np.mean(m["learned"]["psnr_db"]) - np.mean(m["rivals"]["universal"]["psnr_db"])
        for m in metrics["tasks"].values()
    ]
    assert verdict.over_universal.mean_db == pytest.approx(np.mean(means), abs=1e-9)
    assert verdict.over_universal.patients == 12
    assert ("beat universal" in verdict.claim) == (verdict.over_universal.low_db > 0)
    assert verdict.universal.task == "part+water+head"
    assert (verdict.universal.gain is not None) == (verdict.universal_gain.low_db > 0)
    assert "bin_mm" not in verdict.universal.geometry


def test_limits_hold_for_each_task_and_for_all_together() -> None:
    rules = Constraints(angles_deg=tuple(7.5 * i for i in range(24)), forbidden_deg=((-10, 30),), min_gap_deg=20)
    two, net = [PART, WATER], network()
    its = subjects(*two)
    found = learn_many(two, its, effort=TINY, seed=0, stage=once, net=net, rules=rules)
    for one in (*found.specific.values(), *found.universal.values()):
        for views in (one.learned, one.equidistant, one.designed):
            rules.require(views)
    shared = Choice(found.specific["part"].learned, (0.5, 1.5, 0.5, 1.5))
    verdict = judge_many(two, its, found, seed=0, net=net, rules=rules, shared={"part": shared})
    for name, part in verdict.verdicts.items():
        rules.require(part.equidistant)
        assert "under the same constraints" in part.gain.baseline
        assert part.schedule.provenance["constraints"] == rules.described()
        assert ("dose shared" in part.metrics["rivals"]) == (name == "part")
        assert (part.schedule.method == "dose shared") <= (part.schedule.gain is not None)
    assert verdict.verdicts["part"].metrics["rivals"]["dose shared"]["loads"] == [0.5, 1.5, 0.5, 1.5]
    assert verdict.universal.provenance["constraints"] == rules.described()
    fine = task("water", 16.0, candidates=72)
    with pytest.raises(InputError, match="the same 24 candidates for all tasks, got others, 72, for water"):
        learn_many([PART, fine], [], effort=TINY, seed=0, stage=once, rules=rules)
    with pytest.raises(InputError, match="views: 12 do not fit"):
        learn_many([t.with_budget(12) for t in two], [], effort=TINY, seed=0, stage=once, rules=rules)


def test_a_network_that_changes_is_noticed() -> None:
    net = network()

    def spoil(name: str, find: Callable[[], ViewSet]) -> ViewSet:
        with torch.no_grad():
            net.steps.add_(1e-6)
        return find()

    two = [PART, WATER]
    with pytest.raises(SvctError, match="expected the same weights after learning"):
        learn_many(two, subjects(*two), effort=replace(TINY, gumbel_steps=1, swaps=1), seed=0, stage=spoil, net=net)


def test_candidates_go_together_by_angle() -> None:
    fine = task("water", 16.0, candidates=72)
    shared = shared_candidates([PART, fine])
    assert shared["part"] == tuple(range(24))
    assert shared["water"] == tuple(range(0, 72, 3))
    off = replace(fine, scan=replace(fine.scan, angles=np.asarray(fine.scan.angles) + 0.01))
    with pytest.raises(InputError, match=r"4 or more candidates, evenly .* got 0 in common of part 24, water 72"):
        shared_candidates([PART, off])
    fan = replace(WATER, scan=FanBeam(WATER.scan.angles, bins=34, bin_mm=16.0, source_mm=900.0, detector_mm=500.0))
    with pytest.raises(InputError, match=r"scans of one kind .* got part parallel, water fan"):
        shared_candidates([PART, fan])
    for tasks, message in (
        ([PART], "two or more of different names"),
        ([PART, PART], "two or more of different names"),
        ([PART, replace(WATER, name="universal")], "two or more of different names"),
        ([PART, WATER.with_budget(5)], "one number for all tasks, got part 4, water 5; give --views"),
    ):
        with pytest.raises(InputError, match=message):
            learn_many(tasks, [], effort=TINY, seed=0, stage=once)


def test_the_interval_is_over_patients_within_their_tasks() -> None:
    rng = np.random.default_rng(0)
    apart = [(offset + 0.1 * rng.standard_normal(30)).tolist() for offset in (-3.0, 5.0)]
    gain = stratified_gain(apart, [[0.0] * 30] * 2, baseline="nothing")
    assert gain.mean_db == pytest.approx(1.0, abs=0.1)
    assert gain.high_db - gain.low_db == pytest.approx(2 * 1.96 * 0.1 / np.sqrt(60), rel=0.3)
    with pytest.raises(InputError, match="at least two patients"):
        stratified_gain([[1.0, 2.0], [1.0]], [[0.0, 0.0], [0.0]], baseline="nothing")
    with pytest.raises(InputError, match="at least one task"):
        stratified_gain([], [], baseline="nothing")
