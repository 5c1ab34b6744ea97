"""Cone beam on a helix."""

import math
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from torch import Tensor

from svct.geometry.checks import require_number
from svct.geometry.circular import circular_vectors
from svct.geometry.cone import ConeBeam


@dataclass(frozen=True)
class Helical(ConeBeam):
    """A cone beam whose source and detector move along the rotation axis as they turn.

    Args:
        angles: Angle of each view, radians, not wrapped: one turn more is one pitch further.
        rows: As in `ConeBeam`, like all that follow but the last two.
        bins: Detector bins per row.
        row_mm: Distance between rows on the detector itself, mm.
        bin_mm: Distance between bins on the detector itself, mm.
        source_mm: Source to rotation axis, mm.
        detector_mm: Rotation axis to detector, mm.
        curved: Whether the detector is a cylinder around an axis through the source.
        offset_mm: How far the detector is moved along its bins and along its rows, mm.
        tilt: Turns of the detector about its middle, radians.
        source_shift_mm: Flying focal spot, (tangential, radial, axial) in each view or a pattern that repeats, mm.
        pitch_mm: How far source and detector move along z per turn, mm; negative moves them down.
        start_z_mm: z of source and detector at angle 0, mm. Default: what puts the middle of the range of angles at
            z = 0.

    Example:
        >>> sizes = {"rows": 4, "bins": 6, "row_mm": 1, "bin_mm": 1, "source_mm": 600, "detector_mm": 400}
        >>> scan = Helical([0.0, math.pi, 2 * math.pi], **sizes, pitch_mm=8)
        >>> scan.vectors[:, 2].tolist(), scan[2:].vectors[:, 2].tolist()
        ([-4.0, 0.0, 4.0], [4.0])
    """

    _: KW_ONLY
    pitch_mm: float
    start_z_mm: float | None = None

    kind: ClassVar[str] = "helical"
    adjustable: ClassVar[tuple[str, ...]] = (*ConeBeam.adjustable, "pitch_mm", "start_z_mm")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "pitch_mm", require_number(self.pitch_mm, "pitch_mm"))
        middle = (min(self.angles) + max(self.angles)) / 2
        start = -self.pitch_mm * middle / (2 * math.pi) if self.start_z_mm is None else self.start_z_mm
        object.__setattr__(self, "start_z_mm", require_number(start, "start_z_mm"))

    def _trace(self, values: dict[str, Tensor]) -> Tensor:
        shared = {name: values[name] for name in ConeBeam.adjustable}
        z_mm = values["start_z_mm"] + values["pitch_mm"] * values["angles"] / (2 * math.pi)
        return circular_vectors(**shared, z_mm=z_mm, curved=self.curved)
