"""scikit-image's radon transform."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.transform import iradon, radon

from svct.bench.cases import Case
from svct.bench.peers.base import Tool
from svct.geometry.grid import Grid


class ScikitImage(Tool):
    """`radon`, and `iradon` without a filter, which is near its adjoint."""

    def __init__(self, case: Case, threads: int) -> None:
        super().__init__(case, threads)
        self.angles_deg = np.rad2deg(case.scan.angles)
        self.size = case.grid.shape[0]
        self.bins = case.scan.detector_shape[0]

    @classmethod
    def refusal(cls, case: Case) -> str | None:
        """It has parallel beams only."""
        return None if case.scan.kind == "parallel" else "scikit-image has parallel beams only"

    @property
    def grid(self) -> Grid:
        """It turns about a pixel, half a pixel from the middle where their number is even."""
        half = 0.0 if self.size % 2 else 0.5
        return Grid(shape=(self.size, self.size), origin_mm=(-half, half))

    def to_projections(self, y: NDArray[np.float32]) -> Any:
        """Return bins first, as many as the transform of this image has."""
        return np.ascontiguousarray(_fit(y[0], self._own_bins()).T)

    def forward(self, image: Any) -> Any:
        """Call `radon`."""
        return radon(image, theta=self.angles_deg, circle=False)  # type: ignore[no-untyped-call]

    def back(self, projections: Any) -> Any:
        """Call `iradon`."""
        options: dict[str, Any] = {"filter_name": None, "circle": False, "output_size": self.size}
        return iradon(projections, theta=self.angles_deg, **options)  # type: ignore[no-untyped-call]

    def from_projections(self, result: Any) -> NDArray[np.float32]:
        """Return views first, and as many bins as the scan has."""
        return np.asarray(_fit(result.T, self.bins), dtype=np.float32)[None]

    def from_image(self, result: Any) -> NDArray[np.float32]:
        """Undo the weight of the inverse transform."""
        return np.asarray(result * (2 * len(self.angles_deg) / np.pi), dtype=np.float32)[None]

    def _own_bins(self) -> int:
        return int(np.ceil(np.sqrt(2) * self.size))


def _fit(y: NDArray[Any], bins: int) -> NDArray[Any]:
    """Cut or pad projections to `bins`, their middle bins, of index ``bins // 2``, on each other."""
    own = y.shape[1]
    first = own // 2 - bins // 2
    padded = np.pad(y, ((0, 0), (max(0, -first), max(0, bins - own + first))))
    return padded[:, max(0, first) : max(0, first) + bins]
