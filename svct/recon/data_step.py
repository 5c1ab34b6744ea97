"""What a learned method sees of the data: residual images, and how noisy and how dense the views are."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from svct.geometry.cone import ConeBeam
from svct.geometry.fan import FanBeam
from svct.geometry.projector import Projector
from svct.recon.filters import filter_projections
from svct.recon.short_scan import redundancy_weights, view_coverage
from svct.recon.sirt import inverse_sums
from svct.recon.weights import arc_weights

DIRECTIONS = ("fbp", "sirt", "counts")
"""Images that `DataStep` may make of a residual."""


class DataStep:
    """Turns residuals of the data into images that lead towards it, in one back projection.

    Args:
        y: Log data ``(batch, [rows,] views, bins)``.
        A: The projector of these views.
        view_weights: Radians that each view stands for; 0 leaves a view out. Default: its arc length, at most twice
            the mean: views beside a missing wedge that stand for all of it leave stripes along their rays.
        directions: Which of `DIRECTIONS`.
        view_loads: Tube load of each view over the mean, by which its rays weigh among the counts. Default: 1.

    Notes:
        Of the residual r: ``"fbp"`` is A^T W F r with the ramp filter F and the arc weights W (on a short scan of a fan
        times Parker's), as in ItNet (Genzel et al. 2022, arXiv 2106.00280); ``"sirt"`` is C A^T W R r, see
        `svct.recon.sirt`; ``"counts"`` the same with the rays weighted by their counts exp(-y), the preconditioned
        gradient of penalised weighted least squares (Elbakri and Fessler 2002, IEEE Trans. Med. Imaging 21:89).
    """

    def __init__(
        self,
        y: Float[Tensor, "batch ..."],
        A: Projector,
        view_weights: Float[Tensor, " view"] | None,
        directions: tuple[str, ...],
        view_loads: Float[Tensor, " view"] | None = None,
    ) -> None:
        self.A = A
        given = view_weights is not None
        weights = view_weights if view_weights is not None else arc_weights(A.scan).to(y.device)
        if not given:
            weights = weights.clamp(max=2 * float(weights.mean()))
        rows, columns = inverse_sums(A, y.device)
        middle = columns[tuple(slice(n // 4, n - n // 4) for n in A.domain_shape)]
        # Each view adds up about this much of its rays in a pixel.
        per_view = torch.where(middle > 0, 1 / middle.clamp(min=1e-12), 0.0).mean().clamp(min=1e-12) / len(weights)
        arcs = weights[:, None] / per_view / (2 if A.scan.divergent else 1)
        if not given and isinstance(A.scan, FanBeam | ConeBeam):
            covered = view_coverage(A.scan)
            if covered.short:
                parker = redundancy_weights(A.scan, covered).to(y.device)
                arcs = covered.arcs.to(y.device)[:, None] * parker / per_view
        self.pitch = _pitch_at_axis(A)
        even = weights[:, None] * (len(weights) / weights.detach().sum())
        self.rays, self.columns = [], []
        for name in directions:
            if name == "fbp":
                self.rays.append(arcs)
                self.columns.append(columns)
            elif name == "sirt":
                self.rays.append(rows * even)
                self.columns.append(columns)
            else:
                counts = torch.exp(-y.clamp(min=0))
                if view_loads is not None:
                    counts = counts * view_loads[:, None]
                self.rays.append(rows * even * counts)
                sums = A.T((counts * even.detach()).contiguous())
                self.columns.append(torch.where(sums > 1e-6 * sums.max(), 1 / sums.clamp(min=1e-12), 0.0))
        self.directions = directions
        self.density = view_density(A, weights)

    def __call__(
        self, residual: Float[Tensor, "batch ..."], *, first: bool = False
    ) -> Float[Tensor, "direction batch *space"]:
        """Return one image per direction, ``(directions, batch, [nz,] ny, nx)``.

        The FBP of the residual of few views overshoots along each of them by the inverse of their density; but for the
        first, which is to be an image of its own, it is shortened by as much.
        """
        seen = [
            rays * (filter_projections(residual, self.pitch) if name == "fbp" else residual)
            for name, rays in zip(self.directions, self.rays, strict=True)
        ]
        images = self.A.T(torch.stack(seen))
        shorter = 1.0 if first else min(1.0, self.density)
        return torch.stack(
            [
                image * (shorter if name == "fbp" else column)
                for name, image, column in zip(self.directions, images, self.columns, strict=True)
            ]
        )


def view_density(A: Projector, view_weights: Float[Tensor, " view"]) -> float:
    """Return the views of weight above 0 per pi/2 n, the number for n pixels across (Crowther et al. 1970)."""
    return max(int((view_weights.detach() > 0).sum()), 1) / (math.pi / 2 * max(A.domain_shape[-2:]))


def conditions(
    y: Float[Tensor, "batch ..."], A: Projector, view_weights: Float[Tensor, " view"] | None = None
) -> Float[Tensor, "batch condition"]:
    """Return what a network is told of a scan: the noise level and the density of views.

    Args:
        y: Log data ``(batch, [rows,] views, bins)``.
        A: The projector of these views.
        view_weights: Views of weight 0 count for nothing. Default: all count alike.

    Returns:
        ``(batch, 2)``: the decimal logarithm of the noise of a ray in air, plus 2, by the median absolute second
        difference along the bins, freed of the attenuation's part (Donoho and Johnstone 1994, Biometrika 81:425, for
        the median); and half the binary logarithm of the views per pi/2 n, which n pixels across call for (Crowther et
        al. 1970, Proc. R. Soc. A 317:319), plus 1.
    """
    weights = torch.ones(A.range_shape[-2], device=y.device) if view_weights is None else view_weights.detach()
    seen = y[..., weights > 0, :]
    if seen.numel() == 0 or y.shape[-1] < 3:
        noise = y.new_zeros(len(y))
    else:
        second = (seen[..., 2:] - 2 * seen[..., 1:-1] + seen[..., :-2]) / math.sqrt(6)
        noise = (second.abs() * torch.exp(-seen[..., 1:-1] / 2)).flatten(1).median(dim=1).values / 0.6745
    density = math.log2(view_density(A, weights)) / 2 + 1
    return torch.stack([noise.clamp(1e-5, 1).log10() + 2, torch.full_like(noise, density)], dim=1)


def _pitch_at_axis(A: Projector) -> float:
    """Return the distance between neighbouring rays at the axis, mm."""
    parts = torch.from_numpy(A.scan.vectors).reshape(len(A.scan), -1, A.scan.ndim)
    pitch = parts[:, 2].norm(dim=1)
    if A.scan.divergent:
        source = parts[:, 0]
        pitch = pitch * source[:, :2].norm(dim=1) / (parts[:, 1] - source).norm(dim=1)
    return float(pitch.mean())
