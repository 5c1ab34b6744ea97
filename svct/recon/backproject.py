"""Back projection that follows the pixel: on every pixel the value of its ray in each view, interpolated."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from svct.geometry.grid import Grid
from svct.recon.frames import Frames

SAMPLES = 2**20
"""Pixels times views that are looked at together, for one image: bounds the working memory to some 30 MB."""


def backproject_pixels(
    q: Float[Tensor, "batch row view col"], frames: Frames, grid: Grid
) -> Float[Tensor, "batch z y x"]:
    """Add up, for every pixel, the values of `q` on its rays, weighted by their distance from the source.

    Args:
        q: Filtered projections; of 2D scans with one row.
        frames: Where the detector of each view stands.
        grid: The image grid; images have one slice.

    Returns:
        The sum over views of ``q * L / d^2`` with L from source to detector and d from source to pixel, both along
        the normal of a flat detector, or in the plane of the turn of a curved one; in parallel beam the sum of `q`.
        Differentiable in `q`, any number of times.

    Notes:
        Linear interpolation along the bins, and along the rows of a volume; zero beyond the detector and behind the
        source. `svct.geometry.Projector.T`, the adjoint of the projection, follows the ray instead and has no such
        weights.
    """
    return backproject_plan(q, _CirclePlan(grid, q.shape[1], q.shape[2], q.shape[3], q.device, frames))


@dataclass(frozen=True)
class Piece:
    """Some views on some slices: where to look, as grid_sample counts, and with what weight; one level serves all."""

    views: slice
    slices: slice
    where: Float[Tensor, "view z pixel 2"]
    weight: Float[Tensor, "view level pixel"] | None


@dataclass(frozen=True)
class Plan(ABC):
    """Where the pixels of a grid fall on the detectors.

    Args:
        grid: The image grid.
        rows: Of the projections.
        views: Of the projections.
        bins: Of the projections.
        device: Of the projections.
    """

    grid: Grid
    rows: int
    views: int
    bins: int
    device: torch.device

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, rows and columns of the image."""
        nz, ny, nx = (1, *self.grid.shape)[-3:]
        return nz, ny, nx

    @abstractmethod
    def pieces(self, batch: int) -> Iterator[Piece]:
        """Go through all views and slices, in pieces of bounded size for so many images."""


def backproject_plan(q: Float[Tensor, "batch row view col"], plan: Plan) -> Float[Tensor, "batch z y x"]:
    """Add up, for every pixel, the values of `q` where a plan looks for them; differentiable in `q`."""
    image: Tensor = _Backproject.apply(q, plan)  # type: ignore[no-untyped-call]
    return image


@dataclass(frozen=True)
class _CirclePlan(Plan):
    """The plan of a scan on a circle with upright detectors."""

    frames: Frames

    def pieces(self, batch: int) -> Iterator[Piece]:
        """Go through blocks of views, and in each through blocks of slices."""
        samples = 3 * SAMPLES // (2 + batch)
        nz, ny, nx = self.shape
        views = self.views
        # Torch splits the views of a piece over its threads.
        together = min(views, max(torch.get_num_threads(), samples // (ny * nx * nz)))
        depth = min(nz, max(1, samples // (ny * nx * together)))
        buffer = torch.zeros((together * depth * ny * nx * 2,), device=self.device)
        for start in range(0, views, together):
            chosen = slice(start, min(start + together, views))
            bin_at, nearness, weight = self._columns(chosen)
            for bottom in range(0, nz, depth):
                slices = slice(bottom, min(bottom + depth, nz))
                size = (chosen.stop - start, slices.stop - bottom, ny * nx)
                where = buffer[: size[0] * size[1] * size[2] * 2].view(*size, 2)
                where[..., 0] = bin_at[:, None]
                if len(self.grid.shape) == 3:
                    self._write_rows(chosen, slices, nearness, where[..., 1])
                yield Piece(chosen, slices, where, weight if weight is None else weight[:, None])

    def _columns(self, views: slice) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return bin, as grid_sample counts, L / distance, and weight of every column of voxels, ``(view, yx)``."""
        f = self.frames
        reach, shift, pitch = (v[views, None].float().to(self.device) for v in (f.reach, f.shift, f.pitch))
        scale = 2 / (pitch * self.bins)
        across = self._along(f.along[views], f.source[views])
        if not f.divergent:
            return across.sub_(shift).mul_(scale), reach.expand_as(across), None
        depth = self._along(f.ahead[views], f.source[views])
        least = 0.5 * self.grid.voxel_mm
        seen = depth > least if float(depth.min()) <= least else None
        depth.clamp_(min=least)
        distance = torch.hypot(depth, across) if f.curved else depth
        nearness = reach / distance
        weight = nearness.square() / (reach.square() if f.curved else reach)
        if seen is not None:
            weight = weight * seen
        if f.curved:
            return torch.atan2(across, depth).mul_(reach * scale), nearness, weight
        return across.mul_(nearness).sub_(shift).mul_(scale), nearness, weight

    def _along(self, axis: Tensor, source: Tensor) -> Tensor:
        """How far every column of voxels lies from the source along an axis of each view, ``(view, yx)``, mm."""
        _, ny, nx = self.shape
        origin = self.grid.origin_mm
        x, y = ((torch.arange(n, dtype=torch.float64) - (n - 1) / 2) * self.grid.voxel_mm for n in (nx, ny))
        if len(self.grid.shape) == 2:  # row 0 of an image lies at the largest y
            y = -y
        by_x = axis[:, :1] * (x + origin[0] - source[:, :1])
        by_y = axis[:, 1:] * (y + origin[1] - source[:, 1:])
        return (by_y.float().to(self.device)[:, :, None] + by_x.float().to(self.device)[:, None]).flatten(1)

    def _write_rows(self, views: slice, slices: slice, nearness: Tensor, out: Tensor) -> None:
        """Write the row of every voxel, as grid_sample counts."""
        f, nz = self.frames, self.shape[0]
        z = (torch.arange(nz, dtype=torch.float64)[slices] - (nz - 1) / 2) * self.grid.voxel_mm + self.grid.origin_mm[2]
        base = f.source_z[views, None] if f.divergent else torch.zeros(1, 1, dtype=torch.float64)
        scale = 2 / (f.row_mm[views, None] * self.rows)
        height, foot = (z - base) * scale, (base - f.centre_z[views, None]) * scale
        height, foot = (v.float().to(self.device)[..., None] for v in (height, foot))
        torch.addcmul(foot, height, nearness[:, None], out=out)


class _Backproject(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: Tensor, plan: Plan) -> Tensor:
        ctx.plan = plan
        image = q.new_zeros((q.shape[0], *plan.shape))
        layers = image.flatten(2)
        by_view = q.movedim(2, 0)
        for piece in plan.pieces(len(q)):
            values = torch.nn.functional.grid_sample(
                by_view[piece.views].contiguous(), piece.where, align_corners=False
            )
            if piece.weight is not None:
                values *= piece.weight[:, None]
            layers[:, piece.slices] += values.sum(dim=0)
        return image

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return _Spread.apply(g, ctx.plan), None  # type: ignore[no-untyped-call]


class _Spread(torch.autograd.Function):
    """The adjoint of `_Backproject`."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, plan: Plan) -> Tensor:
        ctx.plan = plan
        q = g.new_zeros((plan.views, len(g), plan.rows, plan.bins))
        layers = g.reshape(*g.shape[:2], -1)
        for piece in plan.pieces(len(g)):
            onto = q[piece.views]
            part = layers[:, piece.slices]
            values = part.expand(len(onto), *part.shape) if piece.weight is None else part * piece.weight[:, None]
            onto += torch.ops.aten.grid_sampler_2d_backward(values, onto, piece.where, 0, 0, False, [True, False])[0]
        return q.movedim(0, 2)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return _Backproject.apply(g, ctx.plan), None  # type: ignore[no-untyped-call]
