"""One view of an RTK geometry: its nine parameters, and the ray vectors they mean."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svct.errors import InputError

Array = NDArray[np.float64]

ROUNDING = 1e-6
"""How far, relative, what must be equal may differ, and how far from 0 the cosine of a right angle may be."""

PARALLEL_SOURCE_MM = 1000.0
"""Where RTK lets parallel rays start and, on the other side, end."""

TO_RTK = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
"""svct's (x, y, z) to RTK's (X, Y, Z) = (x, z, -y)."""


@dataclass(frozen=True)
class RtkView:
    """The parameters of RTK's `AddProjection`, named as in its files; lengths in mm, angles in degrees.

    Notes:
        Seen from the gantry (detector axes u and v, n = u x v towards the source) the source is at
        (SourceOffsetX, SourceOffsetY, SourceToIsocenterDistance) and the detector's origin at (ProjectionOffsetX,
        ProjectionOffsetY, SourceToIsocenterDistance - SourceToDetectorDistance); in RTK's axes the gantry is
        (u, v, n) = R_Y(GantryAngle) R_X(OutOfPlaneAngle) R_Z(InPlaneAngle). A SourceToDetectorDistance of 0 means
        parallel rays.
    """

    GantryAngle: float
    SourceToIsocenterDistance: float
    SourceToDetectorDistance: float
    SourceOffsetX: float
    SourceOffsetY: float
    ProjectionOffsetX: float
    ProjectionOffsetY: float
    OutOfPlaneAngle: float
    InPlaneAngle: float

    def gantry(self) -> Array:
        """Return u, v and n as columns, in RTK's axes."""
        turns = (_turn(self.GantryAngle, 2, 0), _turn(self.OutOfPlaneAngle, 1, 2), _turn(self.InPlaneAngle, 0, 1))
        return np.asarray(np.linalg.multi_dot(turns))

    def matrix(self) -> Array:
        """Return RTK's projection matrix ``(3, 4)``, from RTK's axes to mm on the detector."""
        rotation = np.eye(4)
        rotation[:3, :3] = self.gantry().T
        source, shift = np.eye(4), np.eye(3)
        source[:2, 3] = -self.SourceOffsetX, -self.SourceOffsetY
        shift[:2, 2] = self.SourceOffsetX - self.ProjectionOffsetX, self.SourceOffsetY - self.ProjectionOffsetY
        magnify = np.zeros((3, 4))
        if self.SourceToDetectorDistance:
            magnify[0, 0] = magnify[1, 1] = -self.SourceToDetectorDistance
            magnify[2, 2:] = 1, -self.SourceToIsocenterDistance
        else:
            magnify[0, 0] = magnify[1, 1] = magnify[2, 3] = 1
        return np.asarray(np.linalg.multi_dot((shift, magnify, source, rotation)))

    def vector(self, bin_mm: float, row_mm: float, middle_mm: Array, *, curved: bool) -> Array:
        """Return source or direction, detector centre, bin step and row step in svct's axes, ``(12,)``, mm.

        Args:
            bin_mm: Distance between bins.
            row_mm: Distance between rows.
            middle_mm: Where the middle of the projections lies in the coordinates of the detector.
            curved: Whether the detector is a cylinder around the source, its first coordinate an arc.
        """
        away, distance = self.SourceToIsocenterDistance, self.SourceToDetectorDistance
        across, up = np.array([self.ProjectionOffsetX, self.ProjectionOffsetY]) + middle_mm
        source = np.array([self.SourceOffsetX, self.SourceOffsetY, away])
        centre = np.array([across, up, away - distance])
        bins = np.array([1.0, 0, 0])
        if curved:
            angle = across / distance
            centre[[0, 2]] = math.sin(angle) * distance, away - math.cos(angle) * distance
            bins = np.array([math.cos(angle), 0, math.sin(angle)])
        elif not distance:
            source, centre[2] = np.array([0.0, 0, 1]), 0.0
        parts = np.stack([source, centre, bin_mm * bins, [0, row_mm, 0]])
        return np.asarray(parts @ self.gantry().T @ TO_RTK).reshape(12)


def view_of_vector(vector: Array, divergent: bool, curved: bool) -> RtkView:
    """Return RTK's parameters of one row of `Scan.vectors`.

    Args:
        vector: Twelve numbers, mm.
        divergent: Whether the first three are a source.
        curved: Whether the detector is a cylinder around an axis through the source.

    Raises:
        InputError: RTK has no such view.
    """
    first, centre, bin_step, row_step = vector.reshape(4, 3) @ TO_RTK.T
    v = row_step / np.linalg.norm(row_step)
    u = bin_step / np.linalg.norm(bin_step)
    if abs(u @ v) > ROUNDING:
        raise InputError("to_rtk: expected bins and rows at right angles, got another angle, which RTK has not")
    if curved:
        return _curved_view(first, centre, u, v)
    n = np.cross(u, v)
    if not divergent:
        if np.linalg.norm(np.cross(first, n)) > ROUNDING * np.linalg.norm(first):
            raise InputError("to_rtk: expected parallel rays at right angles to the detector, got others")
        return _view(u, v, PARALLEL_SOURCE_MM, 0.0, (0.0, 0.0), (u @ centre, v @ centre))
    distance = n @ (first - centre)
    if distance <= 0:
        raise InputError(
            "to_rtk: expected bins to run to the right with rows upwards, seen from the source, got a "
            "mirrored detector; turn round the bins or the rows"
        )
    return _view(u, v, n @ first, distance, (u @ first, v @ first), (u @ centre, v @ centre))


def _curved_view(source: Array, centre: Array, bins: Array, v: Array) -> RtkView:
    # RTK bends the detector around the line at u = 0: the gantry has to point at the source.
    across = source - (source @ v) * v
    away = float(np.linalg.norm(across))
    if away == 0:
        raise InputError("to_rtk: expected the source of a curved detector beside the axis, got it on the axis")
    n = across / away
    u = np.cross(v, n)
    out = centre - source
    out = out - (out @ v) * v
    radius = float(np.linalg.norm(out))
    angle = math.atan2(out @ u, -out @ n)
    if bins @ (math.cos(angle) * u + math.sin(angle) * n) < 0:
        raise InputError(
            "to_rtk: expected bins to run to the right with rows upwards, seen from the source, got a "
            "mirrored detector; turn round the bins or the rows"
        )
    return _view(u, v, away, radius, (0.0, float(source @ v)), (angle * radius, float(centre @ v)))


def _view(
    u: Array, v: Array, away: float, distance: float, source: tuple[float, float], detector: tuple[float, float]
) -> RtkView:
    n = np.cross(u, v)
    tilt = -math.asin(max(-1.0, min(1.0, n[1])))
    if math.cos(tilt) > ROUNDING:
        gantry, plane = math.atan2(n[0], n[2]), math.atan2(u[1], v[1])
    else:  # looking along the axis: gantry and detector turn about the same line
        gantry, plane = math.atan2(-u[2], u[0]), 0.0
    lengths = [away, distance, *source, *detector]
    angles = [math.degrees(tilt), math.degrees(plane)]
    # Without the noise of the last digits what is the same in all views is written as the same.
    return RtkView(math.degrees(gantry) % 360, *(round(float(value), 10) + 0.0 for value in [*lengths, *angles]))


def _turn(degrees: float, first: int, second: int) -> Array:
    """Rotation by `degrees` from axis `first` to axis `second`."""
    matrix, angle = np.eye(3), math.radians(degrees)
    matrix[first, first] = matrix[second, second] = math.cos(angle)
    matrix[second, first], matrix[first, second] = math.sin(angle), -math.sin(angle)
    return matrix
