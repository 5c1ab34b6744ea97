"""Parallel beam."""

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from svct.geometry.scan import Scan, require_count, require_length


@dataclass(frozen=True)
class ParallelBeam(Scan):
    """Parallel rays onto a flat detector, 2D.

    At angle t the rays travel along (sin t, -cos t) and the bin index grows along (cos t, sin t), with x to the
    right and y up, as in ASTRA; the detector's middle lies on the rotation axis.

    Args:
        angles: Angle of each view, radians, any finite sequence.
        bins: Detector bins per view.
        bin_mm: Distance between bins, mm.

    Raises:
        InputError: An angle is not finite, or `bins` or `bin_mm` is not positive.

    Example:
        >>> scan = ParallelBeam([0.0, 0.5, 1.0], bins=128, bin_mm=3.2)
        >>> scan[:2].angles
        (0.0, 0.5)
    """

    _: KW_ONLY
    bins: int
    bin_mm: float = 1.0

    kind: ClassVar[str] = "parallel"
    divergent: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count(self.bins, "bins")
        object.__setattr__(self, "bins", int(self.bins))
        object.__setattr__(self, "bin_mm", require_length(self.bin_mm, "bin_mm"))

    @property
    def detector_shape(self) -> tuple[int, ...]:
        """Samples of one view: ``(bins,)``."""
        return (self.bins,)

    @property
    def vectors(self) -> NDArray[np.float64]:
        """Ray direction, detector centre and bin step of each view, ``(views, 6)``, mm."""
        sine, cosine = np.sin(self.angles), np.cos(self.angles)
        zero = np.zeros(len(self))
        return np.stack([sine, -cosine, zero, zero, cosine * self.bin_mm, sine * self.bin_mm], axis=1)
