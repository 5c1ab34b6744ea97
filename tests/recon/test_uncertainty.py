from pathlib import Path

import pytest
import torch

from svct.errors import DataFileError
from svct.geometry import Grid, ParallelBeam, Projector
from svct.physics import Acquisition
from svct.recon import UnrolledNet, load_backbone
from svct.recon.networks import save_network
from svct.recon.uncertainty import Uncertainty, load_uncertainty
from svct.tasks import load_task
from svct.units import MU_WATER


def test_the_head_learns_the_size_of_the_errors_and_leaves_the_image_alone() -> None:
    torch.manual_seed(0)
    backbone = UnrolledNet(unrolls=2, width=4)
    head = Uncertainty(width=8, depth=2, backbone=backbone)
    A = Projector(ParallelBeam([0.3 * v for v in range(10)], bins=24), Grid(shape=(20, 20)))
    row = torch.arange(20)[:, None]
    images = 0.02 * (row < 10) * (torch.rand(8, 20, 20) < 0.5)  # nothing but noise above, nothing below
    y = A(images)
    optimiser = torch.optim.Adam(head.parameters(), lr=2e-3)
    for _ in range(120):
        optimiser.zero_grad()
        loss = head.loss(images, y, A)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    with torch.inference_mode():
        x, std = head(y[:, None], A)
        assert torch.equal(x, backbone(y[:, None], A))
    wrong = (x[:, 0] - images).abs().mean(dim=(0, 2))
    said = std[:, 0].mean(dim=(0, 2)) / 2**0.5
    assert said[2:8].mean() > 2 * said[14:].mean()
    assert 0.5 < said.mean() / wrong.mean() < 2
    assert not any(p.requires_grad for p in backbone.parameters())


def test_heads_of_other_backbones_are_refused(tmp_path: Path) -> None:
    save_network(Uncertainty(width=4), tmp_path / "head.safetensors", about={"backbone_sha256": "0" * 64})
    with pytest.raises(DataFileError, match=r"expected a head trained on the backbone .* got one for 000000000000"):
        load_uncertainty(tmp_path / "head.safetensors")
    save_network(load_backbone(), tmp_path / "net.safetensors", about={})
    with pytest.raises(DataFileError, match="expected a head for error bars, got a UnrolledNet"):
        load_uncertainty(tmp_path / "net.safetensors")


def test_the_error_bars_that_come_with_svct_hold_most_of_a_chest() -> None:
    task = load_task("chest")
    truth = task.cohort.images(task.cohort.split("test")[:1])
    A = Projector(task.scan, task.grid)[list(range(0, len(task.scan), len(task.scan) // 24))]
    x, std = load_uncertainty()(Acquisition(photons=5e4).measure(A(truth), seed=1), A)
    body = truth > 0.5 * MU_WATER
    held = ((x - truth).abs() < 1.6449 * std)[body].float().mean()
    assert 0.85 < float(held) < 0.99
