from dataclasses import replace

import numpy as np
import pytest
import torch

from svct import psnr
from svct.errors import InputError
from svct.geometry import Projector
from svct.physics import Acquisition
from svct.recon import load_backbone, polish
from svct.recon.polish import misfit
from svct.recon.reconstructor import find_reconstructor
from svct.tasks import load_task


def scanned(name: str, photons: float) -> tuple[torch.Tensor, torch.Tensor, Projector]:
    task = load_task(name)
    truth = task.cohort.images(task.cohort.split("test")[:2])
    A = Projector(replace(task.scan, angles=np.arange(24) * np.pi / 24), task.grid)
    return truth, Acquisition(photons=photons).measure(A(truth), seed=4), A


def test_the_truth_fits_its_data() -> None:
    truth, y, A = scanned("water", 1e5)
    assert all(0.6 < value < 1.1 for value in misfit(y, A, truth).tolist())
    assert bool((misfit(y, A, 1.05 * truth) > 5).all())


def test_an_image_that_explains_its_data_comes_back_bit_for_bit() -> None:
    _, y, A = scanned("chest", 2e5)
    x = load_backbone()(y, A)
    assert torch.equal(polish(y, A, x), x)


def test_an_object_unlike_the_training_is_mended() -> None:
    truth, y, A = scanned("part", 2e5)
    x = load_backbone()(y, A)
    assert bool((misfit(y, A, x) > 2).all())
    better = polish(y, A, x)
    assert psnr(better, truth) > psnr(x, truth) + 1
    assert bool((misfit(y, A, better) < misfit(y, A, x)).all())
    by_name = find_reconstructor("polished").reconstruct(y, A, settings={}, each=lambda _: None, say=lambda _: None)
    assert torch.equal(by_name, better)
    alone = polish(y[1].numpy(), A, x[1].numpy())
    np.testing.assert_allclose(alone, better[1].numpy(), atol=1e-6)


def test_faint_scans_are_left_alone() -> None:
    _, y, A = scanned("part", 1e3)
    x = load_backbone()(y, A)
    assert torch.equal(polish(y, A, x), x)


def test_wrong_shapes_are_named() -> None:
    _, y, A = scanned("water", 1e5)
    with pytest.raises(InputError, match="x: expected"):
        polish(y, A, torch.zeros(2, 5, 5))
