from pathlib import Path

import pytest
import torch

from svct.errors import DataFileError, InputError
from svct.geometry import Grid, ParallelBeam, Projector
from svct.recon import UnrolledNet
from svct.recon.networks import backbone_path
from svct.recon.task_module import TaskModule, adapted, fit_adapter

A = Projector(ParallelBeam([0.3 * v for v in range(10)], bins=24), Grid(shape=(20, 20)))


def discs(count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    row, col = torch.meshgrid(torch.arange(20.0), torch.arange(20.0), indexing="ij")
    x, y, r = (torch.rand(count, 1, 1, generator=generator) for _ in range(3))
    return 0.02 * (torch.hypot(row - 6 - 8 * y, col - 6 - 8 * x) < 2 + 4 * r)


def error(net: UnrolledNet, images: torch.Tensor) -> float:
    with torch.inference_mode():
        return float((net(A(images), A) - images).square().mean())


def test_an_adapter_helps_its_task_and_leaves_the_backbone_alone(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = UnrolledNet(unrolls=3, width=8)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    images = [discs(4, seed) for seed in range(30)]
    module = TaskModule(
        "discs", "0" * 64, torch.randn(360), fit_adapter(net, [(x, A(x), A) for x in images], learning_rate=1e-2)
    )
    module.save(tmp_path / "discs.safetensors")
    assert (tmp_path / "discs.safetensors").stat().st_size < 20_000
    again = TaskModule.load(tmp_path / "discs.safetensors")
    assert module.logits is not None
    assert again.logits is not None
    assert torch.equal(again.logits, module.logits)
    fresh = discs(8, seed=99)
    assert error(adapted(net, again), fresh) < 0.95 * error(net, fresh)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    with pytest.raises(InputError, match="expected corrections of this backbone's weights"):
        adapted(UnrolledNet(unrolls=1, width=4), again)


def test_damaged_modules(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello" * 100)
    with pytest.raises(DataFileError, match="expected a task module, cannot be loaded"):
        TaskModule.load(tmp_path / "text")
    with pytest.raises(DataFileError, match="expected a task module"):
        TaskModule.load(backbone_path())
