"""Fan beam with a flat detector."""

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from svct.geometry.scan import Scan, require_count, require_length


@dataclass(frozen=True)
class FanBeam(Scan):
    """Rays from a point source onto a flat detector, 2D.

    At angle t the source stands at ``source_mm * (sin t, -cos t)``, the detector's middle opposite at
    ``detector_mm * (-sin t, cos t)``, and the bin index grows along (cos t, sin t), as in ASTRA.

    Args:
        angles: Angle of each view, radians, any finite sequence.
        bins: Detector bins per view.
        bin_mm: Distance between bins on the detector itself, mm.
        source_mm: Source to rotation axis, mm.
        detector_mm: Rotation axis to detector, mm; 0 puts the detector on the axis.

    Raises:
        InputError: An angle is not finite, or a size is not positive.

    Example:
        >>> scan = FanBeam([0.0], bins=5, bin_mm=2.0, source_mm=600, detector_mm=400)
        >>> scan.magnification
        1.6666666666666667
    """

    _: KW_ONLY
    bins: int
    bin_mm: float = 1.0
    source_mm: float
    detector_mm: float

    kind: ClassVar[str] = "fan"
    divergent: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count(self.bins, "bins")
        object.__setattr__(self, "bins", int(self.bins))
        object.__setattr__(self, "bin_mm", require_length(self.bin_mm, "bin_mm"))
        object.__setattr__(self, "source_mm", require_length(self.source_mm, "source_mm"))
        object.__setattr__(self, "detector_mm", require_length(self.detector_mm, "detector_mm", zero=True))

    @property
    def detector_shape(self) -> tuple[int, ...]:
        """Samples of one view: ``(bins,)``."""
        return (self.bins,)

    @property
    def magnification(self) -> float:
        """Size on the detector over size at the rotation axis."""
        return (self.source_mm + self.detector_mm) / self.source_mm

    @property
    def vectors(self) -> NDArray[np.float64]:
        """Source, detector centre and bin step of each view, ``(views, 6)``, mm."""
        sine, cosine = np.sin(self.angles), np.cos(self.angles)
        source = self.source_mm * np.stack([sine, -cosine], axis=1)
        detector = self.detector_mm * np.stack([-sine, cosine], axis=1)
        step = self.bin_mm * np.stack([cosine, sine], axis=1)
        return np.concatenate([source, detector, step], axis=1)
