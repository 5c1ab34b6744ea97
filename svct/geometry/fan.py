"""Fan beam."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch
from torch import Tensor

from svct.errors import InputError
from svct.geometry.checks import require_count, require_flag, require_length, require_number, require_per_view
from svct.geometry.circular import circular_vectors
from svct.geometry.scan import Scan

_PLANE = [0, 1, 3, 4, 6, 7]  # x and y of source, detector centre and bin step


@dataclass(frozen=True)
class FanBeam(Scan):
    """Rays from a point source onto a flat or curved detector, 2D.

    At angle t the source stands at ``source_mm * (sin t, -cos t)``, the detector's middle opposite at
    ``detector_mm * (-sin t, cos t)``, and the bin index grows along (cos t, sin t), as in ASTRA.

    Args:
        angles: Angle of each view, radians, any finite sequence.
        bins: Detector bins per view.
        bin_mm: Distance between bins on the detector itself, mm; on a curved detector along its arc.
        source_mm: Source to rotation axis, mm.
        detector_mm: Rotation axis to detector, mm; 0 puts the detector on the axis.
        curved: Whether the detector is an arc around the source, as in clinical scanners, with its bins at equal
            angles.
        offset_mm: How far the detector is moved along its bins, mm. ``bin_mm / 4`` is the quarter shift, which makes
            opposite views sample rays in between.
        tilt: Turn of a flat detector about its middle, radians; positive takes the last bin away from the source.
        source_shift_mm: Flying focal spot: (tangential, radial) shift of the source in each view, mm, along
            (cos t, sin t) and away from the axis; or a shorter pattern that repeats over the views.

    Raises:
        InputError: An angle is not finite, a size is not positive, or a curved detector is tilted.

    Example:
        >>> scan = FanBeam([0.0], bins=5, bin_mm=2.0, source_mm=600, detector_mm=400)
        >>> scan.magnification
        1.6666666666666667

    Notes:
        A curved detector is centred on the source of the view. With a source shifted by d along the tangent, a bin at
        fan angle g is taken d (1 - cos g) beside where it is on a rigid arc around the unshifted source.
    """

    _: KW_ONLY
    bins: int
    bin_mm: float = 1.0
    source_mm: float
    detector_mm: float
    curved: bool = False
    offset_mm: float = 0.0
    tilt: float = 0.0
    source_shift_mm: Sequence[float] | Sequence[Sequence[float]] = ()

    kind: ClassVar[str] = "fan"
    divergent: ClassVar[bool] = True
    per_view: ClassVar[dict[str, tuple[int, ...]]] = {"angles": (), "source_shift_mm": (2,)}
    adjustable: ClassVar[tuple[str, ...]] = (
        "angles",
        "bin_mm",
        "source_mm",
        "detector_mm",
        "offset_mm",
        "tilt",
        "source_shift_mm",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "bins", require_count(self.bins, "bins"))
        object.__setattr__(self, "bin_mm", require_length(self.bin_mm, "bin_mm"))
        object.__setattr__(self, "source_mm", require_length(self.source_mm, "source_mm"))
        object.__setattr__(self, "detector_mm", require_length(self.detector_mm, "detector_mm", zero=True))
        object.__setattr__(self, "curved", require_flag(self.curved, "curved"))
        object.__setattr__(self, "offset_mm", require_number(self.offset_mm, "offset_mm"))
        object.__setattr__(self, "tilt", require_number(self.tilt, "tilt", unit="radians"))
        if self.curved and self.tilt:
            raise InputError(f"tilt: expected 0 with a curved detector, got {self.tilt!r}; move it with offset_mm")
        shifts = require_per_view(
            self.source_shift_mm, "source_shift_mm", names=("tangential", "radial"), views=len(self)
        )
        object.__setattr__(self, "source_shift_mm", shifts)

    @property
    def detector_shape(self) -> tuple[int, ...]:
        """Samples of one view: ``(bins,)``."""
        return (self.bins,)

    @property
    def magnification(self) -> float:
        """Size on the detector over size at the rotation axis."""
        return (self.source_mm + self.detector_mm) / self.source_mm

    def _trace(self, values: dict[str, Tensor]) -> Tensor:
        zero = torch.zeros_like(values["angles"])
        table = circular_vectors(
            values["angles"],
            source_mm=values["source_mm"],
            detector_mm=values["detector_mm"],
            bin_mm=values["bin_mm"],
            row_mm=zero + 1,
            offset_mm=torch.stack([values["offset_mm"], zero], dim=-1),
            tilt=torch.stack([zero, zero, values["tilt"]], dim=-1),
            source_shift_mm=torch.cat([values["source_shift_mm"], zero[:, None]], dim=-1),
            z_mm=zero,
            curved=self.curved,
        )
        return table[:, _PLANE]
