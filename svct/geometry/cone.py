"""Cone beam on a circle."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch
from torch import Tensor

from svct.errors import InputError
from svct.geometry.checks import require_count, require_flag, require_length, require_numbers, require_per_view
from svct.geometry.circular import circular_vectors
from svct.geometry.scan import Scan


@dataclass(frozen=True)
class ConeBeam(Scan):
    """Rays from a point source onto a flat or curved detector with rows, 3D.

    At angle t the source stands at ``source_mm * (sin t, -cos t, 0)``, the detector's middle opposite at
    ``detector_mm * (-sin t, cos t, 0)``; the bin index grows along (cos t, sin t, 0), the row index along the
    rotation axis z, as in ASTRA.

    Args:
        angles: Angle of each view, radians, any finite sequence.
        rows: Detector rows per view.
        bins: Detector bins per row.
        row_mm: Distance between rows on the detector itself, mm.
        bin_mm: Distance between bins on the detector itself, mm; on a curved detector along its arc.
        source_mm: Source to rotation axis, mm.
        detector_mm: Rotation axis to detector, mm; 0 puts the detector on the axis.
        curved: Whether the detector is a cylinder around an axis through the source, as in clinical scanners, with
            the bins of a row at equal angles.
        offset_mm: How far the detector is moved along its bins and along its rows, mm; one number means the first.
            ``bin_mm / 4`` is the quarter shift, which makes opposite views sample rays in between.
        tilt: Turns of the detector about its middle, radians: in its plane from bins to rows, then about its bin axis
            (positive takes the last row towards the source), then about its row axis (positive takes the last bin
            away from the source); one number means the first.
        source_shift_mm: Flying focal spot: (tangential, radial, axial) shift of the source in each view, mm, along
            (cos t, sin t, 0), away from the axis and along z; or a shorter pattern that repeats over the views.

    Raises:
        InputError: An angle is not finite, a size is not positive, or a curved detector is tilted about its rows' axis.

    Example:
        >>> scan = ConeBeam([0.0], rows=4, bins=6, row_mm=1, bin_mm=1, source_mm=600, detector_mm=400, offset_mm=0.25)
        >>> scan.vectors[0, :6].tolist()
        [0.0, -600.0, 0.0, 0.25, 400.0, 0.0]

    Notes:
        A curved detector is centred on the source of the view. With a source shifted by d along the tangent, a bin at
        fan angle g is taken d (1 - cos g) beside where it is on a rigid arc around the unshifted source.
    """

    _: KW_ONLY
    rows: int
    bins: int
    row_mm: float
    bin_mm: float
    source_mm: float
    detector_mm: float
    curved: bool = False
    offset_mm: float | tuple[float, ...] = (0.0, 0.0)
    tilt: float | tuple[float, ...] = (0.0, 0.0, 0.0)
    source_shift_mm: Sequence[float] | Sequence[Sequence[float]] = ()

    kind: ClassVar[str] = "cone"
    divergent: ClassVar[bool] = True
    per_view: ClassVar[dict[str, tuple[int, ...]]] = {"angles": (), "source_shift_mm": (3,)}
    adjustable: ClassVar[tuple[str, ...]] = (
        "angles",
        "row_mm",
        "bin_mm",
        "source_mm",
        "detector_mm",
        "offset_mm",
        "tilt",
        "source_shift_mm",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("rows", "bins"):
            object.__setattr__(self, name, require_count(getattr(self, name), name))
        for name in ("row_mm", "bin_mm", "source_mm"):
            object.__setattr__(self, name, require_length(getattr(self, name), name))
        object.__setattr__(self, "detector_mm", require_length(self.detector_mm, "detector_mm", zero=True))
        object.__setattr__(self, "curved", require_flag(self.curved, "curved"))
        offset = require_numbers(self.offset_mm, "offset_mm", names=("along bins", "along rows"))
        object.__setattr__(self, "offset_mm", offset)
        names = ("in plane", "about bins", "about rows")
        tilt = require_numbers(self.tilt, "tilt", names=names, unit="radians")
        object.__setattr__(self, "tilt", tilt)
        if self.curved and tilt[2]:
            raise InputError(
                f"tilt: expected 0 about the rows' axis with a curved detector, got {tilt[2]!r}; move it with offset_mm"
            )
        names = ("tangential", "radial", "axial")
        shifts = require_per_view(self.source_shift_mm, "source_shift_mm", names=names, views=len(self))
        object.__setattr__(self, "source_shift_mm", shifts)

    @property
    def detector_shape(self) -> tuple[int, ...]:
        """Samples of one view: ``(rows, bins)``."""
        return (self.rows, self.bins)

    @property
    def magnification(self) -> float:
        """Size on the detector over size at the rotation axis."""
        return (self.source_mm + self.detector_mm) / self.source_mm

    def _trace(self, values: dict[str, Tensor]) -> Tensor:
        return circular_vectors(**values, z_mm=torch.zeros_like(values["angles"]), curved=self.curved)
