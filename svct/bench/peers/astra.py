"""ASTRA's 2D projectors on the CPU, through its own interface."""

from typing import Any, ClassVar

import astra
import numpy as np

from svct.bench.cases import Case
from svct.bench.peers.base import Tool
from svct.geometry.convert.astra import to_astra


class AstraLinear(Tool):
    """ASTRA's `linear` projector, Joseph's method; one thread, one image, into arrays that are there already."""

    kinds: ClassVar[dict[str, str]] = {"parallel": "linear"}

    def __init__(self, case: Case, threads: int) -> None:
        super().__init__(case, threads)
        projections, volume = to_astra(case.scan, case.grid)
        self.projector = astra.create_projector(self.kinds[case.scan.kind], projections, volume)
        self.y = np.zeros((len(case.scan), *case.scan.detector_shape), dtype=np.float32)
        self.x = np.zeros(case.grid.shape, dtype=np.float32)

    @classmethod
    def refusal(cls, case: Case) -> str | None:
        """Name the geometries that ASTRA has this projector for."""
        if case.scan.kind in cls.kinds:
            return None
        return f"ASTRA has this projector on the CPU for {' and '.join(cls.kinds)} beams only"

    def forward(self, image: Any) -> Any:
        """Call `direct_FP`."""
        return astra.projector.direct_FP(self.projector, image, out=self.y)

    def back(self, projections: Any) -> Any:
        """Call `direct_BP`."""
        return astra.projector.direct_BP(self.projector, projections, out=self.x)


class AstraLine(AstraLinear):
    """ASTRA's `line` projectors, lengths of rays in pixels."""

    kinds: ClassVar[dict[str, str]] = {"parallel": "line", "fan": "line_fanflat"}
