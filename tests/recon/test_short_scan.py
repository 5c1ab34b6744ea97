import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from svct.errors import InputError
from svct.geometry import FanBeam, ParallelBeam
from svct.recon.frames import upright_frames
from svct.recon.short_scan import fan_angles, parker_weights, redundancy_weights, view_coverage

DEG = math.pi / 180


def fan(angles: object, **options: object) -> FanBeam:
    detector = {"bins": 161, "bin_mm": 3.0, "source_mm": 600, "detector_mm": 400}
    return FanBeam(angles, **{**detector, **options})  # type: ignore[arg-type]


def is_short(angles: object) -> bool:
    return view_coverage(fan(angles)).short


@given(span=st.floats(1.5, 2 * math.pi), turn=st.floats(0, 1), angle=st.floats(-0.6, 0.6))
def test_weights_of_rays_on_one_line_add_up_to_one(span: float, turn: float, angle: float) -> None:
    here, fan = torch.tensor([turn * span], dtype=torch.float64), torch.tensor([angle], dtype=torch.float64)
    total = parker_weights(here, fan, span)
    for half_turn in (-math.pi, math.pi):
        total = total + parker_weights(here + half_turn - 2 * fan, -fan, span)
    assert float(total) == pytest.approx(1, abs=1e-9)


def test_what_parker_gave() -> None:
    # At span = pi + fan angle his weights: nothing at the first view, one half where both rays are equally far in.
    half = 0.2
    turn, fan = torch.tensor([0.0, half, half, math.pi / 2]), torch.tensor([0.1, 0.0, half, 0.0])
    got = parker_weights(turn, fan, math.pi + 2 * half)
    assert got.tolist() == pytest.approx([0, 0.5, math.sin(math.pi / 8) ** 2, 1], abs=1e-6)


def test_angles_of_the_rays() -> None:
    scan = fan([0.3, 2.0])
    assert torch.allclose(
        fan_angles(upright_frames(scan), 161)[0], torch.atan(3.0 * (torch.arange(161.0).double() - 80) / 1000)
    )
    curved = fan_angles(upright_frames(fan([0.3], curved=True, offset_mm=30.0)), 161)
    assert torch.allclose(curved[0], 0.03 + 0.003 * (torch.arange(161.0).double() - 80))


@pytest.mark.parametrize("span", [205, 220, 260])
def test_short_scans_are_seen(span: int) -> None:
    for views in (24, 60, span):
        angles = np.linspace(0, span * DEG, views, endpoint=False) + 5.0
        assert is_short(angles)
        assert is_short(np.random.default_rng(0).permutation(-angles))
        covered = view_coverage(fan(angles))
        assert covered.span == pytest.approx(span * DEG)
        assert torch.allclose(covered.arcs, torch.tensor(span * DEG / views))


def test_sparse_views_of_the_full_circle_are_not() -> None:
    rng = np.random.default_rng(0)
    assert not any(is_short(np.arange(n) * 2 * np.pi / n + 1) for n in (1, 2, 3, 4, 5, 23, 24, 360))
    sets = [rng.permutation(360)[:24] * DEG for _ in range(400)]
    assert sum(map(is_short, sets)) <= 2
    # The same sets over the half circle in parallel beam: there is no short scan.
    assert not any(view_coverage(ParallelBeam(s / 2, bins=9)).short for s in sets)
    assert not is_short([0.0, 0.0, 1.0])
    assert not is_short(np.repeat([0.0, 2.0, 4.0], 50))


def test_the_keyword_decides() -> None:
    scan = fan(np.arange(300) * DEG)
    assert view_coverage(scan).short
    full = view_coverage(scan, "full")
    assert not full.short
    assert float(full.arcs.sum()) == pytest.approx(2 * math.pi)
    assert torch.equal(redundancy_weights(scan, full), torch.full((300, 161), 0.5))
    short = view_coverage(fan(np.arange(24) * 15 * DEG), "short")
    assert short.short
    assert short.span == pytest.approx(2 * math.pi)
    with pytest.raises(InputError, match="at least two different angles for a short scan, got one"):
        view_coverage(fan([0.3, 0.3]), "short")


def test_arcs_of_irregular_short_scans_add_up_to_their_span() -> None:
    angles = np.random.default_rng(3).uniform(1, 1 + 230 * DEG, 50)
    covered = view_coverage(fan(np.append(angles, angles[:5])))
    inner = angles.max() - angles.min()
    assert covered.span == pytest.approx(inner * (1 + 1 / 49))
    assert float(covered.arcs.sum()) == pytest.approx(covered.span, rel=1e-6)
    assert bool((covered.turn > 0).all())
    assert bool((covered.turn < covered.span).all())
    # A view given twice shares what one would have.
    alone = view_coverage(fan(angles)).arcs
    assert float(covered.arcs[2] + covered.arcs[52]) == pytest.approx(float(alone[2]), rel=1e-5)
