"""Which parallel views those of a helix give, and where these see voxels."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError
from svct.geometry.helical import Helical
from svct.recon.frames import helix_frame
from svct.recon.short_scan import fan_angles

FINER = 2
"""Bins of parallel views for one of the detector at the axis; as wide ones blur, interpolated twice."""
WIDEST_GAP = math.radians(10)
"""Between neighbouring views; across more there is nothing to interpolate."""


@dataclass(frozen=True)
class ConeParallel:
    """Views of a helix sorted anew: parallel as seen along the axis, each row of a view still a cone.

    At angle t the rays run along e = (-sin t, cos t) and have the distances p along n = (cos t, sin t) from the axis.
    The ray at p was measured from the source at the angle t + g with sin g = p / R.

    Args:
        radius_mm: R, axis to source.
        rise_mm: How far the source moves along z per radian.
        start_z_mm: Height of the source at angle 0.
        reach_mm: Source to detector, along its normal where flat.
        flat: Whether the detector is flat.
        turn: From the line through the axis to the detector's normal, radians.
        rows: Detector rows.
        row_mm: Between them.
        row_shift_mm: Of their middle above the source.
        first: Angle of the first view, radians.
        half: Views per half turn.
        views: All views.
        first_mm: Distance p of the first bin.
        bin_mm: Between bins.
        bins: Of a view.
    """

    radius_mm: float
    rise_mm: float
    start_z_mm: float
    reach_mm: float
    flat: bool
    turn: float
    rows: int
    row_mm: float
    row_shift_mm: float
    first: float
    half: int
    views: int
    first_mm: float
    bin_mm: float
    bins: int

    @property
    def angles(self) -> Float[Tensor, " view"]:
        """Angle of each view, radians."""
        return self.first + math.pi / self.half * torch.arange(self.views, dtype=torch.float64)

    @property
    def distances(self) -> Float[Tensor, " col"]:
        """Distance of each bin from the axis, mm."""
        return self.first_mm + self.bin_mm * torch.arange(self.bins, dtype=torch.float64)

    def rows_at(
        self,
        angles: Float[Tensor, " view"],
        x: Float[Tensor, " pixel"],
        y: Float[Tensor, " pixel"],
        z: Float[Tensor, " z"],
    ) -> tuple[Float[Tensor, "view pixel"], Float[Tensor, "view z pixel"]]:
        """Return where voxels are seen from some angles: the distance p, mm, and the row, counted from the middle."""
        sine, cosine = angles.sin()[:, None], angles.cos()[:, None]
        p, along = cosine * x + sine * y, cosine * y - sine * x
        g = torch.asin((p / self.radius_mm).clamp(-1, 1))
        distance = (along + self.radius_mm * g.cos()).clamp(min=1e-3 * self.radius_mm)
        scale = self.reach_mm / (self.row_mm * distance)
        if self.flat:
            scale = scale / (g - self.turn).cos()
        source_z = self.start_z_mm + self.rise_mm * (angles[:, None] + g)
        rows = (z[:, None] - source_z[:, None]) * scale[:, None]
        return p, rows - self.row_shift_mm / self.row_mm


def cone_parallel(scan: Helical) -> ConeParallel:
    """Return the parallel views that those of a helix give.

    Raises:
        InputError: A flying focal spot, a leaning detector, gaps between views of more than 10 degrees, or less than
            half a turn and the fan's angle.
    """
    frame = helix_frame(scan)
    angles = torch.from_numpy(np.unique(scan.angles))
    rows, bins = scan.detector_shape
    reach, pitch = float(frame.reach[0]), float(frame.pitch[0])
    source, ahead = frame.source[0], frame.ahead[0]
    # Positive where the detector's normal lies on the side to which the source moves, as the angles of rays.
    turn = math.atan2(float(source[0] * ahead[1] - source[1] * ahead[0]), -float(source @ ahead))
    fan = fan_angles(frame, bins)[0].sort().values
    radius = float(source.norm())
    p = radius * fan.sin()
    bin_mm = pitch * radius / reach / FINER
    first_mm = math.ceil(float(p[0]) / bin_mm) * bin_mm
    step = float((angles[-1] - angles[0]) / max(1, len(angles) - 1))
    first, last = float(angles[0] - fan[0]), float(angles[-1] - fan[-1])
    if len(angles) < 2 or last - first < math.pi:
        raise InputError(
            f"fbp: expected a helix of at least {180 + math.degrees(float(fan[-1] - fan[0])):.4g} deg, half a turn and "
            f"the angle of its fan, got {math.degrees(float(angles[-1] - angles[0])):.4g} deg; take more views"
        )
    if float(angles.diff().max()) > WIDEST_GAP:
        raise InputError(
            f"fbp: expected views of a helix no more than {math.degrees(WIDEST_GAP):.3g} deg apart, got "
            f"{math.degrees(float(angles.diff().max())):.4g} deg; reconstruct with sirt, which takes any views"
        )
    half = math.ceil(math.pi / step - 1e-6)
    return ConeParallel(
        radius,
        scan.pitch_mm / (2 * math.pi),
        float(frame.source_z[0]) - scan.pitch_mm / (2 * math.pi) * scan.angles[0],
        reach,
        not scan.curved,
        turn,
        rows,
        float(frame.row_mm[0]),
        float(frame.centre_z[0] - frame.source_z[0]),
        first,
        half,
        1 + math.floor((last - first) / (math.pi / half) + 1e-6),
        first_mm,
        bin_mm,
        1 + math.floor((float(p[-1]) - first_mm) / bin_mm + 1e-6),
    )
