"""Views of a point source over less than a full circle: how far they reach, and how rays share what is seen twice."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError, unknown_name
from svct.geometry.scan import Scan
from svct.recon.frames import Frames, mid_rays, source_angles, upright_frames
from svct.recon.weights import angle_gaps, arc_weights

COVERAGES = ("auto", "full", "short")
"""How `view_coverage` may be told what part of the circle the views cover."""


@dataclass(frozen=True)
class Coverage:
    """The part of the circle that views cover.

    Args:
        arcs: Radians that each view stands for, float32 ``(views,)``.
        turn: How far each view is from the beginning, radians, float64 ``(views,)``.
        span: Radians that all views together stand for.
        short: Whether that is to be taken as less than the full circle.
    """

    arcs: Float[Tensor, " view"]
    turn: Float[Tensor, " view"]
    span: float
    short: bool


def view_coverage(scan: Scan, coverage: str = "auto") -> Coverage:
    """Work out what part of the circle the views of a scan cover.

    Args:
        scan: The scan. In parallel beam its views always cover the half circle.
        coverage: ``"full"``, ``"short"``, or ``"auto"``, see Notes.

    Raises:
        UnknownNameError: No such coverage.
        InputError: A short scan of fewer than two different angles.

    Example:
        >>> from svct.geometry import FanBeam
        >>> detector = {"bins": 101, "bin_mm": 4.0, "source_mm": 600, "detector_mm": 400}
        >>> view_coverage(FanBeam([math.radians(a) for a in range(220)], **detector)).short
        True
        >>> view_coverage(FanBeam([math.radians(a) for a in range(0, 360, 120)], **detector)).short
        False

    Notes:
        The rule of ``"auto"``: views are a short scan if the largest gap G between their n different angles is more
        than 4 times the next largest, or so large that n angles drawn at random from the full circle leave it in fewer
        than one of a thousand draws, ``n (1 - G / 2 pi)^(n - 1) < 0.001``. So 16 or more equal steps over 200 to 270
        degrees are a short scan, and so are about two in a thousand sets of 24 angles drawn from the full circle. Where
        few irregular views leave it open, say which. Fewer than three different angles are a full circle.

        In a short scan the views on either side of the gap stand for half the mean gap of the others on that side.
    """
    if coverage not in COVERAGES:
        raise unknown_name("coverage", coverage, list(COVERAGES))
    arcs = arc_weights(scan)
    angles = source_angles(scan) % (2 * math.pi)
    order, gaps = angle_gaps(angles, 2 * math.pi)
    last = int(gaps.argmax())
    widest, inner = float(gaps[last]), torch.cat([gaps[last + 1 :], gaps[:last]])
    distinct = 1 + int((inner > 1e-9).sum())
    short = coverage == "short"
    if coverage == "auto" and distinct >= 3:
        chance = distinct * (1 - widest / (2 * math.pi)) ** (distinct - 1)
        short = widest > 4 * float(inner.max()) or chance < 1e-3
    if not (short and scan.divergent):
        return Coverage(arcs, angles, 2 * math.pi if scan.divergent else math.pi, False)
    if distinct < 2:
        raise InputError("coverage: expected at least two different angles for a short scan, got one")
    order = order.roll(-last - 1)
    margin = min(float(inner.sum()) / (distinct - 1), widest) / 2
    sides = torch.nn.functional.pad(inner / 2, (1, 1), value=margin)
    arcs = arcs.scatter(0, order, (sides[:-1] + sides[1:]).float())
    turn = (angles - angles[order[0]]) % (2 * math.pi) + margin
    return Coverage(arcs, turn, float(inner.sum()) + 2 * margin, True)


def redundancy_weights(scan: Scan, covered: Coverage) -> Float[Tensor, "view col"]:
    """Return the part of a line's value that each of its rays contributes; over all rays of a line they add up to one.

    Args:
        scan: A scan on a circle with upright detectors.
        covered: What its views cover, from `view_coverage`.

    Returns:
        Float32 ``(views, bins)``: one in parallel beam, a half on a full circle, Parker's weights on a short scan.
    """
    shape = (len(scan), scan.detector_shape[-1])
    if not covered.short:
        return torch.full(shape, 0.5 if scan.divergent else 1.0)
    return parker_weights(covered.turn[:, None], fan_angles(upright_frames(scan), shape[1]), covered.span).float()


def parker_weights(turn: Float[Tensor, "*#ray"], fan: Float[Tensor, "*#ray"], span: float) -> Float[Tensor, "*ray"]:
    """Return Parker's weights for rays of a short scan.

    Args:
        turn: How far the source has turned since the beginning, from 0 to `span`, radians.
        fan: Angle of the ray from the central one, positive towards where the source moves, radians.
        span: How far the source turns, up to 2 pi.

    Notes:
        Parker 1982 (Med. Phys. 9:254), with half of ``span - pi`` in the place of the half fan angle, which extends
        the smooth transition over all that is measured twice (Silver 2000, Med. Phys. 27:773; Wesarg et al. 2002,
        Phys. Med. Biol. 47:N79). The ray at (b, g) is measured again at (b + pi - 2 g, -g), and the weights of both
        add up to one; a ray measured once has weight one, also where `span` is too short for the fan.
    """
    spare = (span - math.pi) / 2
    rising = turn < 2 * (spare + fan)
    falling = turn > math.pi + 2 * fan
    tiny = 1e-12
    up = torch.sin(math.pi / 4 * turn / (spare + fan).clamp(min=tiny)) ** 2
    down = torch.sin(math.pi / 4 * (span - turn) / (spare - fan).clamp(min=tiny)) ** 2
    one = torch.ones_like(up)
    weights: Tensor = torch.where(rising, up, torch.where(falling, down, one))
    return torch.where((turn < 0) | (turn > span), 0.0, weights)


def fan_angles(frames: Frames, bins: int) -> Float[Tensor, "view col"]:
    """Return the angle of each ray from that through the axis, positive towards where the source moves, radians."""
    rays = mid_rays(frames, bins)
    x, y = (-frames.source[:, None]).unbind(dim=-1)
    return torch.atan2(rays[..., 0] * y - rays[..., 1] * x, rays[..., 0] * x + rays[..., 1] * y)
