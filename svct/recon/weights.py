"""How much of the circle each view stands for."""

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from svct.geometry.scan import Scan
from svct.recon.frames import source_angles


def arc_weights(scan: Scan) -> Float[Tensor, " view"]:
    """Return the arc-length (Voronoi) weight of each view.

    Args:
        scan: A scan with views at any angles, in any order, repeated or not.

    Returns:
        Float32 ``(views,)``, radians: half the gap to the neighbour on either side. They add up to pi in parallel beam,
        where opposite views are the same, and to 2 pi otherwise.

    Example:
        >>> from svct.geometry import ParallelBeam
        >>> arc_weights(ParallelBeam([0.0, 0.1, 0.2], bins=3))
        tensor([1.5208, 0.1000, 1.5208])

    Notes:
        Views that are unevenly spaced need these weights in every integral over angle (International Tables for
        Crystallography, vol. B, section 2.5.6). For views that leave out a part of the circle see
        `svct.recon.short_scan`.
    """
    period = 2 * math.pi if scan.divergent else math.pi
    angles = source_angles(scan) % period
    order, gaps = angle_gaps(angles, period)
    if bool((gaps == 0).all()):
        gaps = torch.full_like(gaps, period / len(angles))
    return arcs_between(order, gaps).float()


def angle_gaps(angles: Float[Tensor, " view"], period: float) -> tuple[Int64[Tensor, " view"], Float[Tensor, " view"]]:
    """Return the order of angles around the circle of a period, and in it the gap from each to the next, radians."""
    order = torch.argsort(angles, stable=True)
    return order, (angles[order].roll(-1) - angles[order]) % period


def arcs_between(order: Int64[Tensor, " view"], gaps: Float[Tensor, " view"]) -> Float[Tensor, " view"]:
    """Return half the gaps on either side of each view, in the views' own order; arguments from `angle_gaps`."""
    arcs = torch.empty_like(gaps)
    arcs[order] = (gaps + gaps.roll(1)) / 2
    return arcs


def count_weights(y: Float[Tensor, "*batch view col"]) -> Float[Tensor, "*batch view col"]:
    """Return the statistical weight of each ray, in proportion to the counts that its log data tell of.

    Args:
        y: Log data ``(..., [rows,] views, bins)``.

    Returns:
        ``exp(-y)``, of the shape of `y`, scaled so that the weighted sum of the squared data is the plain one: a
        penalty keeps about the strength that suits equal weights, however much of the detector sees air.

    Example:
        >>> count_weights(torch.tensor([[0.0, 1.0, 3.0]]))
        tensor([[12.2555,  4.5085,  0.6102]])

    Notes:
        Of Poisson counts N the variance of the log data is about 1 / N (Sauer and Bouman 1993, IEEE Trans. Signal
        Process. 41:534).
    """
    w = torch.exp(-y)
    energy = y.square()
    return w * (energy.sum() / (w * energy).sum().clamp(min=1e-30))
