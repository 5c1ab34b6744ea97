from dataclasses import asdict

import pytest
import torch

from svct.bench.judge import Verdict
from svct.bench.learn import Found
from svct.bench.share import SHARED, with_shared_dose
from svct.sampling.gain import Gain
from svct.sampling.schedule import Schedule
from svct.tasks.task import load_task


def gain(low: float) -> Gain:
    return Gain(mean_db=low + 0.1, low_db=low, high_db=low + 0.2, patients=8, baseline="equidistant")


def verdict(learned: Gain, shared: Gain) -> Verdict:
    picture = torch.zeros(2, 2)
    return Verdict(
        schedule=Schedule(
            angles_deg=(0.0, 90.0),
            geometry={"kind": "parallel"},
            task="water",
            budget=2,
            candidates=360,
            method="learned" if learned.significant else "equidistant",
            gain=learned if learned.significant else None,
        ),
        found=Found((0, 180), (0, 180), (0, 180)),
        equidistant=(0, 180),
        gain=learned,
        rotated=learned,
        metrics={"rivals": {SHARED: {"views": [10, 200], "loads": [0.5, 1.5], "gain": asdict(shared)}}},
        pictures=(picture, picture, picture),
    )


@pytest.mark.parametrize(("learned", "kept"), [(-0.2, True), (0.1, True), (0.4, False)])
def test_a_shared_dose_is_kept_where_it_wins_most(learned: float, kept: bool) -> None:
    before = verdict(gain(learned), gain(0.3))
    after = with_shared_dose(load_task("water"), before)
    assert (after is not before) == kept
    if kept:
        assert after.schedule.angles_deg == (5.0, 100.0)
        assert after.schedule.relative_load == (0.5, 1.5)
        assert after.schedule.gain == gain(0.3)
        assert after.metrics["returned"] == after.schedule.method == SHARED


def test_a_shared_dose_that_does_not_win_is_not_kept() -> None:
    before = verdict(gain(-0.3), gain(-0.05))
    assert with_shared_dose(load_task("water"), before) is before
