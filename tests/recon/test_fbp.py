from typing import Any

import numpy as np
import pytest
import torch

from svct.errors import InputError, UnknownNameError
from svct.geometry import ConeBeam, FanBeam, Grid, Helical, ParallelBeam, Projector, Scan, VectorBeam
from svct.geometry.analytic import ellipsoid_projections
from svct.recon import fbp, fdk

SMALL: dict[str, Any] = {"bins": 24, "bin_mm": 3.0, "source_mm": 100, "detector_mm": 50}
FAN: dict[str, Any] = {**SMALL, "bins": 60, "offset_mm": 0.75}
CONE: dict[str, Any] = {**FAN, "rows": 12, "row_mm": 2.5}


def full(views: int) -> Any:
    return np.arange(views) * 2 * np.pi / views


def steps(views: int, step_deg: float) -> Any:
    return np.deg2rad(np.arange(views) * step_deg)


def as_vectors(scan: Scan) -> VectorBeam:
    rows = scan.detector_shape[0] if scan.ndim == 3 else None
    return VectorBeam(
        scan.vectors, bins=scan.detector_shape[-1], rows=rows, divergent=scan.divergent, curved=scan.curved
    )


@pytest.mark.parametrize(
    "scan",
    [
        ParallelBeam(full(40), bins=50, bin_mm=2.0, offset_mm=0.5),
        ParallelBeam(full(41), bins=50, bin_mm=2.0, rows=9, row_mm=3.0, offset_mm=(0.5, 3.0)),
        FanBeam(steps(40, 7), **FAN),
        FanBeam(full(40), **FAN, curved=True),
        ConeBeam(full(40), **{**CONE, "offset_mm": (0.75, 4.0)}),
        ConeBeam(steps(40, 7), **CONE, curved=True),
    ],
    ids=lambda s: f"{s.kind}{s.ndim}{'-curved' * s.curved}",
)
def test_vector_beams_are_reconstructed_alike(scan: Scan) -> None:
    grid = Grid(shape=(6, 20, 24)[-scan.ndim :], voxel_mm=4.0, origin_mm=(3.0, -5.0, 1.0)[: scan.ndim])
    A, B = Projector(scan, grid), Projector(as_vectors(scan), grid)
    y = torch.rand(2, *A.range_shape, generator=torch.Generator().manual_seed(0))
    x = fbp(y, A)
    assert torch.allclose(fbp(y, B), x, atol=1e-5 * float(x.abs().max()))
    assert torch.allclose(fbp(y[1], A), x[1], atol=1e-5 * float(x.abs().max()))


@pytest.mark.parametrize(
    "scan", [FanBeam(full(9), **SMALL), ConeBeam(full(9), **SMALL, rows=5, row_mm=3.0, curved=True)]
)
def test_gradient_through_fbp(scan: Scan) -> None:
    grid = Grid(shape=(5, 11, 10)[-scan.ndim :], voxel_mm=3.0)
    A = Projector(scan, grid)
    generator = torch.Generator().manual_seed(1)
    y, move = (torch.rand(2, *A.range_shape, generator=generator) for _ in range(2))
    y.requires_grad_(True)
    weights = torch.rand(len(scan), generator=generator).requires_grad_(True)
    change = torch.rand(len(scan), generator=generator)
    probe = torch.rand(2, *grid.shape, generator=generator)
    by_y, by_weights = torch.autograd.grad(
        (fbp(y, A, view_weights=weights) * probe).sum(), (y, weights), create_graph=True
    )
    # FBP is linear in each of the two: differences are exact.
    along_y = (fbp(move, A, view_weights=weights) * probe).sum()
    along_weights = (fbp(y, A, view_weights=change) * probe).sum()
    assert (by_y * move).sum().item() == pytest.approx(along_y.item(), rel=1e-4)
    assert (by_weights * change).sum().item() == pytest.approx(along_weights.item(), rel=1e-4)
    (twice,) = torch.autograd.grad((by_y * move).sum(), weights)
    assert (twice * change).sum().item() == pytest.approx(
        (fbp(move, A, view_weights=change) * probe).sum().item(), rel=1e-4
    )


def test_gradients_after_inference() -> None:
    A = Projector(FanBeam(full(5), **SMALL), Grid(shape=(4, 4)))
    with torch.inference_mode():
        fbp(torch.ones(A.range_shape), A)
    y = torch.ones(A.range_shape, requires_grad=True)
    fbp(y, A).sum().backward()
    assert y.grad is not None


def test_pieces_of_any_size_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    A = Projector(ConeBeam(full(7), **SMALL, rows=9, row_mm=3.0), Grid(shape=(7, 10, 9), voxel_mm=3.0))
    y = torch.rand(A.range_shape, generator=torch.Generator().manual_seed(2))
    whole = fdk(y, A)
    monkeypatch.setattr("svct.recon.backproject.SAMPLES", 100)
    monkeypatch.setattr("svct.recon.preparation.CHUNK", 100)
    assert torch.allclose(fdk(y, A), whole, atol=1e-6)


def test_pixels_at_and_behind_the_source_stay_finite() -> None:
    for curved in (False, True):
        scan = FanBeam(full(12), bins=9, bin_mm=3.0, source_mm=10, detector_mm=20, curved=curved)
        x = fbp(torch.ones(12, 9), Projector(scan, Grid(shape=(31, 31))))
        assert bool(x.isfinite().all())


def test_parallel_fbp_agrees_with_astra() -> None:
    import astra

    scan, grid = ParallelBeam(steps(180, 1), bins=127), Grid(shape=(96, 96))
    y = ellipsoid_projections(scan, (10, -5), (30, 20), 0.02) + ellipsoid_projections(scan, (20, 2), (5, 9), 0.01)
    volume = astra.create_vol_geom(96, 96)
    projector = astra.create_projector(
        "linear", astra.create_proj_geom("parallel", 1.0, 127, np.array(scan.angles)), volume
    )
    data = astra.data2d.create("-sino", astra.create_proj_geom("parallel", 1.0, 127, np.array(scan.angles)), y)
    image = astra.data2d.create("-vol", volume)
    settings = {"ProjectorId": projector, "ProjectionDataId": data, "ReconstructionDataId": image}
    algorithm = astra.algorithm.create({"type": "FBP", **settings, "option": {"FilterType": "ram-lak"}})
    astra.algorithm.run(algorithm)
    theirs = torch.from_numpy(astra.data2d.get(image).copy())
    for kind, number in ((astra.algorithm, algorithm), (astra.projector, projector)):
        kind.delete(number)
    astra.data2d.delete([data, image])
    ours = fbp(torch.from_numpy(y).float(), Projector(scan, grid))
    row, col = torch.meshgrid(torch.arange(96.0) - 47.5, torch.arange(96.0) - 47.5, indexing="ij")
    seen = torch.hypot(row, col) < 46
    assert float((ours - theirs)[seen].norm() / theirs[seen].norm()) < 0.03


@pytest.mark.parametrize(
    ("scan", "message"),
    [
        (Helical(full(9), **CONE, pitch_mm=5.0, tilt=0.1), r"expected detector rows across the z axis .* sirt"),
        (ConeBeam(full(9), **CONE, tilt=0.1), r"expected detector rows across the z axis .* got 5.73 deg off; .* sirt"),
        (ConeBeam(full(9), **CONE, tilt=(0, 0.1, 0)), r"columns along it, got 5.73 deg off"),
        (
            VectorBeam([[0.0, 1.0, 0.2, 0, 0, 0, 1, 0, 0, 0, 0, 1]], bins=5, rows=4, divergent=False),
            "and rays across it, got 11.3 deg off",
        ),
        (
            VectorBeam([[0, -600, 0, 400, 1, 0], [700, 0, -400, 0, 0, 1]], bins=5),
            "expected sources on a circle around the z axis, got distances of 600 to 700 mm .* sirt",
        ),
        (VectorBeam([[1, 0, 0, 0, 1, 0]], bins=5, divergent=False), "a view whose detector lies along its rays"),
    ],
    ids=["helical", "tilt", "lean", "rays", "circle", "edge-on"],
)
def test_geometries_without_a_formula_are_named(scan: Scan, message: str) -> None:
    A = Projector(scan, Grid(shape=(4,) * scan.ndim))
    with pytest.raises(InputError, match=f"(?s){message}"):
        fbp(torch.zeros(A.range_shape), A)


def test_bad_input_is_named() -> None:
    A = Projector(ConeBeam(full(9), **CONE), Grid(shape=(4, 4, 4)))
    with pytest.raises(InputError, match=r"expected 12 rows, 9 views of 60 bins, .* got shape \(9, 60\)"):
        fbp(torch.zeros(9, 60), A)
    with pytest.raises(UnknownNameError, match=r"unknown coverage 'shrt': .* Did you mean 'short'"):
        fbp(torch.zeros(A.range_shape), A, coverage="shrt")
    flat = Projector(FanBeam(full(9), **FAN), Grid(shape=(4, 4)))
    with pytest.raises(InputError, match="fdk: expected a cone beam, got FanBeam in 2D; use fbp"):
        fdk(torch.zeros(flat.range_shape), flat)
