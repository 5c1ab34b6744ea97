"""svmbir, matrices of square pixels in parallel and fan beams, kept on disk."""

import tempfile
from typing import Any

import numpy as np
import svmbir
from numpy.typing import NDArray

from svct.bench.cases import Case
from svct.bench.peers.base import Tool
from svct.geometry.fan import FanBeam


class Svmbir(Tool):
    """`project` and `backproject`; setting up is the first call, which writes the matrix."""

    batched = True

    def __init__(self, case: Case, threads: int) -> None:
        super().__init__(case, threads)
        scan, size = case.scan, case.grid.shape[0]
        self.folder = tempfile.TemporaryDirectory()
        self.angles = np.array(scan.angles)
        self.bins = scan.detector_shape[0]
        self.flip = -1 if isinstance(scan, FanBeam) else 1
        self.options: dict[str, Any] = {
            # Its default leaves out the corners.
            "roi_radius": 2.0 * size,
            "num_threads": threads,
            "svmbir_lib_path": self.folder.name,
            "verbose": 0,
        }
        if isinstance(scan, FanBeam):
            self.options |= {
                "geometry": "fan-curved" if scan.curved else "fan-flat",
                "dist_source_detector": scan.source_mm + scan.detector_mm,
                "magnification": scan.magnification,
                "delta_channel": scan.bin_mm,
                "delta_pixel": 1.0,
            }
        self.forward(np.zeros((1, size, size), dtype=np.float32))

    @classmethod
    def refusal(cls, case: Case) -> str | None:
        """It is 2D."""
        return None if case.scan.ndim == 2 else "svmbir has parallel and fan beams only"

    def to_image(self, x: NDArray[np.float32]) -> Any:
        """Return images with rows and columns swapped."""
        return np.ascontiguousarray(x.swapaxes(1, 2))

    def to_projections(self, y: NDArray[np.float32]) -> Any:
        """Return projections ``(views, batch, bins)``."""
        return np.ascontiguousarray(y.swapaxes(0, 1)[..., :: self.flip])

    def forward(self, image: Any) -> Any:
        """Call `project`."""
        return svmbir.project(image, self.angles, self.bins, **self.options)

    def back(self, projections: Any) -> Any:
        """Call `backproject`."""
        rows, columns = self.case.grid.shape
        return svmbir.backproject(projections, self.angles, num_rows=rows, num_cols=columns, **self.options)

    def from_projections(self, result: Any) -> NDArray[np.float32]:
        """Return images first."""
        return np.asarray(result.swapaxes(0, 1)[..., :: self.flip], dtype=np.float32)

    def from_image(self, result: Any) -> NDArray[np.float32]:
        """Swap rows and columns back."""
        return np.asarray(result.swapaxes(1, 2), dtype=np.float32)
