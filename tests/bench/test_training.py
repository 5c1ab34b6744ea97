from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from svct.bench.recipe import Recipe, build, recipe_named
from svct.bench.training import train
from svct.bench.training_data import draw_pools
from svct.errors import InputError, UnknownNameError

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


def test_slices_of_real_volumes_join_the_pool(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    hu = np.full((24, 24, 9), -1000, np.int16)
    hu[6:18, 6:18] = 40
    nibabel.Nifti1Image(hu, np.diag([2.0, 2.0, 3.0, 1.0])).to_filename(tmp_path / "cube.nii")
    plain, more = (draw_pools(r)[0] for r in (TINY, replace(TINY, volumes=[str(tmp_path / "cube.nii")])))
    added = more.images[len(plain.images) :]
    assert len(added) == 3
    assert torch.allclose(more.images[: len(plain.images)], plain.images)
    width = (added[0][16] > 0.01).sum() * more.voxel_mm[-3]
    assert width == pytest.approx(24, abs=3)


def test_recipes_are_found_and_checked(tmp_path: Path) -> None:
    for name in ("backbone-2", "backbone-3", "lpd", "post-unet", "itnet", "uncertainty-3"):
        assert build(recipe_named(name)) is not None
    with pytest.raises(UnknownNameError, match="backbone-3"):
        recipe_named("backbone-9")
    (tmp_path / "bad.toml").write_text("stepz = 3")
    with pytest.raises(InputError, match=r"expected the entries of a recipe in TOML .*stepz"):
        recipe_named(tmp_path / "bad.toml")
