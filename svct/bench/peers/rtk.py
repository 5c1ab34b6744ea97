"""RTK's Joseph projectors, matched, on the CPU."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import itk
import numpy as np
from numpy.typing import NDArray

from svct.bench.cases import Case
from svct.bench.peers.base import Tool
from svct.geometry.cone import ConeBeam
from svct.geometry.convert.rtk import to_rtk
from svct.geometry.fan import FanBeam
from svct.geometry.parallel import ParallelBeam
from svct.geometry.scan import Scan

# Named here, so that loading ITK is not taken for setting up a projector.
READER = itk.RTK.ThreeDCircularProjectionGeometryXMLFileReader
FORWARD = itk.RTK.JosephForwardProjectionImageFilter
BACK = itk.RTK.JosephBackProjectionImageFilter
MARGIN = 1
"""Empty slices on either side of images: a volume of one slice comes out as zero."""


class Rtk(Tool):
    """`JosephForwardProjection` and `JosephBackProjection`, timed from one ITK image to the next.

    RTK is 3D: an image is the middle one of three slices and seen by one detector row.
    """

    def __init__(self, case: Case, threads: int) -> None:
        super().__init__(case, threads)
        itk.MultiThreaderBase.SetGlobalDefaultNumberOfThreads(threads)
        self.scan = _in_space(case.scan)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "geometry.xml"
            path.write_text(to_rtk(self.scan), encoding="utf-8")
            reader = READER.New(Filename=str(path))
            reader.GenerateOutputInformation()
        self.geometry = reader.GetOutputObject()
        self.flat = case.scan.ndim == 2
        rows, bins = self.scan.detector_shape
        self.empty_projections = self._projections(np.zeros((len(self.scan), rows, bins), dtype=np.float32))
        ny, nx = case.grid.shape[-2:]
        slices = 1 + 2 * MARGIN if self.flat else case.grid.shape[0]
        self.empty_volume = self._volume(np.zeros((ny, slices, nx), dtype=np.float32))

    def _volume(self, array: NDArray[np.float32]) -> Any:
        return _itk_image(array, (1.0, 1.0, 1.0))

    def _projections(self, array: NDArray[np.float32]) -> Any:
        step = np.linalg.norm(self.scan.vectors[0].reshape(4, 3)[2:], axis=1)
        return _itk_image(array, (step[0], step[1], 1.0))

    def to_image(self, x: NDArray[np.float32]) -> Any:
        """Return an ITK volume in RTK's axes."""
        if not self.flat:
            return self._volume(np.ascontiguousarray(x[0].swapaxes(0, 1)[::-1]))
        margins = ((0, 0), (MARGIN, MARGIN), (0, 0))
        return self._volume(np.pad(x[:1].swapaxes(0, 1), margins))  # the first row of an image is RTK's smallest Z

    def to_projections(self, y: NDArray[np.float32]) -> Any:
        """Return an ITK stack of projections ``(views, rows, bins)``."""
        rows = y[:1] if self.flat else y[0]
        return self._projections(np.ascontiguousarray(rows.swapaxes(0, 1)))

    def forward(self, image: Any) -> Any:
        """Run `JosephForwardProjectionImageFilter`."""
        return self._run(FORWARD, self.empty_projections, image)

    def back(self, projections: Any) -> Any:
        """Run `JosephBackProjectionImageFilter`."""
        return self._run(BACK, self.empty_volume, projections)

    def _run(self, filters: Any, first: Any, second: Any) -> Any:
        kind = type(first)
        job = filters[kind, kind].New()
        job.InPlaceOff()
        job.SetInput(0, first)
        job.SetInput(1, second)
        job.SetGeometry(self.geometry)
        job.Update()
        return job.GetOutput()

    def from_projections(self, result: Any) -> NDArray[np.float32]:
        """Return the stack with the rows, or the single one as an image's, first."""
        y: NDArray[np.float32] = itk.array_from_image(result).swapaxes(0, 1)
        return y if self.flat else y[None]

    def from_image(self, result: Any) -> NDArray[np.float32]:
        """Return the volume, or its middle slice, in svct's axes."""
        x: NDArray[np.float32] = itk.array_from_image(result).swapaxes(0, 1)
        return x[MARGIN : MARGIN + 1] if self.flat else x[None, :, ::-1]


def _itk_image(array: NDArray[np.float32], spacing: tuple[float, ...]) -> Any:
    image = itk.image_from_array(array)
    image.SetSpacing([float(s) for s in spacing])
    sizes = array.shape[::-1]
    image.SetOrigin([-(n - 1) / 2 * float(s) for n, s in zip(sizes, spacing, strict=True)])
    return image


def _in_space(scan: Scan) -> Scan:
    if isinstance(scan, ParallelBeam) and scan.ndim == 2:
        return replace(scan, rows=1, row_mm=1.0)
    if isinstance(scan, FanBeam):
        row: dict[str, Any] = {"rows": 1, "row_mm": 1.0, "bins": scan.bins, "bin_mm": scan.bin_mm}
        return ConeBeam(scan.angles, **row, source_mm=scan.source_mm, detector_mm=scan.detector_mm, curved=scan.curved)
    return scan
