"""The vectors of divergent beams whose source and detector turn around the z axis."""

import torch
from torch import Tensor


def circular_vectors(
    angles: Tensor,
    *,
    source_mm: Tensor,
    detector_mm: Tensor,
    bin_mm: Tensor,
    row_mm: Tensor,
    offset_mm: Tensor,
    tilt: Tensor,
    source_shift_mm: Tensor,
    z_mm: Tensor,
    curved: bool,
) -> Tensor:
    """Return source, detector centre, bin step and row step of each view, ``(views, 12)``, mm.

    Args:
        angles: ``(views,)``, radians.
        source_mm: Axis to source, ``(views,)``.
        detector_mm: Axis to detector, ``(views,)``.
        bin_mm: Between bins, ``(views,)``.
        row_mm: Between rows, ``(views,)``.
        offset_mm: Of the detector along its bins and its rows, ``(views, 2)``.
        tilt: Of the detector about its normal, its bin axis and its row axis, ``(views, 3)``, radians.
        source_shift_mm: Of the source, tangential, radial and axial, ``(views, 3)``.
        z_mm: Height of source and detector, ``(views,)``.
        curved: Whether the detector is a cylinder around an axis through the source; its tilt about the row axis is
            then without effect.

    Notes:
        At angle t: tangent e = (cos t, sin t, 0), radius n = (sin t, -cos t, 0), axis z; source at ``source_mm n``,
        detector at ``-detector_mm n``, bins along e, rows along z, as in ASTRA's `cone`. (e, z, n) is right-handed,
        and so is the detector's frame (u, v, w) = (e, z, n) R_w R_u R_v, turned about its normal first.
    """
    sine, cosine, zero = angles.sin(), angles.cos(), torch.zeros_like(angles)
    tangent = torch.stack([cosine, sine, zero], dim=-1)
    radius = torch.stack([sine, -cosine, zero], dim=-1)
    axis = torch.stack([zero, zero, zero + 1], dim=-1)
    gantry = torch.stack([tangent, axis, radius], dim=-1)
    bins, rows, _ = (gantry @ _turn(tilt)).unbind(dim=-1)

    height = z_mm[:, None] * axis
    shift = source_shift_mm[:, [0, 2, 1], None]
    source = source_mm[:, None] * radius + height + (gantry @ shift)[..., 0]
    centre = height - detector_mm[:, None] * radius + offset_mm[:, 1:] * rows
    if curved:
        centre, bins = _slide(source, centre, rows, offset_mm[:, :1])
    else:
        centre = centre + offset_mm[:, :1] * bins
    return torch.cat([source, centre, bin_mm[:, None] * bins, row_mm[:, None] * rows], dim=-1)


def _slide(source: Tensor, centre: Tensor, rows: Tensor, arc_mm: Tensor) -> tuple[Tensor, Tensor]:
    """Move the centre of a curved detector along its arc; return it and the direction of the bins there."""
    along = centre - source
    axial = (along * rows).sum(dim=-1, keepdim=True) * rows
    across = along - axial
    radius_mm = across.norm(dim=-1, keepdim=True)
    outward = across / radius_mm
    bins = torch.linalg.cross(outward, rows)
    cosine, sine = (arc_mm / radius_mm).cos(), (arc_mm / radius_mm).sin()
    return source + axial + radius_mm * (cosine * outward + sine * bins), cosine * bins - sine * outward


def _turn(tilt: Tensor) -> Tensor:
    normal, bins, rows = tilt.unbind(dim=-1)
    return _rotation(normal, 0, 1) @ _rotation(bins, 1, 2) @ _rotation(rows, 2, 0)


def _rotation(angle: Tensor, first: int, second: int) -> Tensor:
    """Rotation by `angle` from axis `first` to axis `second`."""
    zero, cosine, sine = torch.zeros_like(angle), angle.cos(), angle.sin()
    entries = [[zero + (row == column) for column in range(3)] for row in range(3)]
    entries[first][first] = entries[second][second] = cosine
    entries[second][first], entries[first][second] = sine, -sine
    return torch.stack([torch.stack(row, dim=-1) for row in entries], dim=-2)
