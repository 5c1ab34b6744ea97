"""What a measurement asks of a package."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from svct.bench.cases import Case
from svct.geometry.grid import Grid


class Tool(ABC):
    """One package's projector for one case, fed with its own kind of arrays; made anew in a process of its own.

    Args:
        case: What to project, with voxels of 1 mm around the axis.
        threads: To use, where the package can be told.
    """

    batched: ClassVar[bool] = False
    """Whether one call takes several images; otherwise one image is measured, and more take as much time each."""

    def __init__(self, case: Case, threads: int) -> None:
        self.case = case
        self.threads = threads

    @classmethod
    def refusal(cls, case: Case) -> str | None:
        """Return why the package cannot do a case, or nothing where it can."""
        return None

    @property
    def grid(self) -> Grid:
        """Where the package itself puts the voxels around the axis."""
        return self.case.grid

    def to_image(self, x: NDArray[np.float32]) -> Any:
        """Return images ``(batch, [nz,] ny, nx)`` as the package takes them; not timed."""
        return x[0]

    def to_projections(self, y: NDArray[np.float32]) -> Any:
        """Return projections ``(batch, [rows,] views, bins)`` as the package takes them; not timed."""
        return y[0]

    @abstractmethod
    def forward(self, image: Any) -> Any:
        """Project; this is timed."""

    @abstractmethod
    def back(self, projections: Any) -> Any:
        """Back project; this is timed."""

    def from_projections(self, result: Any) -> NDArray[np.float32]:
        """Return what `forward` gave as ``(batch, [rows,] views, bins)``."""
        return np.asarray(result, dtype=np.float32)[None]

    def from_image(self, result: Any) -> NDArray[np.float32]:
        """Return what `back` gave as ``(batch, [nz,] ny, nx)``."""
        return np.asarray(result, dtype=np.float32)[None]
