"""Views of a displaced detector, which sees the whole object only from both ends of each line together."""

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError
from svct.geometry.grid import Grid
from svct.geometry.scan import Scan
from svct.recon.frames import Frames
from svct.recon.short_scan import Coverage, fan_angles
from svct.recon.weights import angle_gaps, arcs_between

LEAST = 0.02
"""By what part the far side has to reach further than the near one; quarter shifts are below."""
HALF_FAN = 0.2
"""From what part on the detector is displaced on purpose, so that its far side must reach the edge of the grid."""


@dataclass(frozen=True)
class Displaced:
    """How the data of a displaced detector are to be weighted and continued.

    Args:
        weights: What part of a line's value each ray contributes, float32; twice that in parallel beam, where opposite
            views share one arc.
        arcs: Radians that each view stands for, float32.
        pad: Bins of zeros before the first and after the last, which the filter then fills.
        frames: Where the detector stands with these bins.
    """

    weights: Float[Tensor, "view col"]
    arcs: Float[Tensor, " view"]
    pad: tuple[int, int]
    frames: Frames


def displaced_detector(
    scan: Scan, frames: Frames, covered: Coverage, *, grid: Grid, coverage: str = "auto"
) -> Displaced | None:
    """Return how to treat a detector that sees the grid on one side of the axis only, or None where it is not so.

    Args:
        scan: A scan on a circle with upright detectors.
        frames: Its frames.
        covered: What its views cover.
        grid: Of the image: the circle around the axis that fits into it is what the far side has to reach.
        coverage: As `svct.recon.fbp` was told; a parallel beam told to be ``"short"`` is left alone.

    Returns:
        None for a short scan, a parallel beam whose views leave out a quarter turn or more, a detector that reaches the
        circle on both sides within one voxel, or one whose sides reach equally far, within `LEAST`.

    Raises:
        InputError: A detector that does not reach past the axis, or a half fan whose far side, within one voxel, does
            not reach the circle.

    Notes:
        Wang 2002 (Med. Phys. 29:1634): with g the angle of a ray from the axis and o what both sides reach, the weight
        is ``(1 + sin(pi/2 g/o)) / 2`` for ``|g| < o``, 1 further out and 0 on the other side, so that both rays of a
        line add up to one. In parallel beam distances take the place of angles.
    """
    bins = scan.detector_shape[-1]
    place = _places(frames, bins)
    low, high = float(place.amin(dim=1).max()), float(place.amax(dim=1).min())
    near, far = min(-low, high), max(-low, high)
    if near <= 0:
        raise InputError(
            "fbp: expected a detector that reaches past the rotation axis on both sides, got one whose near side stops "
            f"{_length(scan, frames, -near):.4g} mm short of it, so that no view sees the middle; correct offset_mm, "
            "or reconstruct with sirt"
        )
    arcs = covered.arcs
    if covered.short or (not scan.divergent and coverage == "short"):
        return None
    if not scan.divergent:
        order, gaps = angle_gaps(covered.turn, 2 * math.pi)
        if len(gaps) == 1 or float(gaps.max()) > math.pi / 2:
            return None
        arcs = arcs_between(order, gaps / 2).float()  # opposite views share one arc, so that all add up to pi
    radius = min(grid.shape[-2:]) / 2 * grid.voxel_mm + math.hypot(*grid.origin_mm[:2]) - grid.voxel_mm
    distance = float(frames.source.norm(dim=1).mean())
    edge = math.asin(min(radius / distance, 1.0)) if scan.divergent else radius
    if near >= edge or far - near < LEAST * far:
        return None
    if far < edge and far - near >= HALF_FAN * far:
        raise InputError(
            f"fbp: expected the far side of a displaced detector to reach the edge of the grid, {radius:.4g} mm from "
            f"the rotation axis, got {_length(scan, frames, far):.4g} mm (near side "
            f"{_length(scan, frames, near):.4g} mm); take a grid no wider than what it sees"
        )
    signed = place if high > -low else -place
    weights = (1 + torch.sin(math.pi / 2 * (signed / near).clamp(-1, 1))) / 2
    at_start = bool((signed[:, 0] < signed[:, -1]).all())
    pad, wide = (0, 0), frames
    step = bins // 8 + 1
    for extra in range(step, 8 * bins, step):
        pad = (extra, 0) if at_start else (0, extra)
        wide = _widen(frames, *pad)
        reached = _places(wide, bins + extra) * (1 if high > -low else -1)
        if float(reached.amin(dim=1).max()) <= -far:
            break
    return Displaced((weights if scan.divergent else 2 * weights).float(), arcs, pad, wide)


def _places(frames: Frames, bins: int) -> Float[Tensor, "view col"]:
    """Return the angle of each ray from that through the axis, radians; in parallel beam its distance, mm."""
    if frames.divergent:
        return fan_angles(frames, bins)
    u = frames.pitch[:, None] * (torch.arange(bins, dtype=torch.float64) - (bins - 1) / 2) + frames.shift[:, None]
    turned = frames.along[:, 0] * frames.ahead[:, 1] - frames.along[:, 1] * frames.ahead[:, 0]
    return u * turned.sign()[:, None]


def _length(scan: Scan, frames: Frames, place: float) -> float:
    """How far from the axis the ray of a place passes, mm."""
    return float(frames.source.norm(dim=1).mean()) * math.sin(place) if scan.divergent else place


def _widen(frames: Frames, before: int, after: int) -> Frames:
    """Return the frames with bins added, whose middle has moved along the detector."""
    moved = frames.pitch * (after - before) / 2
    if not frames.curved:
        return replace(frames, shift=frames.shift + moved)
    sine, cosine = (moved / frames.reach).sin()[:, None], (moved / frames.reach).cos()[:, None]
    ahead = cosine * frames.ahead + sine * frames.along
    return replace(frames, ahead=ahead, along=cosine * frames.along - sine * frames.ahead)
