"""Greedy A-optimal design under a linear-Gaussian model."""

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Float, Float64
from torch import Tensor
from torch.nn import functional

from svct.errors import InputError
from svct.geometry.grid import Grid
from svct.geometry.projector import Projector
from svct.geometry.scan import Scan
from svct.physics.acquisition import Acquisition
from svct.sampling.fixed import ViewSet


def a_optimal(
    images: Float[Tensor, "patient y x"],
    A: Projector,
    acquisition: Acquisition,
    *,
    views: int,
    coarse: int = 32,
    each: Callable[[], object] | None = None,
) -> ViewSet:
    """Choose views one by one, each lowering the expected squared error of the image the most.

    Args:
        images: Training images ``(n, ny, nx)``, 1/mm, at least 4: they give the prior mean and covariance.
        A: The projector of all candidates, on the grid of the images.
        acquisition: Flux and noise.
        views: How many to choose.
        coarse: Pixels along the longer side of the grid that the design is computed on.
        each: Called after each chosen view, for a progress bar.

    Returns:
        The views, ascending.

    Raises:
        InputError: Too few images, or images that do not fit the grid.

    Notes:
        Gain of view v: tr[S^-1 (A_v C)(A_v C)^T] with S = A_v C A_v^T + R_v, C the posterior covariance so far and
        R_v the noise of the mean patient, exp(l) / I0 + s^2 exp(2 l) / I0^2 (Burger et al. 2021, arXiv 2006.12579,
        A-optimality).
        The prior covariance is that of the images, shrunk by a third towards one of the same variances whose
        correlation falls exponentially over two coarse pixels, since the images are fewer than the pixels.
    """
    if images.ndim != 3 or len(images) < 4 or tuple(images.shape[1:]) != A.domain_shape:
        raise InputError(f"images: expected at least 4 of shape {A.domain_shape}, got shape {tuple(images.shape)}")
    factor = max(1, round(max(A.domain_shape) / coarse))
    small = functional.avg_pool2d(images[:, None], factor, ceil_mode=True, count_include_pad=False)[:, 0]
    shape = (small.shape[1], small.shape[2])
    grid = Grid(shape=shape, voxel_mm=A.grid.voxel_mm * factor, origin_mm=A.grid.origin_mm)
    projector = Projector(_coarse_scan(A.scan, factor), grid)
    pixels = shape[0] * shape[1]
    rows = projector(torch.eye(pixels).reshape(pixels, *shape)).permute(1, 2, 0).double()  # view, bin, pixel

    mean = small.mean(dim=0)
    line = projector(mean).double()
    flux = torch.as_tensor(acquisition.photons, dtype=torch.float64).reshape(-1, 1) * factor
    noise = line.exp() / flux + (acquisition.electronic_noise * line.exp() / flux) ** 2
    seen = rows @ _prior(small.double())  # A C for every view

    chosen: list[int] = []
    for _ in range(views):
        inner = seen @ rows.transpose(1, 2) + torch.diag_embed(noise)
        factors = torch.linalg.cholesky(inner)
        white = torch.linalg.solve_triangular(factors, seen, upper=False)
        gain = white.square().sum(dim=(1, 2))
        gain[chosen] = -math.inf
        best = int(gain.argmax())
        chosen.append(best)
        seen -= (rows @ white[best].T) @ white[best]  # C loses what the view told
        if each:
            each()
    return tuple(sorted(chosen))


def _coarse_scan(scan: Scan, factor: int) -> Scan:
    bins = math.ceil(scan.detector_shape[-1] / factor)
    return replace(scan, bins=bins, bin_mm=scan.bin_mm * factor)  # type: ignore[call-arg, attr-defined]


def _prior(images: Float64[Tensor, "patient y x"]) -> Float64[Tensor, "pixel pixel"]:
    n, ny, nx = images.shape
    centred = (images - images.mean(dim=0)).reshape(n, -1)
    sample = centred.T @ centred / (n - 1)
    spread = sample.diagonal().sqrt()
    row, col = torch.meshgrid(torch.arange(ny), torch.arange(nx), indexing="ij")
    place = torch.stack([row.reshape(-1), col.reshape(-1)], dim=1).double()
    smooth = torch.exp(-torch.cdist(place, place) / 2) * spread[:, None] * spread
    least = 1e-4 * sample.diagonal().max()
    return 2 / 3 * sample + smooth / 3 + least * torch.eye(ny * nx, dtype=sample.dtype)
