from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from svct.geometry import ConeBeam, Helical, ParallelBeam, Scan, VectorBeam
from svct.geometry.convert.rtk import from_rtk, to_rtk

itk = pytest.importorskip("itk")
rtk: Any = getattr(itk, "RTK", None)
if rtk is None:
    pytest.skip("itk-rtk is not installed", allow_module_level=True)

# ITK loads its parts when they are used, and ends the process when SWIG's warning then becomes an error.
pytestmark = pytest.mark.filterwarnings("ignore:builtin type:DeprecationWarning")

DETECTOR: dict[str, Any] = {"rows": 20, "bins": 36, "row_mm": 2.5, "bin_mm": 2.0}
CONE: dict[str, Any] = {**DETECTOR, "source_mm": 300.0, "detector_mm": 200.0}
ANGLES = [0.0, 0.5, 1.9, 4.5]
SCANS: list[Scan] = [
    ParallelBeam(ANGLES, **DETECTOR, offset_mm=(3.3, -1.0)),
    ConeBeam(ANGLES, **CONE),
    ConeBeam(ANGLES, **CONE, offset_mm=(5.0, -3.0), tilt=(0.1, -0.2, 0.3), source_shift_mm=((4, -7, 5), (-4, 7, 5))),
    ConeBeam(ANGLES, **CONE, offset_mm=(30.0, -1.0), tilt=-0.1, curved=True),
    Helical(ANGLES, **CONE, pitch_mm=20.0),
    Helical(ANGLES, **CONE, pitch_mm=-20.0, curved=True, tilt=(0.0, 0.1, 0.0)),
]
BOX = np.array([[-14.0, -2.0], [4.0, 20.0], [-3.0, 11.0]])  # x, y and z, mm, away from the axis on every side


def read_by_rtk(text: str, folder: Path) -> Any:
    path = folder / "geometry.xml"
    path.write_text(text, encoding="utf-8")
    reader = rtk.ThreeDCircularProjectionGeometryXMLFileReader.New(Filename=str(path))
    reader.GenerateOutputInformation()
    return reader.GetOutputObject()


def pixels(scan: Scan) -> NDArray[np.float64]:
    """Where every bin lies, ``(views, rows, bins, 3)``, from the rule of `Scan.vectors`."""
    source, centre, step, row = scan.vectors.reshape(-1, 4, 3).transpose(1, 0, 2)
    rows, bins = (np.arange(n) - (n - 1) / 2 for n in scan.detector_shape)
    along = bins[:, None] * step[:, None]
    if scan.curved:
        axis = row / np.linalg.norm(row, axis=1, keepdims=True)
        out = centre - source - ((centre - source) * axis).sum(axis=1, keepdims=True) * axis
        radius, pitch = np.linalg.norm(out, axis=1), np.linalg.norm(step, axis=1)
        angle = (bins * (pitch / radius)[:, None])[..., None]
        along = (np.cos(angle) - 1) * out[:, None] + np.sin(angle) * (step * (radius / pitch)[:, None])[:, None]
    return np.asarray(centre[:, None, None] + along[:, None] + (rows[:, None] * row[:, None])[:, :, None])


def box_lengths(scan: Scan) -> NDArray[np.float64]:
    """Lengths in mm of the scan's rays in the box, ``(views, rows, bins)``."""
    ends = pixels(scan)
    first = scan.vectors[:, None, None, :3]
    along = ends - first if scan.divergent else np.broadcast_to(first, ends.shape)
    along = along / np.linalg.norm(along, axis=-1, keepdims=True)
    with np.errstate(divide="ignore"):
        cuts = np.sort((BOX.T[:, None, None, None] - ends) / along, axis=0)
    return np.asarray((cuts[1].min(axis=-1) - cuts[0].max(axis=-1)).clip(0))


@pytest.mark.parametrize("scan", SCANS, ids=lambda s: s.kind)
def test_rtk_reads_what_svct_writes_and_back(scan: Scan, tmp_path: Path) -> None:
    geometry = read_by_rtk(to_rtk(scan), tmp_path)
    assert len(geometry.GetGantryAngles()) == len(scan)
    to_svct = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    ends = pixels(scan)
    for i, vector in enumerate(scan.vectors):
        if scan.divergent:
            source = np.array([geometry.GetSourcePosition(i)[k] for k in range(3)])
            assert np.allclose(to_svct @ source, vector[:3], atol=1e-6)
        if scan.curved:
            continue
        # RTK's matrix takes every pixel to its own place on the detector.
        points = ends[i].reshape(-1, 3) @ to_svct
        seen = np.column_stack([points, np.ones(len(points))]) @ itk.array_from_matrix(geometry.GetMatrix(i)).T
        rows, bins = np.meshgrid(*[np.arange(n) - (n - 1) / 2 for n in scan.detector_shape], indexing="ij")
        assert np.allclose(seen[:, 0] / seen[:, 2], bins.ravel() * 2.0, atol=1e-5)
        assert np.allclose(seen[:, 1] / seen[:, 2], rows.ravel() * 2.5, atol=1e-5)
    path = tmp_path / "by-rtk.xml"
    rtk.write_geometry(geometry, str(path))
    assert np.allclose(from_rtk(path.read_text(), **DETECTOR).vectors, scan.vectors, rtol=0, atol=1e-5)


@pytest.mark.parametrize("scan", SCANS, ids=lambda s: s.kind)
def test_rtk_projects_along_the_same_rays(scan: Scan, tmp_path: Path) -> None:
    voxel_mm, count = 0.5, 96
    x = (np.arange(count) - (count - 1) / 2) * voxel_mm
    inside = [(x > low) & (x < high) for low, high in BOX]
    volume = (inside[2][:, None, None] & inside[1][:, None] & inside[0]).astype(np.float32)  # z, y, x
    image = itk.image_from_array(np.ascontiguousarray(volume.swapaxes(0, 1)[::-1]))
    image.SetSpacing([voxel_mm] * 3)
    image.SetOrigin([x[0]] * 3)
    rows, bins = scan.detector_shape
    stack = itk.image_from_array(np.zeros((len(scan), rows, bins), np.float32))
    stack.SetSpacing([2.0, 2.5, 1.0])
    stack.SetOrigin([-(bins - 1) / 2 * 2.0, -(rows - 1) / 2 * 2.5, 0.0])
    kind = type(image)
    forward = rtk.JosephForwardProjectionImageFilter[kind, kind].New()
    forward.SetGeometry(read_by_rtk(to_rtk(scan), tmp_path))
    forward.SetInput(0, stack)
    forward.SetInput(1, image)
    forward.Update()
    y = itk.array_from_image(forward.GetOutput())
    expected = box_lengths(scan)
    assert expected.max() > 10
    assert np.abs(y - expected).mean() < 0.01 * expected.max()
    assert np.corrcoef(y.ravel(), expected.ravel())[0, 1] > 0.997  # the rest are rays along edges


def test_a_geometry_of_rtk(tmp_path: Path) -> None:
    geometry = rtk.ThreeDCircularProjectionGeometry.New()
    geometry.AddProjection(300.0, 500.0, 33.0, 5.0, -3.0, 10.0, -20.0, 4.0, 6.0)
    geometry.AddProjection(310.0, 500.0, 91.0)
    path = tmp_path / "by-rtk.xml"
    rtk.write_geometry(geometry, str(path))
    scan = from_rtk(path.read_text(), **DETECTOR)
    assert isinstance(scan, VectorBeam)
    again = read_by_rtk(to_rtk(scan), tmp_path)
    for i in range(2):
        assert np.allclose(itk.array_from_matrix(again.GetMatrix(i)), itk.array_from_matrix(geometry.GetMatrix(i)))
