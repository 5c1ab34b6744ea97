import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from svct.errors import InputError
from svct.geometry import ConeBeam, FanBeam, Grid, Helical, ParallelBeam, Projector, VectorBeam
from svct.geometry.scan import Scan
from svct.recon import fbp, mlem, sirt
from svct.recon.rows import keep_rows, rows_seen
from svct.recon.slabs import BUDGET_BYTES, Plan, plan_slabs

TURN = (torch.arange(40) * 2 * math.pi / 40).tolist()
CONE = {"rows": 30, "bins": 40, "row_mm": 2.0, "bin_mm": 2.0, "source_mm": 120.0, "detector_mm": 80.0}
SCANS: dict[str, Scan] = {
    "cone": ConeBeam(TURN, **CONE, offset_mm=(0.5, 3.0)),  # type: ignore[arg-type]
    "curved": ConeBeam(TURN, **CONE, curved=True),  # type: ignore[arg-type]
    "tilted": ConeBeam(TURN, **CONE, tilt=(0.0, 0.0, 0.1)),  # type: ignore[arg-type]
    "parallel": ParallelBeam([t / 2 for t in TURN], rows=30, bins=40, row_mm=1.7, offset_mm=(0.0, 2.2)),
}


def put_together(plan: Plan, y: Tensor, method: Callable[[Tensor, Projector], Tensor]) -> Tensor:
    planes = y.reshape(-1, *y.shape[-2:])
    parts = [slab.reconstruct(planes[slab.planes.start : slab.planes.stop], method) for slab in plan]
    return torch.cat(parts).reshape(plan.shape)


@pytest.mark.parametrize("name", [*SCANS, "vectors", "curved vectors"])
@pytest.mark.parametrize("size", [1, 4])
def test_fbp_of_slabs_from_the_rows_that_see_them(name: str, size: int) -> None:
    scan = SCANS[{"vectors": "cone", "curved vectors": "curved"}.get(name, name)]
    if name.endswith("vectors"):
        scan = VectorBeam(scan.vectors, rows=30, bins=40, curved=scan.curved)
    grid = Grid((25, 30, 32), 1.0, (1.0, 2.0, 3.0))
    y = torch.rand(30, 40, 40, generator=torch.Generator().manual_seed(0))
    plan = plan_slabs(scan, grid, (30,), method="fbp", size=size)
    whole = fbp(y, Projector(scan, grid))
    assert len(plan) == -(-25 // size)
    assert max(len(slab.planes) for slab in plan) < 16
    assert float((put_together(plan, y, fbp) - whole).abs().max()) < 2e-5 * float(whole.abs().max())


def test_slices_beyond_the_detector_are_empty_as_in_the_whole() -> None:
    grid = Grid((60, 12, 12), 2.0)
    y = torch.ones(30, 40, 40)
    plan = plan_slabs(SCANS["cone"], grid, (30,), method="fbp", size=5)
    whole = fbp(y, Projector(SCANS["cone"], grid))
    assert float(whole[0].abs().max()) == 0
    assert float((put_together(plan, y, fbp) - whole).abs().max()) < 2e-5 * float(whole.abs().max())


def test_a_source_within_the_grid_takes_all_rows() -> None:
    near = ConeBeam(TURN, **{**CONE, "source_mm": 20.0})  # type: ignore[arg-type]
    assert rows_seen(near, Grid((3, 40, 40))) == range(30)


@pytest.mark.parametrize("method", [sirt, mlem])
def test_rows_at_the_slices_give_the_same_one_by_one(method: Callable[..., Tensor]) -> None:
    scan = ParallelBeam([t / 2 for t in TURN], rows=14, bins=40, offset_mm=(0.3, 0.0))
    grid = Grid((10, 30, 32), 1.0, (1.0, 2.0, 1.0))
    y = torch.rand(14, 40, 40, generator=torch.Generator().manual_seed(0))
    plan = plan_slabs(scan, grid, (14,), method=method.__name__, size=4)
    assert [slab.planes for slab in plan] == [range(3, 7), range(7, 11), range(11, 13)]
    assert "one by one" in plan.note
    whole = method(y, Projector(scan, grid), iterations=4)
    found = put_together(plan, y, lambda y, A: method(y, A, iterations=4))
    assert float((found - whole).abs().max()) < 1e-4 * float(whole.abs().max())


def test_a_stack_is_parted_over_all_its_leading_axes() -> None:
    scan, grid = FanBeam(TURN, bins=40, source_mm=60, detector_mm=40), Grid((20, 24))
    y = torch.rand(2, 5, 40, 40, generator=torch.Generator().manual_seed(0))
    plan = plan_slabs(scan, grid, (2, 5), method="fbp", size=3)
    assert (plan.shape, plan.slices, len(plan)) == ((2, 5, 20, 24), 10, 4)
    assert torch.allclose(put_together(plan, y, fbp), fbp(y, Projector(scan, grid)), atol=1e-6)
    with pytest.raises(IndexError):
        plan[4]


def test_default_sizes_follow_memory() -> None:
    small = ParallelBeam(TURN, bins=40)
    assert plan_slabs(small, Grid((32, 32)), (200,), method="sirt").size == 16
    assert plan_slabs(small, Grid((4000, 4000)), (200,), method="unrolled").size == 1
    cone = ConeBeam(TURN, **{**CONE, "rows": 2000, "bins": 2000, "row_mm": 0.05, "bin_mm": 0.05})  # type: ignore[arg-type]
    plan = plan_slabs(cone, Grid((500, 500, 500), 0.1), (2000,), method="fbp")
    slab = plan[len(plan) // 2]
    assert 4 * (4 * len(slab.planes) * 40 * 2000 + 3 * plan.size * 500**2) < BUDGET_BYTES
    assert 1 < len(plan) < 20
    assert len(plan_slabs(SCANS["cone"], Grid((9, 8, 8)), (30,), method="fbp")) == 1
    assert len(plan_slabs(SCANS["cone"], Grid((9, 8, 8)), (30,), method="tv")) == 1


def test_what_cannot_be_parted_says_why() -> None:
    cone, grid = SCANS["cone"], Grid((9, 8, 8))
    with pytest.raises(InputError, match=r"tv in slabs: .*got ConeBeam in 3D: all slices depend on all data"):
        plan_slabs(cone, grid, (30,), method="tv", size=2)
    with pytest.raises(InputError, match=r"unrolled-std: .*error bars are those of images"):
        plan_slabs(cone, grid, (30,), method="unrolled-std")
    assert len(plan_slabs(cone, grid, (30,), method="unrolled")) == 1
    for row_mm, up in ((1.7, 0.0), (1.0, 0.2)):
        scan = ParallelBeam(TURN, rows=9, bins=40, row_mm=row_mm, offset_mm=(0.0, up))
        with pytest.raises(
            InputError, match=r"row at the height of each slice \(row_mm = voxel_mm\), got ParallelBeam"
        ):
            plan_slabs(scan, grid, (9,), method="sirt", size=2)
    with pytest.raises(InputError, match="got ParallelBeam"):
        plan_slabs(ParallelBeam(TURN, rows=8, bins=40), grid, (8,), method="sirt", size=2)
    with pytest.raises(InputError, match=r"expected one volume to reconstruct in slabs, got \(4,\) of them"):
        plan_slabs(cone, grid, (4, 30), method="fbp", size=2)
    flat = VectorBeam(FanBeam(TURN, bins=40, source_mm=60, detector_mm=40).vectors, bins=40)
    with pytest.raises(InputError, match="expected a parallel or fan beam, got one of vectors"):
        plan_slabs(flat, Grid((8, 8)), (), method="unrolled")
    helix = Helical(TURN, **CONE, pitch_mm=5.0)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="got a helix; leave it out"):
        plan_slabs(helix, grid, (30,), method="fbp", size=2)
    with pytest.raises(InputError, match="got Helical"):
        keep_rows(helix, range(3))
