import math
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from svct.ellipsoid import draw_ellipsoid
from svct.errors import InputError
from svct.geometry import ConeBeam, Grid, Helical, Projector, Scan
from svct.geometry.analytic import ellipsoid_projections, ray_lines
from svct.metrics import psnr
from svct.recon import fbp, fdk
from svct.recon.helical_cover import covered_slices
from svct.recon.helical_rebin import hermite_taps

SIZES: dict[str, Any] = {"rows": 12, "bins": 100, "row_mm": 3.0, "bin_mm": 2.4, "source_mm": 300, "detector_mm": 180}
WIDTH = 12 * 3.0 / 1.6
"""Height of the detector as seen at the axis, mm."""
GRID = Grid(shape=(6, 64, 64), voxel_mm=1.5)
DEG = math.pi / 180


def helix(pitch: float, *, views: int = 240, reach_mm: float = 20.0, **options: Any) -> Helical:
    """Return a helix of so much feed per collimated width that sees all within a height of the middle."""
    feed = pitch * WIDTH
    turns = (2 * reach_mm + WIDTH) / abs(feed) + 1.2 if feed else 1.0
    return Helical(np.arange(int(turns * views)) * 2 * np.pi / views, **{**SIZES, **options}, pitch_mm=feed)


def cylinder_projections(scan: Scan, radius_mm: float, half_mm: float, value: float = 0.02) -> NDArray[np.float32]:
    """Return exact data of an upright cylinder with flat ends: of each ray what lies between both mantle and ends."""
    origin, along = ray_lines(scan)
    square = (along[..., :2] ** 2).sum(axis=-1)
    nearest = -(origin[..., :2] * along[..., :2]).sum(axis=-1) / square
    past = origin[..., :2] + nearest[..., None] * along[..., :2]
    half = np.sqrt(np.clip(radius_mm**2 - (past**2).sum(axis=-1), 0, None) / square)
    slope = np.where(along[..., 2] == 0, 1e-12, along[..., 2])
    ends = np.sort([(-half_mm - origin[..., 2]) / slope, (half_mm - origin[..., 2]) / slope], axis=0)
    inside = np.minimum(nearest + half, ends[1]) - np.maximum(nearest - half, ends[0])
    return np.asarray(value * np.linalg.norm(along, axis=-1) * np.clip(inside, 0, None), dtype=np.float32)


def rings(x: Any, grid: Grid, within_mm: float) -> NDArray[np.float64]:
    """Return the relative error of the mean of every slice's rings of six millimetres, ``(slice, ring)``."""
    place = (np.arange(grid.shape[1]) - (grid.shape[1] - 1) / 2) * grid.voxel_mm
    radius = np.hypot(place[:, None], place)
    bounds = np.arange(0, within_mm, 6.0)
    return np.stack(
        [np.asarray(x)[:, (radius >= r) & (radius < r + 6)].mean(axis=1) / 0.02 - 1 for r in bounds], axis=1
    )


@pytest.mark.parametrize("curved", [False, True], ids=["flat", "curved"])
@pytest.mark.parametrize("pitch", [0.5, 1.0, 1.5, -1.0, 0.0])
def test_water_comes_back(pitch: float, curved: bool) -> None:
    scan = helix(pitch, curved=curved)
    error = rings(fdk(cylinder_projections(scan, 40.7, 18.0), Projector(scan, GRID)), GRID, 36)
    assert float(np.abs(error).max()) < 0.005
    assert float(np.ptp(error, axis=0).max()) < 0.001


@pytest.mark.parametrize(
    "options", [{"offset_mm": (0.6, 5.0)}, {"offset_mm": (0.6, -5.0), "curved": True}, {"tilt": (0, 0, 0.1)}]
)
def test_so_it_does_with_detectors_moved_and_turned(options: dict[str, Any]) -> None:
    scan = helix(0.8, **options)
    error = rings(fdk(cylinder_projections(scan, 40.7, 18.0), Projector(scan, GRID)), GRID, 36)
    assert float(np.abs(error).max()) < 0.005


@pytest.mark.parametrize("curved", [False, True], ids=["flat", "curved"])
def test_balls_are_as_sharp_as_from_a_circle(curved: bool) -> None:
    grid = Grid(shape=(8, 72, 72), voxel_mm=1.5)
    balls = [((15, -10, 1), (25, 25, 25), 0.02), ((-28, 12, -2), (9, 9, 9), 0.02), ((20, -12, 2), (6, 6, 6), -0.01)]
    truth = sum(draw_ellipsoid(grid, centre_mm=c, axes_mm=a, value=v) for c, a, v in balls)

    def quality(scan: ConeBeam) -> float:
        y = sum(ellipsoid_projections(scan, *ball) for ball in balls).astype(np.float32)  # type: ignore[union-attr]
        return psnr(fdk(y, Projector(scan, grid))[3:5], np.asarray(truth)[3:5])

    circle = quality(ConeBeam([i * DEG for i in range(360)], **SIZES, curved=curved))
    assert circle > 30
    assert quality(helix(1.0, views=360, reach_mm=8, curved=curved)) > circle - 1
    assert quality(helix(0.5, views=360, reach_mm=8, curved=curved)) > circle - 1


def test_views_in_any_order_and_given_twice() -> None:
    scan = helix(1.0, views=60, reach_mm=8, curved=True)
    A = Projector(scan, GRID)
    y = torch.rand(2, *A.range_shape, generator=torch.Generator().manual_seed(0))
    order = [*np.random.default_rng(0).permutation(len(scan)).tolist(), 3, 40]
    assert torch.allclose(fbp(y[..., order, :], A[order]), fbp(y, A), atol=1e-5)


def test_pieces_of_any_size_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    A = Projector(helix(1.0, views=48, reach_mm=8), Grid(shape=(4, 12, 12), voxel_mm=4.0))
    y = torch.rand(A.range_shape, generator=torch.Generator().manual_seed(0))
    whole = fdk(y, A)
    monkeypatch.setattr("svct.recon.backproject.SAMPLES", 100)
    monkeypatch.setattr("svct.recon.helical_rebin.CHUNK", 100)
    assert torch.allclose(fdk(y, A), whole, atol=1e-6)


def test_the_gradient_is_the_adjoint() -> None:
    scan = helix(1.0, views=48, reach_mm=8)
    A = Projector(scan, Grid(shape=(4, 12, 12), voxel_mm=4.0))
    generator = torch.Generator().manual_seed(1)
    y, probe = torch.rand(A.range_shape, generator=generator), torch.rand(A.domain_shape, generator=generator)
    image = fdk(y.requires_grad_(True), A)
    (gradient,) = torch.autograd.grad((image * probe).sum(), y)
    assert float((gradient * y.detach()).sum()) == pytest.approx(float((image.detach() * probe).sum()), rel=1e-4)


def test_slices_beyond_the_helix_are_zero_and_named() -> None:
    scan, grid = helix(1.0, reach_mm=6), Grid(shape=(30, 32, 32), voxel_mm=3.0)
    covered = covered_slices(scan, grid).numpy()
    first, last = np.flatnonzero(covered)[[0, -1]]
    assert 0 < first < last < 29
    assert covered[first : last + 1].all()
    y = cylinder_projections(scan, 40.7, 500.0)
    with pytest.warns(UserWarning, match=rf"covers slices {first} to {last} of 0 to 29, z = .* left at zero"):
        x = fdk(y, Projector(scan, grid))
    assert np.isfinite(x).all()
    assert not x[~covered].any()
    assert float(np.abs(rings(x[covered], grid, 36)).max()) < 0.005


def test_an_upright_helix_covers_what_its_source_passes() -> None:
    scan, grid = helix(1.0, reach_mm=6), Grid(shape=(31, 32, 32), voxel_mm=2.0)
    middle = covered_slices(scan, grid)
    assert bool((middle == middle.flip(0)).all())
    lifted = Helical(scan.angles, **SIZES, pitch_mm=scan.pitch_mm, start_z_mm=float(scan.start_z_mm or 0) + 6)
    assert bool((covered_slices(lifted, grid)[3:] == middle[:-3]).all())


@pytest.mark.parametrize("curved", [False, True], ids=["flat", "curved"])
def test_the_largest_pitch_it_names_is_one_without_gaps(curved: bool) -> None:
    grid = Grid(shape=(2, 64, 64), voxel_mm=1.5)
    fast = helix(2.5, curved=curved)
    with pytest.raises(
        InputError, match=r"leave no gap within 47.25 mm of the axis, a pitch_mm of at most (\S+),"
    ) as e:
        fdk(np.zeros(Projector(fast, grid).range_shape, np.float32), Projector(fast, grid))
    most = float(str(e.value).split("at most ")[1].split(",")[0])
    assert 1.5 < most / WIDTH < 2
    slow = helix(0.99 * most / WIDTH, curved=curved)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = fdk(cylinder_projections(slow, 40.7, 500.0), Projector(slow, grid))
    assert float(np.abs(rings(x, grid, 36)).max()) < 0.005


def test_on_the_axis_half_turns_may_just_meet() -> None:
    A = Projector(helix(2.05), Grid(shape=(2, 2, 2), voxel_mm=1e-3))
    with pytest.raises(InputError, match=rf"a pitch_mm of at most {2 * WIDTH:.4g}, got 46.12; take a smaller grid"):
        fdk(np.zeros(A.range_shape, np.float32), A)


@pytest.mark.parametrize(
    ("scan", "message"),
    [
        (helix(1.0, source_shift_mm=[[1, 0, 0], [-1, 0, 0]]), "a helix without a flying focal spot, .* sirt"),
        (helix(1.0, tilt=0.1), "detector rows across the z axis .* got 5.73 deg off"),
        (helix(1.0, views=30), "no more than 10 deg apart, got 12 deg; .* sirt"),
        (helix(1.0)[:130], "at least 207.8 deg, half a turn and the angle of its fan, got 193.5 deg; take more views"),
        (helix(1.0, offset_mm=60), "reach the edge of the grid, 47.25 mm from the axis, on both sides, got 36.*sirt"),
        (helix(1.0, start_z_mm=500.0), "a grid of which the helix sees a slice .* sources from .* move the grid"),
    ],
    ids=["focal spot", "tilt", "gaps", "short", "displaced", "elsewhere"],
)
def test_what_it_cannot_do_is_named(scan: Helical, message: str) -> None:
    A = Projector(scan, GRID)
    with pytest.raises(InputError, match=message):
        fdk(np.zeros(A.range_shape, np.float32), A)


def test_a_helix_takes_no_weights_of_views() -> None:
    A = Projector(helix(1.0, views=60), GRID)
    y = torch.zeros(A.range_shape)
    with pytest.raises(InputError, match="view_weights: expected none for a helix"):
        fdk(y, A, view_weights=torch.ones(A.range_shape[1]))
    with pytest.raises(InputError, match=r"coverage: expected 'auto' for a helix, .* got 'short'"):
        fdk(y, A, coverage="short")


def test_taps_keep_lines_straight() -> None:
    nodes = torch.tensor([0.0, 0.5, 2.0, 2.2, 5.0], dtype=torch.float64)
    at = torch.linspace(0, 5, 41, dtype=torch.float64)
    index, shares = hermite_taps(nodes, at)
    assert torch.allclose(((3 * nodes + 1)[index] * shares).sum(dim=-1), 3 * at + 1)
    even = torch.arange(9, dtype=torch.float64)
    index, shares = hermite_taps(even, torch.tensor([3.5], dtype=torch.float64))
    assert shares[0].tolist() == [-0.0625, 0.5625, 0.5625, -0.0625]  # Keys's
    assert hermite_taps(even, torch.tensor([-2.0, 20.0], dtype=torch.float64))[1].tolist() == [
        [0, 1, 0, 0],
        [0, 0, 1, 0],
    ]
