"""Filtered back projection for views at any angles."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from svct.geometry.arrays import as_tensor
from svct.geometry.fan import FanBeam
from svct.geometry.grid import Grid
from svct.geometry.parallel import ParallelBeam
from svct.geometry.projector import Projector
from svct.recon.checks import check_data
from svct.recon.filters import filter_projections
from svct.recon.weights import arc_weights


def fbp(y: Any, A: Projector, *, filter: str = "ramp", view_weights: Float[Tensor, " view"] | None = None) -> Any:
    """Reconstruct by filtered back projection.

    Args:
        y: Log data, float32 ``(..., views, bins)``; torch, NumPy or CuPy.
        A: The projector of these views. A fan beam is taken as a full circle: its views should leave no gap of more
            than half a turn.
        filter: Name of the ramp filter: ramp, shepp-logan, cosine, hamming or hann.
        view_weights: Radians that each view stands for, ``(views,)``. Default: its arc length.

    Returns:
        Attenuation ``(..., ny, nx)``, 1/mm, of the same kind as `y`; differentiable in `y` and `view_weights`.

    Raises:
        InputError: Wrong shape, NaN or infinity.
        UnknownNameError: No such filter.

    Example:
        >>> from svct.geometry import Grid, ParallelBeam
        >>> A = Projector(ParallelBeam(torch.arange(60) * torch.pi / 60, bins=32), Grid(shape=(32, 32)))
        >>> x = torch.zeros(32, 32)
        >>> x[10:22, 10:22] = 0.02
        >>> round(float(fbp(A(x), A)[16, 16]), 2)
        0.02

    Notes:
        Kak and Slaney 1988, chapter 3: ramp along the detector, then for every pixel the sum over views of the filtered
        value on its ray, interpolated linearly, times the view's arc. For a fan the data are scaled to a detector on
        the rotation axis, weighted by D / sqrt(D^2 + s^2), and back projected with 1 / (2 U^2) (section 3.4.2).
    """
    data, back = as_tensor(y, "y")
    check_data(data, A)
    weights = arc_weights(A.scan) if view_weights is None else view_weights
    scan = A.scan
    if isinstance(scan, FanBeam):
        pitch = scan.bin_mm / scan.magnification
        s = (torch.arange(scan.bins, device=data.device) - (scan.bins - 1) / 2) * pitch
        data = data * (scan.source_mm / torch.sqrt(scan.source_mm**2 + s**2))
        weights = weights / 2
    else:
        assert isinstance(scan, ParallelBeam)
        pitch = scan.bin_mm
    filtered = filter_projections(data, pitch, name=filter)
    return back(_interpolate(filtered * weights.to(data.device)[:, None], scan, A.grid, pitch))


def _interpolate(
    q: Float[Tensor, "*batch view col"], scan: ParallelBeam | FanBeam, grid: Grid, pitch: float
) -> Float[Tensor, "*batch y x"]:
    """Add up, for every pixel, the values of `q` on its rays."""
    ny, nx = grid.shape
    x_mm = (torch.arange(nx, device=q.device) - (nx - 1) / 2) * grid.voxel_mm + grid.origin_mm[0]
    y_mm = ((ny - 1) / 2 - torch.arange(ny, device=q.device)) * grid.voxel_mm + grid.origin_mm[1]
    image = q.new_zeros((*q.shape[:-2], ny * nx))
    padded = torch.nn.functional.pad(q, (1, 1))
    for v, angle in enumerate(torch.tensor(scan.angles, device=q.device)):
        sine, cosine = torch.sin(angle), torch.cos(angle)
        s = x_mm * cosine + y_mm[:, None] * sine
        scale = None
        if isinstance(scan, FanBeam):
            depth = 1 + (y_mm[:, None] * cosine - x_mm * sine) / scan.source_mm
            s = s / depth
            scale = (depth**-2).reshape(-1)
        position = (s / pitch + (scan.bins - 1) / 2 + 1).clamp(0, scan.bins + 1).reshape(-1)
        left = position.floor().clamp(max=scan.bins)
        part = position - left
        here, following = padded[..., v, left.long()], padded[..., v, left.long() + 1]
        value = torch.lerp(here, following, part)
        image = image + (value if scale is None else value * scale)
    return image.reshape(*q.shape[:-2], ny, nx)
