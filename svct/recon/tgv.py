"""Second-order total generalised variation by the primal-dual hybrid gradient method."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from svct.geometry.projector import Projector
from svct.recon.checks import check_nonnegative
from svct.recon.differences import (
    Field,
    add_adjoint_symmetric_,
    clip_norms,
    gradient,
    symmetric_gradient,
)
from svct.recon.primal_dual import BALANCE, Penalty, primal_dual

UNIT = 0.1
"""That v is counted in, for the diagonal steps: it changes how fast they are, not where they lead."""


def tgv(
    y: Any,
    A: Projector,
    *,
    strength: float = 0.15,
    ratio: float = 2.0,
    iterations: int = 300,
    weights: Any = None,
    start: Any = None,
    nonnegative: bool = True,
    tolerance: float = 0.0,
    each: Callable[[int], Any] | None = None,
) -> Any:
    """Reconstruct with a penalty of second-order total generalised variation, which lets slopes be slopes.

    Args:
        y: See `tv`; likewise `A`, `iterations`, `weights`, `start`, `nonnegative`, `tolerance` and `each`.
        A: See `y`.
        strength: Weight of the first-order part (see Notes), mm: larger is smoother.
        ratio: Weight of the second-order part over that of the first: the larger, the nearer to `tv`.
        iterations: See `y`.
        weights: See `y`.
        start: See `y`.
        nonnegative: See `y`.
        tolerance: See `y`.
        each: See `y`.

    Raises:
        InputError: As `tv`, or a negative ratio.

    Example:
        >>> from svct.geometry import Grid, ParallelBeam
        >>> A = Projector(ParallelBeam(torch.arange(60) * torch.pi / 60, bins=32), Grid(shape=(32, 32)))
        >>> x = torch.zeros(32, 32)
        >>> x[10:22, 10:22] = 0.02
        >>> round(float(tgv(A(x), A, strength=0.01, iterations=50)[16, 16]), 2)
        0.02

    Notes:
        Minimises 1/2 sum w (A x - y)^2 + strength min over v of (sum |grad x - v| + ratio sum |E v|), with the
        symmetrised derivative E of a vector field v (Bredies, Kunisch and Pock 2010, SIAM J. Imaging Sci. 3:492; for
        CT Niu et al. 2014, Phys. Med. Biol. 59:2997). Linear ramps cost nothing, so that they do not turn into
        steps. Forward differences within the image alone; the steps are those of `tv`.
    """
    check_nonnegative("strength", strength)
    check_nonnegative("ratio", ratio)
    return primal_dual(
        y,
        A,
        penalty=GeneralisedVariation(strength, strength * ratio),
        iterations=iterations,
        weights=weights,
        start=start,
        nonnegative=nonnegative,
        tolerance=tolerance,
        each=each,
    )


class GeneralisedVariation(Penalty):
    """The total generalised variation, min over v of first sum |grad x - v| + second sum |E v|."""

    def __init__(self, first: float, second: float) -> None:
        self.first, self.second = first, second
        self.v: Field = []
        self.v_ahead: Field = []
        self.bend: Field = []

    def begin(self, x: Tensor, axes: int) -> None:
        """Set the flows and v to 0."""
        self.v = self.v_ahead = self.flow = [torch.zeros_like(d) for d in gradient(x, axes)]
        self.bend = [torch.zeros_like(d) for d in symmetric_gradient(self.v)]

    def ascend(self, ahead: Tensor) -> None:
        """Step the flow and the flow of E v, then v."""
        axes, shape = len(self.v), ahead.shape
        # Inverse sums of the coefficients of each row: 2 and one of v in grad x - v; up to 4 root half of v in E v.
        first, second = BALANCE / (2 + UNIT), BALANCE / (math.sqrt(8) * UNIT)
        away = zip(self.flow, gradient(ahead, axes), self.v_ahead, strict=True)
        self.flow = clip_norms([f + first * (d - v) for f, d, v in away], shape, self.first)
        bends = zip(self.bend, symmetric_gradient(self.v_ahead), strict=True)
        self.bend = clip_norms([torch.add(b, e, alpha=second) for b, e in bends], shape, self.second)
        # The column of v holds 1 in grad x - v, and in E v 2 and, for each other axis, 2 root half.
        tau = UNIT / BALANCE / (3 + math.sqrt(2) * (axes - 1))
        slope = [-f for f in self.flow]
        add_adjoint_symmetric_(slope, self.bend)
        following = [torch.add(v, s, alpha=-tau) for v, s in zip(self.v, slope, strict=True)]
        self.v_ahead = [2 * f - v for f, v in zip(following, self.v, strict=True)]
        self.v = following
