"""mbirjax, projectors of separable voxel footprints in JAX."""

from typing import Any

import mbirjax  # before JAX, whose devices it sets up

# isort: split
import jax
import numpy as np
from numpy.typing import NDArray

from svct.bench.cases import Case
from svct.bench.peers.base import Tool
from svct.geometry.cone import ConeBeam
from svct.geometry.fan import FanBeam


class Mbirjax(Tool):
    """`forward_project` and `back_project`; its fan is a cone with one row."""

    def __init__(self, case: Case, threads: int) -> None:
        super().__init__(case, threads)
        scan, angles = case.scan, np.array(case.scan.angles)
        rows, bins = (1, *scan.detector_shape)[-2:]
        sizes: dict[str, Any] = {"delta_voxel": 1.0}
        if isinstance(scan, FanBeam | ConeBeam):
            reach = {"source_detector_dist": scan.source_mm + scan.detector_mm, "source_iso_dist": scan.source_mm}
            self.model = mbirjax.ConeBeamModel((len(scan), rows, bins), angles, **reach)
            row_mm = scan.row_mm if isinstance(scan, ConeBeam) else scan.magnification
            sizes |= {"delta_det_channel": scan.bin_mm, "delta_det_row": row_mm}
        else:
            self.model = mbirjax.ParallelBeamModel((len(scan), rows, bins), angles)
        nz, ny, nx = (1, *case.grid.shape)[-3:]
        self.model.set_params(no_warning=True, recon_shape=(ny, nx, nz), **sizes)

    def to_image(self, x: NDArray[np.float32]) -> Any:
        """Return a volume with the slices last, in 3D with its rows from the largest y."""
        volume = x[0][..., None] if self.case.scan.ndim == 2 else x[0].transpose(1, 2, 0)[::-1]
        return jax.numpy.asarray(np.ascontiguousarray(volume))

    def to_projections(self, y: NDArray[np.float32]) -> Any:
        """Return projections ``(views, rows, bins)``."""
        rows = y if self.case.scan.ndim == 2 else y[0]
        return jax.numpy.asarray(np.ascontiguousarray(rows.swapaxes(0, 1)))

    def forward(self, image: Any) -> Any:
        """Call `forward_project`."""
        return jax.block_until_ready(self.model.forward_project(image))

    def back(self, projections: Any) -> Any:
        """Call `back_project`."""
        return jax.block_until_ready(self.model.back_project(projections))

    def from_projections(self, result: Any) -> NDArray[np.float32]:
        """Return rows first."""
        rows = np.asarray(result, dtype=np.float32).swapaxes(0, 1)
        return rows if self.case.scan.ndim == 2 else rows[None]

    def from_image(self, result: Any) -> NDArray[np.float32]:
        """Return the slices first."""
        slices = np.asarray(result, dtype=np.float32).transpose(2, 0, 1)
        return slices if self.case.scan.ndim == 2 else slices[None, :, ::-1]
