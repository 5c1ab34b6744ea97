"""Parallel beam."""

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch
from torch import Tensor

from svct.errors import InputError
from svct.geometry.checks import require_count, require_length, require_number, require_numbers
from svct.geometry.scan import Scan


@dataclass(frozen=True)
class ParallelBeam(Scan):
    """Parallel rays onto a flat detector, 2D, or 3D where `rows` are given.

    At angle t the rays travel along (sin t, -cos t) and the bin index grows along (cos t, sin t), with x to the
    right and y up, as in ASTRA; the detector's middle lies on the rotation axis. In 3D the axis is z and the row
    index grows along it.

    Args:
        angles: Angle of each view, radians, any finite sequence.
        bins: Detector bins per view, or per row.
        bin_mm: Distance between bins, mm.
        rows: Detector rows per view; none in 2D.
        row_mm: Distance between rows, mm. Default: `bin_mm`.
        offset_mm: How far the detector's middle lies from the axis along its bins, mm; in 3D a pair, along its bins
            and along its rows, where one number means the first.

    Raises:
        InputError: An angle is not finite, a size is not positive, or `row_mm` comes without `rows`.

    Example:
        >>> scan = ParallelBeam([0.0, 0.5, 1.0], bins=128, bin_mm=3.2)
        >>> scan[:2].angles
        (0.0, 0.5)
        >>> ParallelBeam([0.0], rows=4, bins=6).detector_shape
        (4, 6)
    """

    _: KW_ONLY
    bins: int
    bin_mm: float = 1.0
    rows: int | None = None
    row_mm: float | None = None
    offset_mm: float | tuple[float, ...] = 0.0

    kind: ClassVar[str] = "parallel"
    divergent: ClassVar[bool] = False
    adjustable: ClassVar[tuple[str, ...]] = ("angles", "bin_mm", "row_mm", "offset_mm")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "bins", require_count(self.bins, "bins"))
        object.__setattr__(self, "bin_mm", require_length(self.bin_mm, "bin_mm"))
        if self.rows is None:
            if self.row_mm is not None:
                raise InputError(f"row_mm: expected rows too, got row_mm={self.row_mm!r} alone; give rows for 3D")
            object.__setattr__(self, "offset_mm", require_number(self.offset_mm, "offset_mm"))
        else:
            object.__setattr__(self, "rows", require_count(self.rows, "rows"))
            row_mm = self.bin_mm if self.row_mm is None else self.row_mm
            object.__setattr__(self, "row_mm", require_length(row_mm, "row_mm"))
            offset = require_numbers(self.offset_mm, "offset_mm", names=("along bins", "along rows"))
            object.__setattr__(self, "offset_mm", offset)

    @property
    def detector_shape(self) -> tuple[int, ...]:
        """Samples of one view: ``(bins,)`` in 2D, ``(rows, bins)`` in 3D."""
        return (self.bins,) if self.rows is None else (self.rows, self.bins)

    def _trace(self, values: dict[str, Tensor]) -> Tensor:
        sine, cosine = values["angles"].sin(), values["angles"].cos()
        bins = torch.stack([cosine, sine], dim=-1)
        rays = torch.stack([sine, -cosine], dim=-1)
        bin_step = values["bin_mm"][:, None] * bins
        if self.rows is None:
            return torch.cat([rays, values["offset_mm"][:, None] * bins, bin_step], dim=-1)
        offset, zero = values["offset_mm"], torch.zeros_like(sine)[:, None]
        row_step = [zero, zero, values["row_mm"][:, None]]
        return torch.cat([rays, zero, offset[:, :1] * bins, offset[:, 1:], bin_step, zero, *row_step], dim=-1)
