"""Filtered back projection beside that of other packages: same data, filter and grid; `-s` shows the figures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from svct.ellipsoid import draw_ellipsoid
from svct.geometry import ConeBeam, FanBeam, Grid, ParallelBeam, Projector, Scan
from svct.geometry.analytic import ellipsoid_projections
from svct.geometry.convert.astra import to_astra
from svct.geometry.convert.rtk import to_rtk
from svct.metrics import psnr
from svct.recon import fbp

# ITK loads its parts when they are used, and ends the process when SWIG's warning then becomes an error.
pytestmark = pytest.mark.filterwarnings("ignore:builtin type:DeprecationWarning")

VIEWS = 720
WITHIN_DB = 0.5
PHOTONS = 2e4
BODIES = [  # centre and half axes, in radii of the circle that fits into the grid, and 1/mm
    ((0.0, 0.0, 0.0), (0.86, 0.70, 0.78), 0.02),
    ((0.0, 0.0, 0.0), (0.78, 0.62, 0.70), -0.004),
    ((0.23, 0.08, 0.04), (0.16, 0.27, 0.23), 0.003),
    ((-0.27, -0.04, -0.03), (0.12, 0.22, 0.20), -0.004),
    ((0.0, 0.35, 0.0), (0.09, 0.06, 0.08), 0.006),
    ((0.04, -0.39, 0.02), (0.05, 0.05, 0.05), 0.008),
    ((-0.16, -0.43, 0.02), (0.023, 0.023, 0.023), 0.01),
    ((0.47, -0.23, 0.0), (0.03, 0.07, 0.05), 0.01),
    ((-0.47, 0.23, 0.02), (0.07, 0.03, 0.05), -0.01),
    ((0.12, -0.16, 0.0), (0.016, 0.016, 0.016), 0.02),
]
FAN: dict[str, Any] = {"source_mm": 500, "detector_mm": 250, "bin_mm": 1.5}
TURN = np.arange(VIEWS) * 2 * np.pi / VIEWS
PARALLEL = ParallelBeam(TURN / 2, bins=363)
# scikit-image turns about a pixel: half a pixel beside the middle of an even grid.
SHIFTED = Grid(shape=(256, 256), origin_mm=(-0.5, 0.5))


def scaled(grid: Grid) -> list[tuple[list[float], list[float], float]]:
    ndim, radius = len(grid.shape), grid.extent_mm[-1] / 2
    return [([radius * c for c in centre[:ndim]], [radius * a for a in axes[:ndim]], v) for centre, axes, v in BODIES]


def measured(scan: Scan, grid: Grid, noisy: bool) -> NDArray[np.float32]:
    y = sum(ellipsoid_projections(scan, *body) for body in scaled(grid))
    if noisy:
        counts = np.random.default_rng(0).poisson(PHOTONS * np.exp(-y))
        y = -np.log(counts.clip(1) / PHOTONS)
    return np.asarray(y, dtype=np.float32)


def quality(x: Any, grid: Grid) -> float:
    """PSNR within the circle that fits into the grid, less two pixels, against the exact mean over every pixel."""
    truth = sum(draw_ellipsoid(grid, centre_mm=c, axes_mm=a, value=v, parts=10) for c, a, v in scaled(grid))
    place = np.arange(grid.shape[-1]) - (grid.shape[-1] - 1) / 2
    seen = np.hypot(place[:, None], place) < grid.shape[-1] / 2 - 2
    return psnr(np.atleast_2d(np.asarray(x)[..., seen]), np.atleast_2d(np.asarray(truth)[..., seen]))


def by_astra(y: NDArray[np.float32], scan: Scan, grid: Grid, kind: str) -> NDArray[np.float32]:
    import astra

    projections, volume = to_astra(scan, grid)
    projector = astra.create_projector(kind, projections, volume)
    data, image = astra.data2d.create("-sino", projections, y), astra.data2d.create("-vol", volume)
    settings = {"ProjectorId": projector, "ProjectionDataId": data, "ReconstructionDataId": image}
    algorithm = astra.algorithm.create({"type": "FBP", **settings, "option": {"FilterType": "ram-lak"}})
    astra.algorithm.run(algorithm)
    result: NDArray[np.float32] = astra.data2d.get(image).copy()
    astra.algorithm.delete(algorithm)
    astra.projector.delete(projector)
    astra.data2d.delete([data, image])
    return result


def by_scikit_image(y: NDArray[np.float32], scan: Scan, grid: Grid) -> NDArray[np.float32]:
    from skimage.transform import iradon

    options: dict[str, Any] = {"filter_name": "ramp", "circle": False, "output_size": grid.shape[0]}
    x = iradon(np.ascontiguousarray(y.T), theta=np.rad2deg(scan.angles), **options)  # type: ignore[no-untyped-call]
    return np.asarray(x, dtype=np.float32)


def by_rtk(y: NDArray[np.float32], scan: ConeBeam, grid: Grid, folder: Path) -> NDArray[np.float32]:
    itk = pytest.importorskip("itk")
    rtk = getattr(itk, "RTK", None)
    if rtk is None:
        pytest.skip("itk-rtk is not installed")
    path = folder / "geometry.xml"
    path.write_text(to_rtk(scan), encoding="utf-8")
    reader = rtk.ThreeDCircularProjectionGeometryXMLFileReader.New(Filename=str(path))
    reader.GenerateOutputInformation()

    def image(array: NDArray[np.float32], steps: tuple[float, ...]) -> Any:
        made = itk.image_from_array(np.ascontiguousarray(array))
        made.SetSpacing(list(steps))
        made.SetOrigin([-(n - 1) / 2 * step for n, step in zip(array.shape[::-1], steps, strict=True)])
        return made

    nz, ny, nx = grid.shape
    volume = image(np.zeros((ny, nz, nx), np.float32), (grid.voxel_mm,) * 3)
    job = rtk.FDKConeBeamReconstructionFilter[type(volume)].New()
    job.SetInput(0, volume)
    job.SetInput(1, image(y.swapaxes(0, 1), (scan.bin_mm, scan.row_mm, 1.0)))
    job.SetGeometry(reader.GetOutputObject())
    job.Update()
    return np.asarray(itk.array_from_image(job.GetOutput()).swapaxes(0, 1)[:, ::-1])


def compare(case: str, ours: Any, grid: Grid, peers: dict[str, Any]) -> None:
    own, theirs = quality(ours, grid), {name: quality(x, grid) for name, x in peers.items()}
    print(f"\n{case}: svct {own:.2f} dB", *(f"{name} {value:.2f} dB" for name, value in theirs.items()), sep=", ")
    assert max(theirs.values()) > 30
    assert own > max(theirs.values()) - WITHIN_DB


@pytest.mark.parametrize("noisy", [False, True], ids=["exact", "noisy"])
def test_parallel_beside_astra_and_scikit_image(noisy: bool) -> None:
    y = measured(PARALLEL, SHIFTED, noisy)
    peers = {f"ASTRA {kind}": by_astra(y, PARALLEL, SHIFTED, kind) for kind in ("linear", "strip")}
    peers["scikit-image"] = by_scikit_image(y, PARALLEL, SHIFTED)
    compare(f"parallel noisy={noisy}", fbp(y, Projector(PARALLEL, SHIFTED)), SHIFTED, peers)


@pytest.mark.parametrize("noisy", [False, True], ids=["exact", "noisy"])
def test_fan_beside_rtk(noisy: bool, tmp_path: Path) -> None:
    # RTK has cone beams alone: the fan is the middle one of three equal rows.
    scan, grid = FanBeam(TURN, bins=400, **FAN), Grid(shape=(256, 256))
    y = measured(scan, grid, noisy)
    rows = ConeBeam(TURN, bins=400, rows=3, row_mm=1.5, **FAN)
    theirs = by_rtk(np.repeat(y[None], 3, axis=0), rows, Grid(shape=(3, 256, 256)), tmp_path)[1, ::-1]
    compare(f"fan noisy={noisy}", fbp(y, Projector(scan, grid)), grid, {"RTK": theirs})


@pytest.mark.parametrize("noisy", [False, True], ids=["exact", "noisy"])
def test_cone_beside_rtk(noisy: bool, tmp_path: Path) -> None:
    scan, grid = ConeBeam(TURN, bins=100, rows=100, row_mm=1.5, **FAN), Grid(shape=(64, 64, 64))
    y = measured(scan, grid, noisy)
    theirs = by_rtk(y, scan, grid, tmp_path)
    compare(f"cone noisy={noisy}", fbp(y, Projector(scan, grid)), grid, {"RTK": theirs})
