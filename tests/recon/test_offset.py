import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from svct.cli.main import run
from svct.errors import InputError
from svct.geometry import ConeBeam, FanBeam, Grid, ParallelBeam, Projector, Scan
from svct.geometry.analytic import ellipsoid_projections
from svct.recon import fbp
from svct.recon.frames import upright_frames
from svct.recon.offset import Displaced, displaced_detector
from svct.recon.short_scan import redundancy_weights, view_coverage

RADIUS = 55
FAN: dict[str, Any] = {"bins": 110, "bin_mm": 1.5, "source_mm": 250, "detector_mm": 200}
CONE: dict[str, Any] = {**FAN, "rows": 24, "row_mm": 2.5}
RANDOM = np.random.default_rng(3)


def full(views: int) -> Any:
    return np.arange(views) * 2 * np.pi / views


CASES: dict[str, Scan] = {
    "fan": FanBeam(full(360), offset_mm=50, **FAN),
    "fan-other-side": FanBeam(full(361), offset_mm=-50, **FAN),
    "fan-curved": FanBeam(full(360), offset_mm=50, curved=True, **FAN),
    "fan-curved-other-side": FanBeam(-full(360), offset_mm=-50, curved=True, **FAN),
    "fan-tilted": FanBeam(full(360), offset_mm=50, tilt=0.1, **FAN),
    "fan-irregular": FanBeam(RANDOM.uniform(-9, 9, 900), offset_mm=50, **FAN),
    "cone": ConeBeam(full(240), offset_mm=(50, 0), **CONE),
    "cone-curved": ConeBeam(full(240), offset_mm=(-50, 0), curved=True, **CONE),
    "parallel": ParallelBeam(full(360), bins=90, bin_mm=1.0, offset_mm=25),
    "parallel-other-side": ParallelBeam(full(361), bins=90, bin_mm=1.0, offset_mm=-25),
    "parallel-irregular": ParallelBeam(RANDOM.uniform(-9, 9, 900), bins=90, bin_mm=1.0, offset_mm=25),
    "parallel-3d": ParallelBeam(full(240), bins=90, bin_mm=1.0, rows=14, row_mm=2.5, offset_mm=(25, 0)),
}


def grid_of(scan: Scan) -> Grid:
    return Grid(shape=(128, 128)) if scan.ndim == 2 else Grid(shape=(4, 128, 128))


def rays_of(scan: Scan, coverage: str = "auto") -> Displaced | None:
    covered = view_coverage(scan, coverage)
    return displaced_detector(scan, upright_frames(scan), covered, grid=grid_of(scan), coverage=coverage)


def data_of(scan: Scan) -> Any:
    """Data of a disc of 0.02/mm, or of a cylinder's stand-in, an ellipsoid much longer than the detector is high."""
    size = (RADIUS,) * 2 if scan.ndim == 2 else (RADIUS, RADIUS, 2000)
    return ellipsoid_projections(scan, (0.0,) * scan.ndim, size, 0.02).astype(np.float32)


def errors(x: Any) -> tuple[float, float]:
    """Relative errors within 95 % of the radius: of the mean, and the largest of those of rings of five millimetres."""
    place = np.arange(128) - 63.5
    radius = np.hypot(place[:, None], place)
    image = x.reshape(-1, 128, 128).mean(axis=0) / 0.02 - 1
    rings = [image[(radius >= r) & (radius < r + 5)].mean() for r in range(0, 50, 5)]
    return float(image[radius < 0.95 * RADIUS].mean()), float(np.abs(rings).max())


@pytest.mark.parametrize("case", CASES)
def test_a_disc_comes_back_whole_from_a_displaced_detector(case: str) -> None:
    scan = CASES[case]
    assert rays_of(scan) is not None
    mean, ring = errors(fbp(data_of(scan), Projector(scan, grid_of(scan))))
    assert abs(mean) < 0.005
    assert ring < 0.005


def test_both_rays_of_a_line_add_up_to_one() -> None:
    found = rays_of(FanBeam(full(4), bins=121, bin_mm=1.5, offset_mm=45, source_mm=250, detector_mm=200))
    assert found is not None
    weights = found.weights[0]  # the axis is seen by bin 30 or bin 90
    axis = int((weights - 0.5).abs().argmin())
    assert axis in (30, 90)
    torch.testing.assert_close(weights[axis - 30 : axis + 31] + weights[axis - 30 : axis + 31].flip(0), torch.ones(61))
    assert {float(weights.min()), float(weights.max())} == {0.0, 1.0}


@pytest.mark.parametrize(
    "scan",
    [
        FanBeam(full(36), **FAN),
        FanBeam(full(36), offset_mm=0.375, **FAN),
        FanBeam(full(36), offset_mm=7, **{**FAN, "bins": 200}),
        FanBeam(full(36), offset_mm=0.375, **{**FAN, "bins": 60}),
        FanBeam(np.arange(240) * math.pi / 180, offset_mm=50, **FAN),
        ParallelBeam(np.arange(180) * math.pi / 180, bins=90, bin_mm=1.0, offset_mm=25),
        ParallelBeam(np.linspace(0, 3.1, 7), bins=90, bin_mm=1.0, offset_mm=25),
    ],
    ids=["centred", "quarter", "wide enough", "cut alike", "short", "parallel half turn", "few of half a turn"],
)
def test_others_are_left_alone(scan: Scan) -> None:
    assert rays_of(scan) is None


def test_a_truncated_detector_off_the_axis_is_smooth_up_to_its_far_side() -> None:
    # Cut off on both sides: what the far side alone sees counts whole, and no edge shows where the near side ends.
    scan = FanBeam(full(360), offset_mm=3, **{**FAN, "bins": 60})
    assert rays_of(scan) is not None
    image = fbp(data_of(scan), Projector(scan, grid_of(scan)))
    place = np.arange(128) - 63.5
    radius = np.hypot(place[:, None], place)
    rings = np.array([image[(radius >= r) & (radius < r + 3)].mean() for r in range(0, 24, 3)])
    assert bool((np.diff(rings) > 0).all())
    assert float(np.diff(rings, 2).min()) > -1e-4


@pytest.mark.parametrize(
    ("scan", "message"),
    [
        (FanBeam(full(36), offset_mm=20, **{**FAN, "bins": 60}), "35.34 mm .near side 13.45 mm."),
        (FanBeam(full(36), offset_mm=-20, curved=True, **{**FAN, "bins": 60}), "35.57 mm .near side 13.47 mm."),
        (ConeBeam(full(36), offset_mm=(20, 0), **{**CONE, "bins": 60}), "35.34 mm .near side 13.45 mm."),
        (ParallelBeam(full(36), bins=60, bin_mm=1.0, offset_mm=20), "49.5 mm .near side 9.5 mm."),
    ],
    ids=["fan", "curved", "cone", "parallel"],
)
def test_a_grid_beyond_the_far_side_is_refused(scan: Scan, message: str) -> None:
    A, y = Projector(scan, grid_of(scan)), np.zeros(Projector(scan, grid_of(scan)).range_shape, np.float32)
    expected = rf"far side of a displaced detector to reach the edge of the grid, 63 mm .* got {message}; take a grid"
    with pytest.raises(InputError, match=expected):
        fbp(y, A)
    assert np.isfinite(fbp(y, Projector(scan, Grid(shape=(4, 24, 24)[-scan.ndim :])))).all()


@pytest.mark.parametrize(
    ("scan", "short_mm"),
    [
        (FanBeam(full(36), offset_mm=90, **FAN), "4.583"),
        (FanBeam(full(36), offset_mm=-90, curved=True, **FAN), "4.583"),
        (FanBeam(np.arange(240) * math.pi / 180, offset_mm=90, **FAN), "4.583"),
        (ConeBeam(full(36), offset_mm=(90, 0), **CONE), "4.583"),
        (ParallelBeam(full(36), bins=90, bin_mm=1.0, offset_mm=-50), "5.5"),
        (ParallelBeam(full(36) / 2, bins=90, bin_mm=1.0, offset_mm=50), "5.5"),
    ],
    ids=["fan", "curved", "short", "cone", "parallel", "half turn"],
)
def test_a_near_side_short_of_the_axis_is_refused(scan: Scan, short_mm: str) -> None:
    A = Projector(scan, grid_of(scan))
    with pytest.raises(InputError, match=rf"near side stops {short_mm} mm short of it, .* correct offset_mm"):
        fbp(np.zeros(A.range_shape, np.float32), A)


def test_a_full_circle_of_a_centred_detector_still_counts_half() -> None:
    scan = FanBeam(full(36), **FAN)
    assert bool((redundancy_weights(scan, view_coverage(scan)) == 0.5).all())


def test_short_turns_it_off_and_view_weights_keep_their_units() -> None:
    scan = CASES["parallel"]
    A, y = Projector(scan, grid_of(scan)), data_of(scan)
    assert rays_of(scan, "short") is None
    arcs = torch.full((360,), math.pi / 360)
    np.testing.assert_allclose(fbp(y, A, view_weights=arcs), fbp(y, A), atol=1e-6)


def test_the_command_takes_coverage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan = str(tmp_path / "scan.h5")
    assert run(["simulate", "--task", "head", "--patient", "8", "--out", scan]) == 0
    for coverage in ("auto", "full", "short"):
        out = str(tmp_path / f"{coverage}.h5")
        assert run(["reconstruct", scan, "--method", "fbp", "--coverage", coverage, "--out", out]) == 0
    assert Path(tmp_path / "short.h5").stat().st_size > 0
    assert run(["reconstruct", scan, "--method", "fbp", "--coverage", "half", "--out", str(tmp_path / "x.h5")]) != 0
    assert "full" in capsys.readouterr().err
    assert run(["reconstruct", scan, "--method", "sirt", "--coverage", "full"]) != 0
    assert "--coverage: expected with --method fbp" in capsys.readouterr().err
