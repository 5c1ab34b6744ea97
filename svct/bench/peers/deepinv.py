"""deepinv, an image rotated by torch's `grid_sample` and summed."""

import math
from typing import Any

import deepinv
import numpy as np
import torch
from numpy.typing import NDArray

from svct.bench.cases import Case
from svct.bench.peers.base import Tool
from svct.bench.peers.scikit_image import ScikitImage


class Deepinv(ScikitImage):
    """`Tomography` with the adjoint through autograd; it turns and pads as scikit-image does.

    One image at a time: 16 of 256 x 256 with 360 views take more than 9 GB.
    """

    def __init__(self, case: Case, threads: int) -> None:
        super().__init__(case, threads)
        angles_deg = torch.tensor(self.angles_deg, dtype=torch.float32)
        options: dict[str, Any] = {"circle": False, "normalize": False, "adjoint_via_backprop": True}
        self.physics = deepinv.physics.Tomography(angles=angles_deg, img_width=self.size, **options)

    @classmethod
    def refusal(cls, case: Case) -> str | None:
        """Its fan beam has other conventions, and an even number of bins another axis, which are not matched here."""
        if case.scan.kind != "parallel":
            return "only its parallel beam is measured here"
        even = math.ceil(math.sqrt(2) * case.grid.shape[0]) % 2 == 0
        return "its axis lies between two bins for images of this size" if even else None

    def to_image(self, x: NDArray[np.float32]) -> Any:
        """Return a batch of one with one channel."""
        return torch.from_numpy(x[:1, None])

    def to_projections(self, y: NDArray[np.float32]) -> Any:
        """Return a batch of one with one channel, bins first."""
        return torch.from_numpy(super().to_projections(y).copy())[None, None]

    def forward(self, image: Any) -> Any:
        """Call `A`."""
        with torch.no_grad():
            return self.physics.A(image)

    def back(self, projections: Any) -> Any:
        """Call `A_adjoint`."""
        return self.physics.A_adjoint(projections)

    def from_projections(self, result: Any) -> NDArray[np.float32]:
        """Return views first, and as many bins as the scan has."""
        return super().from_projections(result[0, 0].numpy())

    def from_image(self, result: Any) -> NDArray[np.float32]:
        """Return the image."""
        return Tool.from_image(self, result[0, 0].detach().numpy())
