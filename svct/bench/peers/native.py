"""svct's own CPU kernels."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from svct.bench.cases import Case
from svct.bench.peers.base import Tool
from svct.geometry.projector import Projector


class Native(Tool):
    """`Projector` with the native backend, allocation of the result included."""

    batched = True

    def __init__(self, case: Case, threads: int) -> None:
        super().__init__(case, threads)
        self.A = Projector(case.scan, case.grid, backend="native")

    def to_image(self, x: NDArray[np.float32]) -> Any:
        """Return a tensor over the same memory."""
        return torch.from_numpy(x)

    def to_projections(self, y: NDArray[np.float32]) -> Any:
        """Return a tensor over the same memory."""
        return torch.from_numpy(y)

    def forward(self, image: Any) -> Any:
        """Return ``A(x)``."""
        return self.A(image)

    def back(self, projections: Any) -> Any:
        """Return ``A.T(y)``."""
        return self.A.T(projections)

    def from_projections(self, result: Any) -> NDArray[np.float32]:
        """Return an array over the same memory."""
        return np.asarray(result)

    def from_image(self, result: Any) -> NDArray[np.float32]:
        """Return an array over the same memory."""
        return np.asarray(result)
