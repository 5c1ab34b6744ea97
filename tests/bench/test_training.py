from dataclasses import replace
from pathlib import Path

import pytest
import torch

from svct.bench.recipe import Recipe
from svct.bench.training import train
from svct.errors import InputError

TINY = Recipe(steps=4, batch=2, pool=4, size=32, settings={"unrolls": 2, "width": 4})


def weights(net: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().reshape(-1) for p in net.parameters()])


def test_training_learns() -> None:
    losses = [loss for _, loss, _ in train(replace(TINY, steps=60, learning_rate=3e-3))]
    assert sum(losses[-15:]) < sum(losses[:15])


def test_an_interrupted_training_ends_where_an_uninterrupted_one_does(tmp_path: Path) -> None:
    whole = list(train(TINY, checkpoint=tmp_path / "a"))[-1][2]
    for step, _, _ in train(TINY, checkpoint=tmp_path / "b", save_every=2):
        if step == 3:
            break
    resumed = list(train(TINY, checkpoint=tmp_path / "b"))[-1][2]
    assert torch.equal(weights(whole), weights(resumed))
    with pytest.raises(InputError, match="expected the state of Recipe"):
        next(train(replace(TINY, batch=3), checkpoint=tmp_path / "a"))
