import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from svct.errors import BackendUnavailable
from svct.geometry import ConeBeam, FanBeam, Grid, Helical, ParallelBeam, Projector, Scan
from svct.geometry.reference import project_reference
from svct.testing import adjoint_error, assert_adjoint, projectors

# Every octant, the diagonals where the main axis changes, the axes, unsorted and repeated.
ANGLES = [*np.linspace(0, 2 * np.pi, 17), math.pi / 4, 1.0, 1.0, 3 * math.pi / 4, -0.3]
GRIDS = [
    Grid(shape=(37, 53), voxel_mm=1.7),
    Grid(shape=(48, 48), voxel_mm=1.7, origin_mm=(3.0, -5.0)),
    Grid(shape=(5, 80), voxel_mm=0.9),
    Grid(shape=(61, 2), voxel_mm=1.1),
]
SCANS = [
    ParallelBeam(ANGLES, bins=71, bin_mm=1.9),
    ParallelBeam(ANGLES, bins=150, bin_mm=0.5),
    FanBeam(ANGLES, bins=91, bin_mm=2.9, source_mm=190, detector_mm=120),
    FanBeam(ANGLES, bins=240, bin_mm=0.6, source_mm=130, detector_mm=0),
    FanBeam(ANGLES, bins=90, bin_mm=2.9, source_mm=190, detector_mm=120, curved=True, offset_mm=3.0),
]

CONES = [
    ParallelBeam(ANGLES[::3], bins=31, bin_mm=1.5, rows=17, row_mm=1.1),
    ConeBeam(ANGLES[::3], bins=31, bin_mm=3.5, rows=27, row_mm=1.1, source_mm=90, detector_mm=50),
    ConeBeam(
        ANGLES[::3],
        bins=31,
        bin_mm=3.5,
        rows=9,
        row_mm=9.1,
        source_mm=90,
        detector_mm=50,
        curved=True,
        offset_mm=(2, 3),
    ),
    ConeBeam(
        ANGLES[::3], bins=31, bin_mm=3.5, rows=17, row_mm=3.1, source_mm=90, detector_mm=50, tilt=(0.1, 0.2, -0.1)
    ),
    ConeBeam(
        ANGLES[::3], bins=9, bin_mm=9.5, rows=41, row_mm=6.1, source_mm=50, detector_mm=30
    ),  # steeper than 45 degrees
    Helical(
        ANGLES[::3], bins=31, bin_mm=3.5, rows=17, row_mm=3.1, source_mm=90, detector_mm=50, pitch_mm=7, curved=True
    ),
]
VOLUME = Grid(shape=(13, 21, 18), voxel_mm=1.7, origin_mm=(3.0, -2.0, 1.0))
EVERY = [*((scan, grid) for scan in SCANS for grid in GRIDS), *((scan, VOLUME) for scan in CONES)]
WITH_BACKENDS = [(s, g, b) for s, g in EVERY for b in ("native", "astra-cpu") if s.ndim == 2 or b == "native"]
EVERY_ID = [f"{s.kind}-{s.detector_shape}-{g.shape}" for s, g in EVERY]


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a.double() - b.double()).norm() / b.double().norm())


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("scan", "grid", "backend"), WITH_BACKENDS)
def test_agrees_with_the_reference(scan: Scan, grid: Grid, backend: str) -> None:
    x = noise(*grid.shape)
    expected = project_reference(x.double(), scan, grid)
    assert relative(Projector(scan, grid, backend)(x), expected) < (1e-5 if backend == "native" else 1e-4)


@pytest.mark.parametrize(("scan", "grid", "backend"), WITH_BACKENDS)
def test_adjoint(scan: Scan, grid: Grid, backend: str) -> None:
    assert_adjoint(Projector(scan, grid, backend))


@given(A=projectors())
@settings(max_examples=150, deadline=None)
def test_any_odd_shape_agrees_and_has_its_adjoint(A: Projector) -> None:
    x = noise(*A.domain_shape)
    y, expected = A(x), project_reference(x.double(), A.scan, A.grid)
    scale = A.grid.voxel_mm * max(A.grid.shape)
    assert torch.allclose(y.double(), expected, atol=2e-4 * scale), float((y - expected).abs().max())
    if float(y.norm()) > 1e-2 * scale:
        assert adjoint_error(A) < 1e-5


@pytest.mark.parametrize(("scan", "grid"), EVERY[3::4], ids=EVERY_ID[3::4])
def test_the_geometry_gradient_is_that_of_the_reference(scan: Scan, grid: Grid) -> None:
    A = Projector(scan, grid, "native")
    x, w = noise(*A.domain_shape), noise(*A.range_shape, seed=1)
    vectors = (torch.from_numpy(scan.vectors) + 1e-3).requires_grad_(True)  # off the voxels' centres, where it jumps
    (expected,) = torch.autograd.grad((project_reference(x.double(), scan, grid, vectors=vectors) * w).sum(), vectors)
    (forward,) = torch.autograd.grad((A.at(vectors=vectors)(x) * w).sum(), vectors)
    (back,) = torch.autograd.grad((A.at(vectors=vectors).T(w) * x).sum(), vectors)
    assert relative(forward, expected) < 2e-3
    assert relative(back, expected) < 2e-3


@pytest.mark.parametrize(
    ("scan", "shape"),
    [(SCANS[4], (7, 8)), (CONES[2], (3, 5, 4)), (CONES[3], (3, 5, 4))],
    ids=["fan", "curved", "tilted"],
)
def test_the_reference_passes_gradcheck(scan: Scan, shape: tuple[int, ...]) -> None:
    grid, few = Grid(shape=shape, voxel_mm=6.0), scan[[1, 3]]

    def weighted(vectors: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        y = project_reference(x, few, grid, vectors=vectors)
        return (y * torch.linspace(0, 1, y.numel(), dtype=torch.float64).reshape(y.shape)).sum()

    vectors = (torch.from_numpy(few.vectors) + 1e-3).requires_grad_(True)
    x = noise(*shape).double().requires_grad_(True)
    assert torch.autograd.gradcheck(weighted, (vectors, x), eps=1e-7, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("scan", SCANS, ids=lambda s: f"{s.kind}-{s.bins}")
@pytest.mark.parametrize("batch", [1, 5, 6, 16, 17, 33])
def test_a_batch_is_its_images(scan: Scan, batch: int) -> None:
    A = Projector(scan, GRIDS[0])
    x = noise(batch, *GRIDS[0].shape)
    y = A(x)
    assert relative(y, torch.stack([A(image) for image in x])) < 1e-6
    assert relative(A.T(y), torch.stack([A.T(data) for data in y])) < 1e-6


def test_the_orientation_is_that_of_astra_itself() -> None:
    import astra

    image = np.zeros((40, 60), np.float32)
    image[4:9, 41:50] = 1.0  # top right
    parallel = ParallelBeam(ANGLES, bins=80)
    fan = FanBeam(ANGLES, bins=160, bin_mm=1.5, source_mm=200, detector_mm=100)
    volume = astra.create_vol_geom(40, 60)
    for scan, geometry, kind, limit in (
        (parallel, astra.create_proj_geom("parallel", 1.0, 80, np.array(ANGLES)), "linear", 1e-3),
        (
            fan,
            astra.create_proj_geom("fanflat", 1.5, 160, np.array(ANGLES), 200, 100),
            "line_fanflat",
            0.1,
        ),  # another ray model
    ):
        projector = astra.create_projector(kind, geometry, volume)
        expected = astra.projector.direct_FP(projector, image, out=np.zeros((len(scan), scan.bins), np.float32))
        astra.projector.delete(projector)
        got = Projector(scan, Grid(shape=(40, 60)))(image)
        assert isinstance(got, np.ndarray)
        assert np.linalg.norm(got - expected) < limit * np.linalg.norm(expected)


@pytest.mark.parametrize("scan", [ParallelBeam(ANGLES, bins=201, bin_mm=1.0), SCANS[2]], ids=lambda s: s.kind)
def test_a_disc_gives_its_chords(scan: Scan) -> None:
    grid = Grid(shape=(301, 301), voxel_mm=0.4)
    row, col = torch.meshgrid(torch.arange(301.0) - 150, torch.arange(301.0) - 150, indexing="ij")
    disc = 0.02 * (torch.hypot(row, col) * 0.4 <= 50).float()
    y = Projector(scan, grid)(disc)
    middle = scan.detector_shape[0] // 2
    assert y[:, middle].numpy() == pytest.approx(100 * 0.02, rel=0.01)


@given(views=st.lists(st.integers(-21, 20), min_size=1, max_size=30))
@settings(max_examples=25, deadline=None)
def test_views_of_an_operator_are_rows_of_it(views: list[int]) -> None:
    A = Projector(SCANS[0], GRIDS[0])
    x = noise(*GRIDS[0].shape)
    assert torch.equal(A[views](x), A(x)[views])


@given(a=st.floats(-3, 3), b=st.floats(-3, 3))
@settings(max_examples=15, deadline=None)
def test_linear(a: float, b: float) -> None:
    A = Projector(SCANS[2], GRIDS[1])
    x, z = noise(48, 48), noise(48, 48, seed=1)
    assert torch.allclose(A(a * x + b * z), a * A(x) + b * A(z), atol=2e-3)


def test_gradients_are_the_adjoint_both_ways() -> None:
    A = Projector(SCANS[0], GRIDS[0])
    x = noise(2, *GRIDS[0].shape).requires_grad_(True)
    target = noise(2, *A.range_shape, seed=1).requires_grad_(True)
    (A(x) * target.detach()).sum().backward()
    assert x.grad is not None
    assert torch.allclose(x.grad, A.T(target.detach()), atol=1e-4)
    (A.T(target) * x.detach()).sum().backward()
    assert target.grad is not None
    assert torch.allclose(target.grad, A(x.detach()), atol=1e-4)


@pytest.mark.parametrize(("scan", "grid"), [(SCANS[2], Grid(shape=(9, 8), voxel_mm=2.0)), (CONES[0], VOLUME)])
def test_torch_operator_checks(scan: Scan, grid: Grid) -> None:
    A = Projector(scan, grid)
    x = noise(2, *A.domain_shape).requires_grad_(True)
    y = noise(2, *A.range_shape).requires_grad_(True)
    vectors = torch.from_numpy(scan.vectors).requires_grad_(True)
    beam, place = (scan.divergent, scan.curved), (grid.voxel_mm, grid.origin_mm, "native")
    torch.library.opcheck(torch.ops.svct.project.default, (x, vectors, *beam, False, scan.detector_shape, *place))
    torch.library.opcheck(torch.ops.svct.backproject.default, (y, vectors, *beam, False, grid.shape, *place))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
def test_compiles_with_gradients() -> None:
    A = Projector(SCANS[2], Grid(shape=(9, 8), voxel_mm=2.0))
    angles = torch.tensor(ANGLES, dtype=torch.float64)

    def loss(x: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
        A_here = A.at(angles=angles)
        result: torch.Tensor = (A_here.T(A_here(x) ** 2) * x).sum()
        return result

    results = []
    for function in (loss, torch.compile(loss)):
        x, at = noise(9, 8).requires_grad_(True), angles.clone().requires_grad_(True)
        torch.autograd.backward(function(x, at))
        results.append((x.grad, at.grad))
    for plain, compiled in zip(*results, strict=True):
        assert plain is not None
        assert compiled is not None
        assert relative(compiled, plain) < 1e-4


def test_distance_driven_is_that_of_astra() -> None:
    import astra

    scan = ParallelBeam(ANGLES, bins=400, bin_mm=0.2)
    x = noise(40, 60)
    geometry = astra.create_proj_geom("parallel", 0.2, 400, np.array(ANGLES))
    projector = astra.create_projector("distance_driven", geometry, astra.create_vol_geom(40, 60))
    expected = astra.projector.direct_FP(projector, x.numpy(), out=np.zeros((len(scan), 400), np.float32))
    astra.projector.delete(projector)
    A = Projector(scan, Grid(shape=(40, 60)), model="distance-driven")
    assert relative(A(x), torch.from_numpy(expected)) < 1e-4
    assert relative(Projector(scan, Grid(shape=(40, 60)))(x), torch.from_numpy(expected)) > 0.05


@pytest.mark.parametrize(
    ("scan", "grid"),
    [(SCANS[1], GRIDS[0]), (SCANS[3], GRIDS[0]), (SCANS[4], GRIDS[2]), *((CONES[k], VOLUME) for k in (0, 1, 5))],
)
def test_distance_driven_has_its_adjoint(scan: Scan, grid: Grid) -> None:
    fine = Grid(shape=grid.shape, voxel_mm=4.0)
    A = Projector(scan, fine, model="distance-driven")
    assert_adjoint(A)
    # A body that is the same in every voxel has the same line integrals in both models, but at its edges.
    ones = torch.ones(fine.shape)
    middle = (..., scan.detector_shape[-1] // 2)
    assert torch.allclose(A(ones)[middle], Projector(scan, fine)(ones)[middle], rtol=0.1, atol=4.0)


def test_autocast_keeps_float32() -> None:
    A = Projector(SCANS[0], GRIDS[0])
    x = noise(*GRIDS[0].shape)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = A(x.bfloat16())
    assert y.dtype == torch.float32
    assert relative(y, A(x)) < 1e-2


@pytest.mark.parametrize("isa", ["baseline", "avx2", "avx512"])
def test_every_instruction_set(isa: str) -> None:
    import os
    import subprocess
    import sys

    code = """
import math
import torch
from svct._kernels import instruction_set
from svct.geometry import FanBeam, Grid, ParallelBeam, Projector
from svct.geometry.reference import project_reference
from svct.testing import adjoint_error, assert_adjoint, projectors
grid = Grid(shape=(29, 33))
x = torch.randn(29, 33, generator=torch.Generator().manual_seed(0))
for scan in (ParallelBeam([0.1, 0.8, 1.9], bins=50), FanBeam([0.1, 0.8, 4.0], bins=120, source_mm=60, detector_mm=50)):
    A = Projector(scan, grid)
    expected = project_reference(x.double(), scan, grid)
    assert float((A(x) - expected).norm() / expected.norm()) < 1e-5
    assert_adjoint(A)
    assert float((A(x.expand(8, 29, 33)) - A(x)).abs().max()) < 1e-4
print(instruction_set())
"""
    result = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={**os.environ, "SVCT_ISA": isa},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() in ("baseline", isa)


def test_survives_a_fork() -> None:
    import multiprocessing

    A = Projector(SCANS[0], GRIDS[0])
    x = np.ones(GRIDS[0].shape, np.float32)
    expected = A(x)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for got in pool.map(A, [x, x]):
            assert np.array_equal(got, expected)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_an_error_and_the_process_lives() -> None:
    with pytest.raises(BackendUnavailable, match="needs a CUDA device that ASTRA can use"):
        Projector(SCANS[0], GRIDS[0], backend="astra-cuda")


ON_GPU = [(scan, GRIDS[1]) for scan in SCANS] + [(scan, VOLUME) for scan in CONES]


@pytest.mark.gpu
@pytest.mark.parametrize(("scan", "grid"), [(s, g) for s, g in ON_GPU if not s.curved])
def test_cuda_agrees_with_native(scan: Scan, grid: Grid) -> None:
    native, cuda = Projector(scan, grid, "native"), Projector(scan, grid, "astra-cuda")
    x, y = noise(2, *native.domain_shape), noise(2, *native.range_shape, seed=1)
    for place in ("cpu", "cuda"):
        assert cuda(x.to(place)).device.type == place
        assert relative(cuda(x.to(place)).cpu(), native(x)) < 2e-2
        # The adjoint interpolates otherwise: on noise it is near in its sums alone.
        left, right = (cuda(x.to(place)).cpu() * y).sum(), (cuda.T(y.to(place)).cpu() * x).sum()
        assert abs(float(left - right)) < 2e-2 * float(native(x).norm() * y.norm())


@pytest.mark.gpu
def test_cuda_waits_for_the_stream_of_its_tensor() -> None:
    A = Projector(SCANS[0], GRIDS[1], "astra-cuda")
    x = noise(64, *GRIDS[1].shape).cuda()
    expected = A(2 * x)
    with torch.cuda.stream(torch.cuda.Stream()):  # type: ignore[no-untyped-call]
        late = torch.matmul(torch.eye(48, device="cuda") * 2, x)
        for _ in range(50):
            late = late * 1.0
        got = A(late)
        assert relative(got, expected) < 1e-5


@pytest.mark.gpu
def test_curved_detectors_and_wide_rays_are_not_there_on_cuda() -> None:
    with pytest.raises(BackendUnavailable, match="has flat detectors only, got a curved one"):
        Projector(SCANS[4], GRIDS[0], "astra-cuda")
    with pytest.raises(BackendUnavailable, match="model 'distance-driven' is there with backend 'native' alone"):
        Projector(SCANS[0], GRIDS[0], "astra-cuda", model="distance-driven")


@pytest.mark.gpu
def test_cupy_arrays_stay_on_the_gpu() -> None:
    cupy = pytest.importorskip("cupy")
    x = noise(*GRIDS[1].shape)
    got = Projector(SCANS[0], GRIDS[1])(cupy.asarray(x.numpy()))
    assert isinstance(got, cupy.ndarray)
    assert relative(torch.from_numpy(got.get()), Projector(SCANS[0], GRIDS[1], "native")(x)) < 2e-2
