import math

import numpy as np
import pytest
import torch

import svct
from svct.errors import InputError, UnknownNameError
from svct.geometry import ConeBeam, FanBeam, Grid, ParallelBeam, Projector, Scan
from svct.physics import Acquisition
from svct.recon import arc_weights, fbp, load_backbone, sirt, tv
from svct.tasks import load_task

GRID = Grid(shape=(96, 96), voxel_mm=2.0)
SCANS = [
    ParallelBeam(np.arange(180) * np.pi / 180, bins=140, bin_mm=2.0),
    FanBeam(np.arange(360) * np.pi / 180, bins=200, bin_mm=2.0, source_mm=400, detector_mm=300),
]


def smooth_phantom() -> torch.Tensor:
    row, col = torch.meshgrid(torch.arange(96.0), torch.arange(96.0), indexing="ij")
    blobs = ((30, 40, 9, 1.0), (60, 55, 14, 0.6), (50, 25, 6, -0.3))
    x = torch.zeros(96, 96)
    for r, c, s, h in blobs:
        x += 0.01 * h * (1 + torch.cos(math.pi * (torch.hypot(row - r, col - c) / (2 * s)).clamp(max=1)))
    return x


@pytest.mark.parametrize("scan", SCANS, ids=lambda s: s.kind)
def test_fbp_is_right_in_absolute_numbers(scan: Scan) -> None:
    x = smooth_phantom()
    A = Projector(scan, GRID)
    assert float((fbp(A(x), A) - x).norm() / x.norm()) < 0.02


def test_fbp_of_uneven_views_needs_its_arc_weights() -> None:
    rng = np.random.default_rng(0)
    scan = ParallelBeam(np.sort(rng.uniform(0, np.pi, 240)), bins=96, bin_mm=2.0)
    x, A = smooth_phantom(), Projector(scan, GRID)
    even = torch.full((240,), math.pi / 240)
    weighted, plain = ((fbp(A(x), A, view_weights=w) - x).norm() / x.norm() for w in (None, even))
    assert weighted < 0.1
    assert plain > 1.5 * weighted


def test_order_of_views_does_not_matter() -> None:
    A = Projector(SCANS[0], GRID)
    y = A(smooth_phantom())
    shuffled = torch.randperm(180, generator=torch.Generator().manual_seed(0)).tolist()
    assert torch.allclose(fbp(y, A), fbp(y[shuffled], A[shuffled]), atol=1e-6)


def test_arc_weights() -> None:
    assert float(arc_weights(SCANS[0]).sum()) == pytest.approx(math.pi)
    assert float(arc_weights(SCANS[1]).sum()) == pytest.approx(2 * math.pi)
    # A view given twice shares what one would have; opposite parallel views are the same view.
    single = arc_weights(ParallelBeam([0.0, 1.0, 2.0], bins=1))
    double = arc_weights(ParallelBeam([0.0, 1.0, 1.0 + math.pi, 2.0], bins=1))
    assert float(double[1] + double[2]) == pytest.approx(float(single[1]))
    assert arc_weights(ParallelBeam([0.3], bins=1)).tolist() == pytest.approx([math.pi])
    assert arc_weights(ParallelBeam([0.3, 0.3], bins=1)).tolist() == pytest.approx([math.pi / 2] * 2)


@pytest.mark.parametrize("method", [sirt, tv])
@pytest.mark.parametrize("scan", SCANS, ids=lambda s: s.kind)
def test_iterative_methods_converge_to_the_image(method: type, scan: Scan) -> None:
    x = smooth_phantom().clamp(min=0)
    A = Projector(scan, GRID)
    steps: list[int] = []
    options = {"strength": 0.001} if method is tv else {}
    got = method(A(x), A, iterations=150, each=steps.append, **options)
    assert float((got - x).norm() / x.norm()) < 0.05
    assert float(got.min()) >= 0
    assert steps == list(range(1, 151))


def test_sirt_takes_volumes_too() -> None:
    scan = ConeBeam(np.arange(40) * np.pi / 20, rows=20, bins=24, row_mm=3, bin_mm=3, source_mm=100, detector_mm=50)
    A = Projector(scan, Grid(shape=(8, 12, 12), voxel_mm=3.0))
    x = torch.zeros(2, 8, 12, 12)
    x[:, 2:6, 3:9, 4:9] = 0.02
    got = sirt(A(x), A, iterations=100)
    assert float((got - x).norm() / x.norm()) < 0.1


def test_tv_lowers_what_it_says_it_minimises() -> None:
    x = load_task("chest").cohort.patient(8).image
    A = Projector(ParallelBeam(np.arange(24) * np.pi / 24, bins=128, bin_mm=3.2), Grid(shape=(128, 128), voxel_mm=3.2))
    y = Acquisition().measure(A(x), seed=0)

    def objective(image: torch.Tensor) -> float:
        rows = torch.nn.functional.pad(image[1:] - image[:-1], (0, 0, 0, 1))
        columns = torch.nn.functional.pad(image[:, 1:] - image[:, :-1], (0, 1))
        return float(0.5 * (A(image) - y).square().sum() + 0.15 * torch.hypot(rows, columns).sum())

    values = [objective(tv(y, A, iterations=n)) for n in (50, 200, 800)]
    assert values[0] > values[1] > values[2]
    assert values[1] < 1.05 * values[2]
    shrunk = tv(y, A, iterations=800) * 0.99
    assert objective(shrunk) > values[2]


def test_bad_input_is_named() -> None:
    A = Projector(SCANS[0], GRID)
    y = torch.zeros(180, 140)
    for method in (fbp, sirt, tv, load_backbone()):
        with pytest.raises(InputError, match=r"expected 180 views of 140 bins, .* got shape \(24, 140\)"):
            method(y[:24], A)
        with pytest.raises(InputError, match="expected finite log data, got NaN or infinity"):
            method(y / 0, A)
    with pytest.raises(UnknownNameError, match=r"unknown filter 'hanning': expected one of .* Did you mean 'hann'"):
        fbp(y, A, filter="hanning")
    with pytest.raises(InputError, match="at least 1, got 0"):
        sirt(y, A, iterations=0)
    for strength in (-1.0, math.nan, math.inf):
        with pytest.raises(InputError, match="strength: expected a finite number of 0 or more"):
            tv(y, A, strength=strength)


@pytest.mark.parametrize("anatomy", ["chest", "shoulder", "head", "abdomen"])
def test_the_backbone_beats_fbp_and_tv_on_patients_it_never_saw(anatomy: str) -> None:
    task = load_task(anatomy)
    x = task.cohort.images(task.cohort.split("test")[:4])
    views = list(range(0, 360, 15))
    A = Projector(task.scan, task.grid)[views]
    y = task.acquisition.measure(A(x), seed=5)
    with torch.inference_mode():
        learned = svct.psnr(load_backbone()(y, A), x)
    assert learned > svct.psnr(fbp(y, A), x) + 6
    assert learned > max(svct.psnr(tv(y, A, strength=s), x) for s in (0.05, 0.15))
