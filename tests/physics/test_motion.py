import math
from collections.abc import Sequence

import pytest
import torch

from svct.errors import InputError
from svct.geometry import Grid, ParallelBeam, Projector
from svct.physics.motion import Breathing, Heartbeat, Motion, Sway
from svct.physics.moving import project_moving, view_times, warp
from svct.recon import fbp
from svct.tasks.cohort import Cohort

GRID = Grid(shape=(64, 64), voxel_mm=4.0)
ANGLES = [k * math.pi / 60 for k in range(60)]
A = Projector(ParallelBeam(ANGLES, bins=96, bin_mm=4.0), GRID)


def blob(x: float, y: float) -> torch.Tensor:
    axis = (torch.arange(64) - 31.5) * 4.0
    return torch.exp(-((axis - x) ** 2 + (-axis[:, None] - y) ** 2) / (2 * 12.0**2)) * 0.02


def centre(image: torch.Tensor) -> tuple[float, float]:
    axis = (torch.arange(64) - 31.5) * 4.0
    total = image.sum()
    return float((image.sum(dim=0) * axis).sum() / total), float(-(image.sum(dim=1) * axis).sum() / total)


def test_sway_moves_and_turns_the_patient() -> None:
    shifted = warp(blob(20, 10), GRID, [Sway(shift_mm=(12, -8), period_s=4)], time_s=1.0)
    assert centre(shifted) == pytest.approx((32, 2), abs=0.05)
    turned = warp(blob(40, 0), GRID, [Sway(angle_deg=90, period_s=4)], time_s=1.0)
    assert centre(turned) == pytest.approx((0, 40), abs=0.2)


def test_breathing_lifts_the_front_and_leaves_the_back() -> None:
    breath = Breathing(rise_mm=16, front_mm=60, back_mm=-60, period_s=4)
    assert centre(warp(blob(0, 60), GRID, [breath], time_s=2.0))[1] == pytest.approx(76, abs=1.5)
    assert centre(warp(blob(0, 0), GRID, [breath], time_s=2.0))[1] == pytest.approx(8, abs=1)
    assert centre(warp(blob(0, -90), GRID, [breath], time_s=2.0))[1] == pytest.approx(-90, abs=0.1)


def test_a_heart_contracts_towards_its_centre() -> None:
    beat = Heartbeat(centre_mm=(20, 0), radius_mm=60, contraction=0.3, period_s=1)
    small = warp(blob(20, 0), GRID, [beat], time_s=0.5)
    assert centre(small) == pytest.approx((20, 0), abs=0.1)
    assert float(small.sum()) < 0.7 * float(blob(20, 0).sum())


@pytest.mark.parametrize("motion", [Sway((9, 3), 5), Breathing(16, 60, -60), Heartbeat((0, 0), 40)])
def test_everything_rests_at_time_zero(motion: Motion) -> None:
    image = blob(10, 20)
    assert torch.allclose(warp(image, GRID, [motion], time_s=0.0), image, atol=1e-6)
    assert torch.allclose(project_moving(A, image, [motion], times_s=[0.0] * 60), A(image), atol=1e-4)


def test_each_view_sees_the_patient_of_its_time() -> None:
    motions: Sequence[Motion] = [Sway((20, 0), period_s=4), Heartbeat((0, 0), 40)]
    times = view_times(list(range(60)), interval_s=0.05)
    y = project_moving(A, torch.stack([blob(0, 30), blob(20, 0)]), motions, times_s=times, step_s=0.05)
    assert y.shape == (2, 60, 96)
    for view in (0, 7, 31):
        still = A[[view]](warp(blob(20, 0), GRID, motions, time_s=times[view]))
        assert torch.allclose(y[1, view], still[0], atol=1e-3)


def test_the_order_of_views_changes_the_image() -> None:
    image, motion = blob(0, 30), Sway((0, 24), period_s=12)
    in_turn = view_times(list(range(60)), interval_s=0.1)
    golden = view_times(sorted(range(60), key=lambda k: (k * 0.618034) % 1), interval_s=0.1)
    first, second = (fbp(project_moving(A, image, [motion], times_s=t), A) for t in (in_turn, golden))
    assert float((first - second).norm() / fbp(A(image), A).norm()) > 0.1


def test_breathing_of_a_drawn_patient_blurs_the_front_more_than_the_back() -> None:
    grid = Grid(shape=(64, 64), voxel_mm=6.4)
    patient = Cohort("chest", grid, size=1).patient(0)
    operator = Projector(ParallelBeam(ANGLES, bins=96, bin_mm=6.4), grid)
    depth = patient.truth.half_axes_mm[1]
    times = view_times(list(range(60)), interval_s=0.05)
    y = project_moving(operator, patient.image, [Breathing(15, depth, -depth, period_s=3)], times_s=times)
    change = (fbp(y, operator) - fbp(operator(patient.image), operator)).square()
    assert float(change[:32].sum()) > 3 * float(change[32:].sum())


def test_the_projection_is_differentiable_in_the_image() -> None:
    image = blob(0, 0).requires_grad_()
    times = view_times(list(range(60)), interval_s=0.1)
    y = project_moving(A, image, [Breathing(10, 60, -60)], times_s=times, step_s=0.5)
    (gradient,) = torch.autograd.grad(y.square().sum(), image)
    assert float((gradient * image.detach()).sum()) == pytest.approx(2 * float(y.detach().square().sum()), rel=1e-3)


def test_impossible_motion_is_refused() -> None:
    with pytest.raises(InputError, match="period_s: expected a positive time"):
        Sway(period_s=0)
    with pytest.raises(InputError, match="a front above the back"):
        Breathing(5, front_mm=-10, back_mm=10)
    with pytest.raises(InputError, match=r"contraction of 0 to below 0\.5"):
        Heartbeat((0, 0), 10, contraction=0.6)
    with pytest.raises(InputError, match="one finite time for each of 60 views, got 2"):
        project_moving(A, blob(0, 0), [], times_s=[0.0, 1.0])
    with pytest.raises(InputError, match="each view from 0 to 2 once"):
        view_times([0, 0, 2], interval_s=1.0)
    with pytest.raises(InputError, match="expected one on a grid"):
        warp(torch.ones(3, 3), GRID, [], time_s=0.0)
