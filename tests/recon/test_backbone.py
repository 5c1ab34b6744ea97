import math
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import torch

from svct import psnr
from svct.errors import DataFileError, InputError, OutputExistsError, UnknownNameError
from svct.geometry import ConeBeam, FanBeam, Grid, ParallelBeam, Projector
from svct.physics import Acquisition
from svct.recon import UnrolledNet, load_backbone, tv
from svct.recon.data_step import conditions
from svct.recon.networks import NETWORKS, about_network, backbone_path, load_network, save_network
from svct.tasks import load_task
from svct.units import MU_WATER

Net = TypeVar("Net", bound=torch.nn.Module)


def small() -> UnrolledNet:
    torch.manual_seed(0)
    net = UnrolledNet(unrolls=2, width=4, memory=2)
    return drawn(net)


def drawn(net: Net) -> Net:
    """Give a network weights that half precision holds exactly."""
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
        parameter.data = parameter.data.half().float()
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
        with pytest.raises(DataFileError, match="expected the weights of a network, cannot be loaded"):
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


@pytest.mark.parametrize("kind", ["post-unet", "itnet", "lpd"])
def test_rivals_go_through_files_and_take_any_views(kind: str, tmp_path: Path) -> None:
    settings = {"post-unet": {"width": 4, "depth": 2}, "itnet": {"width": 4, "depth": 2}, "lpd": {"width": 4}}[kind]
    net = drawn(NETWORKS[kind](**settings)).eval()
    save_network(net, tmp_path / "net.safetensors", about={"steps": 1})
    assert about_network(tmp_path / "net.safetensors")["steps"] == 1
    again = load_network(tmp_path / "net.safetensors")
    for views in (1, 7):
        A = Projector(ParallelBeam([0.4 * v for v in range(views)], bins=21), Grid(shape=(17, 19)))
        y = torch.rand(2, 2, views, 21)
        out = again(y, A)
        assert out.shape == (2, 2, 17, 19)
        assert torch.equal(out, net(y, A))
    with pytest.raises(DataFileError, match="expected the weights of a backbone, got those of a"):
        load_backbone(tmp_path / "net.safetensors")
    cone = ConeBeam([0.0, 1.0], rows=4, bins=6, row_mm=1, bin_mm=1, source_mm=50, detector_mm=50)
    with pytest.raises(InputError, match="expected a 2D scan for this method"):
        net(torch.rand(4, 2, 6), Projector(cone, Grid(shape=(3, 4, 4))))


CONE = ConeBeam([0.6 * v for v in range(10)], rows=8, bins=24, row_mm=1.5, bin_mm=1.5, source_mm=100, detector_mm=50)


@pytest.mark.parametrize("form", ["2d", "2.5d", "3d"])
def test_volumes(form: str) -> None:
    net = drawn(UnrolledNet(unrolls=2, width=4, memory=2, form=form))
    A = Projector(CONE, Grid(shape=(6, 13, 14)))
    x = torch.zeros(6, 13, 14)
    x[3, 6, 7] = 0.02
    y = A(x).requires_grad_()
    net(y, A).square().sum().backward()
    assert y.grad is not None
    assert bool(y.grad.isfinite().all())
    if form != "2d":
        with pytest.raises(InputError, match="expected a volume for a network of the form"):
            net(torch.rand(3, 21), Projector(ParallelBeam([0.1, 0.7, 2.0], bins=21), Grid(shape=(17, 19))))


@pytest.mark.parametrize(("form", "reach"), [("2d", 0), ("2.5d", 1)])
def test_how_many_slices_the_regulariser_sees(form: str, reach: int) -> None:
    net = drawn(UnrolledNet(unrolls=1, width=4, memory=2, form=form))
    seen = torch.zeros(1, 6, 7, 8, 8)
    changed = seen.clone()
    changed[:, :, 3] = 1.0
    told = torch.zeros(1, 2)
    differs = (net._regularise(0, changed, told) != net._regularise(0, seen, told)).flatten(3).any(-1)[0].any(0)
    assert differs.nonzero().flatten().tolist() == list(range(3 - reach, 4 + reach))


def kept_bytes(unrolls: int, *, checkpointing: bool) -> int:
    """Return how much a forward pass keeps for its gradient."""
    kept: dict[int, int] = {}
    net = UnrolledNet(unrolls=unrolls, width=8, form="3d")
    net.checkpointing = checkpointing
    A = Projector(CONE, Grid(shape=(8, 16, 16)))

    def pack(t: torch.Tensor) -> torch.Tensor:
        kept[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
        return t

    y = A(torch.rand(8, 16, 16))
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        out = net(y, A)
    out.square().sum().backward()
    return sum(kept.values())


def test_memory_of_training_hardly_grows_with_the_unrolls_under_checkpointing() -> None:
    volume = 4 * 8 * 16 * 16
    plain = kept_bytes(6, checkpointing=False) - kept_bytes(2, checkpointing=False)
    flat = kept_bytes(6, checkpointing=True) - kept_bytes(2, checkpointing=True)
    assert plain > 4 * 40 * volume
    assert flat < 4 * 16 * volume  # image and memory, and the weights themselves


def test_checkpointing_changes_no_gradient() -> None:
    net, A = small(), Projector(ParallelBeam([0.1, 0.9, 1.7], bins=20), Grid(shape=(16, 16)))
    y = torch.rand(2, 3, 20)
    found = []
    for net.checkpointing in (False, True):
        net.zero_grad()
        net(y, A).square().sum().backward()
        found.append(torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None]))
    assert torch.allclose(found[0], found[1], rtol=1e-5)


def test_the_conditions_tell_noise_and_density() -> None:
    A = Projector(ParallelBeam([i * math.pi / 100 for i in range(100)], bins=64), Grid(shape=(64, 64)))
    x = torch.zeros(2, 64, 64)
    x[1, 16:48, 16:48] = 0.06
    for photons in (1e3, 1e5):
        y = Acquisition(photons=photons, electronic_noise=0.0).measure(A(x), seed=0)
        told = conditions(y, A)
        assert torch.allclose(told[:, 0], torch.tensor(2 - 0.5 * math.log10(photons)), atol=0.1)
        assert torch.allclose(told[:, 1], torch.tensor(1 + 0.5 * math.log2(100 / (32 * math.pi))), atol=1e-5)


def test_wrong_settings_are_named() -> None:
    with pytest.raises(UnknownNameError, match="unet"):
        UnrolledNet(network="unett")
    with pytest.raises(UnknownNameError, match=r"2\.5d"):
        UnrolledNet(form="25d")
    with pytest.raises(InputError, match="directions: expected some of fbp, sirt, counts, got ftp"):
        UnrolledNet(directions=["ftp"])


@pytest.mark.parametrize("middle_deg", [0, 60, 90, 150])
def test_a_missing_wedge_costs_no_stripes(middle_deg: int) -> None:
    """At 60 and 150 degrees the first view runs along rows or columns, where stripes are narrowest."""
    task = load_task("chest")
    patient = task.cohort.patient(task.cohort.split("test")[0]).image
    missing = math.radians(60)
    angles = math.radians(middle_deg) + missing / 2 + (math.pi - missing) * np.arange(24) / 24
    A = Projector(replace(task.scan, angles=angles), task.grid)
    y = Acquisition(photons=2e5).measure(A(patient), seed=3)
    assert psnr(load_backbone()(y, A), patient) > psnr(tv(y, A, strength=0.1, iterations=150), patient) + 0.5


def test_the_halved_network_differs_little_and_leaves_the_other_alone() -> None:
    net, A = load_backbone(), Projector(ParallelBeam(np.arange(16) * np.pi / 16, bins=96), Grid(shape=(64, 64)))
    truth = torch.zeros(1, 64, 64)
    truth[:, 20:44, 16:50] = MU_WATER
    y = A(truth)
    exact = net(y, A)
    short = net.halved()(y, A)
    assert short.dtype == torch.float32
    assert 0 < float((short - exact).abs().max()) < 0.02 * MU_WATER
    assert torch.equal(net(y, A), exact)
