from pathlib import Path

import pytest
import torch

from svct.errors import DataFileError, OutputExistsError
from svct.geometry import FanBeam, Grid, ParallelBeam, Projector
from svct.recon import UnrolledNet, load_backbone
from svct.recon.networks import backbone_path, save_network


def small() -> UnrolledNet:
    torch.manual_seed(0)
    net = UnrolledNet(unrolls=2, width=4, memory=2)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return net


def test_shipped_weights_are_small_and_frozen() -> None:
    assert backbone_path().stat().st_size < 8e6
    assert not any(p.requires_grad for p in load_backbone().parameters())


def test_round_trip(tmp_path: Path) -> None:
    net, path = small(), tmp_path / "net.safetensors"
    save_network(net, path, about={"steps": 1})
    A = Projector(ParallelBeam([0.1, 0.7, 2.0], bins=21), Grid(shape=(17, 19)))
    y = torch.rand(2, 3, 21)
    assert torch.equal(load_backbone(path)(y, A), net(y, A))
    with pytest.raises(OutputExistsError, match="expected a free name"):
        save_network(net, path, about={})


def test_damaged_files(tmp_path: Path) -> None:
    whole = tmp_path / "net.safetensors"
    save_network(small(), whole, about={})
    for name, content in {"empty": b"", "short": whole.read_bytes()[:-100], "text": b"hello" * 100}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataFileError, match="expected the weights of a backbone, cannot be loaded"):
            load_backbone(tmp_path / name)
    with pytest.raises(DataFileError, match="found no file"):
        load_backbone(tmp_path / "missing")


def test_a_view_of_weight_zero_counts_for_nothing() -> None:
    net, grid = small(), Grid(shape=(16, 16))
    scan = ParallelBeam([0.1, 0.9, 1.7, 2.5], bins=20)
    A, y = Projector(scan, grid), torch.rand(1, 4, 20)
    changed = y.clone()
    changed[:, 2] += 5
    weights = torch.tensor([0.8, 0.8, 0.0, 0.8])
    assert torch.allclose(net(y, A, view_weights=weights), net(changed, A, view_weights=weights), atol=1e-7)
    assert not torch.allclose(net(y, A), net(changed, A), atol=1e-4)


def test_gradients_reach_the_view_weights() -> None:
    net, A = small(), Projector(ParallelBeam([0.1, 0.9, 1.7], bins=20), Grid(shape=(16, 16)))
    weights = torch.tensor([1.0, 1.0, 0.0], requires_grad=True)
    net(torch.rand(1, 3, 20), A, view_weights=weights).square().sum().backward()
    assert weights.grad is not None
    assert bool((weights.grad.abs() > 0).all())


def test_any_geometry_batch_and_size() -> None:
    net = small()
    fan = FanBeam([0.0, 1.0, 2.0, 3.0, 5.0], bins=40, source_mm=100, detector_mm=60)
    for scan, grid in ((fan, Grid(shape=(13, 22))), (ParallelBeam([0.5], bins=7), Grid(shape=(5, 6)))):
        A = Projector(scan, grid)
        y = torch.rand(2, 3, *A.range_shape)
        out = net(y, A)
        assert out.shape == (2, 3, *grid.shape)
        assert torch.allclose(out[1, 2], net(y[1, 2], A), atol=1e-5)
