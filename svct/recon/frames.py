"""Where the detector of each view stands, as analytic reconstruction needs it."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError
from svct.geometry.helical import Helical
from svct.geometry.scan import Scan

UPRIGHT = 1e-4
"""How far detectors may lean, radians: the outermost bins of a thousand then err by a twentieth of one."""
ROUND = 0.02
"""How much the distance of the sources from the axis, and their height, may vary, as a part of that distance."""


@dataclass(frozen=True)
class Frames:
    """Views whose detector rows lie across the rotation axis and whose columns stand along it.

    Args:
        divergent: Whether rays start in a source.
        curved: Whether the detector is a cylinder around an axis through the source.
        source: x, y of the source, mm; zero in parallel beam.
        ahead: Unit vector from the source to the detector and across it; in parallel beam along the rays.
        along: Unit vector across `ahead`, along the bins.
        reach: From the source to the detector's plane, or the cylinder's radius, mm.
        shift: From the foot of `ahead` to the middle of the bins along `along`, mm; 0 where curved.
        pitch: Between bins along `along`, mm; where curved along the arc.
        source_z: Height of the source, mm; as `centre_z`, `row_mm` 0 and 1 in 2D.
        centre_z: Height of the detector's middle, mm.
        row_mm: Between rows, mm; negative where rows count downwards.
    """

    divergent: bool
    curved: bool
    source: Float[Tensor, "view 2"]
    ahead: Float[Tensor, "view 2"]
    along: Float[Tensor, "view 2"]
    reach: Float[Tensor, " view"]
    shift: Float[Tensor, " view"]
    pitch: Float[Tensor, " view"]
    source_z: Float[Tensor, " view"]
    centre_z: Float[Tensor, " view"]
    row_mm: Float[Tensor, " view"]


def upright_frames(scan: Scan) -> Frames:
    """Return the frames of a scan that analytic reconstruction can take, float64 on the CPU.

    Raises:
        InputError: A helix, a detector that leans, or sources that do not stand on a circle around the z axis.
    """
    if isinstance(scan, Helical):
        raise InputError("expected a scan on a circle, got a helical one; see svct.recon.helical")
    return _frames(scan)


def helix_frame(scan: Helical) -> Frames:
    """Return the frame of the first view of a helix, whose other views are turned and lifted copies.

    Raises:
        InputError: A flying focal spot, or a detector that leans.
    """
    if bool(torch.tensor(scan.source_shift_mm, dtype=torch.float64).any()):
        raise InputError(
            "fbp: expected a helix without a flying focal spot, got source_shift_mm; reconstruct with sirt, which "
            "takes every geometry"
        )
    return _frames(scan[:1])


def _frames(scan: Scan) -> Frames:
    parts = torch.from_numpy(scan.vectors).reshape(len(scan), -1, scan.ndim)
    if scan.ndim == 3:
        _require_upright(scan, parts)
    first, centre, step = parts[:, 0, :2], parts[:, 1, :2], parts[:, 2, :2]
    flat = torch.zeros(len(scan), dtype=torch.float64)
    heights = (parts[:, 0, 2], parts[:, 1, 2], parts[:, 3, 2]) if scan.ndim == 3 else (flat, flat, flat + 1)
    if scan.divergent:
        _require_circle(first, heights[0])
        along = step / step.norm(dim=1, keepdim=True)
        ahead = torch.stack([-along[:, 1], along[:, 0]], dim=1)
        reach = _dot(centre - first, ahead)
        ahead, reach = ahead * reach.sign()[:, None], reach.abs()
        source = first
    else:
        ahead = first / first.norm(dim=1, keepdim=True)
        along = torch.stack([ahead[:, 1], -ahead[:, 0]], dim=1)
        along = along * _dot(step, along).sign()[:, None]
        source, reach = torch.zeros_like(first), flat + 1
    pitch, shift = _dot(step, along), _dot(centre - source, along)
    if not bool((pitch > 0).all()) or not bool((reach > 0).all()):
        raise InputError("fbp: expected rays across the detector, got a view whose detector lies along its rays")
    return Frames(scan.divergent, scan.curved, source, ahead, along, reach, shift, pitch, *heights)


def source_angles(scan: Scan) -> Float[Tensor, " view"]:
    """Return the angle of each view as its source stands, which a flying focal spot moves, radians, float64."""
    if not scan.divergent:
        return torch.tensor(scan.angles, dtype=torch.float64)
    x, y = torch.from_numpy(scan.vectors)[:, :2].unbind(dim=1)
    return torch.atan2(x, -y)


def mid_rays(frames: Frames, bins: int) -> Float[Tensor, "view col 2"]:
    """Return the way from the source to each bin in the plane of the turn, mm; any length in parallel beam."""
    u = frames.pitch[:, None] * (torch.arange(bins, dtype=torch.float64) - (bins - 1) / 2)
    reach = frames.reach[:, None]
    across, out = (reach * (u / reach).sin(), reach * (u / reach).cos()) if frames.curved else (u, reach)
    rays = (across + frames.shift[:, None])[..., None] * frames.along[:, None] + out[..., None] * frames.ahead[:, None]
    return rays if frames.divergent else frames.ahead[:, None].expand_as(rays)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(dim=1)


def _require_upright(scan: Scan, parts: Float[Tensor, "view part 3"]) -> None:
    unit = parts / parts.norm(dim=2, keepdim=True)
    leans = [unit[:, 2, 2], unit[:, 3, :2].norm(dim=1)]
    if not scan.divergent:
        leans.append(unit[:, 0, 2])
    lean = float(torch.stack(leans).abs().max())
    if lean > UPRIGHT:
        raise InputError(
            "fbp: expected detector rows across the z axis and columns along it"
            f"{'' if scan.divergent else ', and rays across it'}, got {math.degrees(math.asin(min(lean, 1))):.3g} deg "
            "off; reconstruct with sirt, which takes every geometry"
        )


def _require_circle(source: Float[Tensor, "view 2"], height: Float[Tensor, " view"]) -> None:
    distance = source.norm(dim=1)
    mean = float(distance.mean())
    spread = float(torch.maximum(distance.max() - distance.min(), height.max() - height.min()))
    if spread > ROUND * mean:
        raise InputError(
            f"fbp: expected sources on a circle around the z axis, got distances of {float(distance.min()):.4g} to "
            f"{float(distance.max()):.4g} mm and heights of {float(height.min()):.4g} to {float(height.max()):.4g} mm; "
            "reconstruct with sirt, which takes every geometry"
        )
