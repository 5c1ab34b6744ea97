"""The linear-Gaussian model of a task, in which the expected error of any view set has a closed form."""

import math
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Float64
from torch import Tensor
from torch.nn import functional

from svct.errors import InputError
from svct.geometry.grid import Grid
from svct.geometry.projector import Projector
from svct.geometry.scan import Scan
from svct.sampling.importance import without_metal
from svct.sampling.samplers.base import Problem

SHRINKAGES = (0.01, 0.03, 0.1, 0.2, 0.35, 0.6)
"""Tried shares of a smooth covariance in the prior."""


@dataclass(frozen=True, eq=False)
class LinearModel:
    """A Gaussian prior of the patients on a coarse grid, and how each candidate view sees it.

    Args:
        rows: The projector as a matrix, ``(view, bin, pixel)``, mm.
        prior: Covariance of the patients, ``(pixel, pixel)``, 1/mm^2.
        photon_noise: Variance of each ray by photons, ``(view, bin)``, at mean load; it goes with 1 / load.
        electronic_noise: Variance by electronics, ``(view, bin)``, at mean load; it goes with 1 / load^2.
        importance: Weight of each pixel in the error, ``(pixel,)``.

    Notes:
        R_v = exp(l) / I0 + s^2 exp(2 l) / I0^2 with the mean patient's line integrals l; posterior covariance
        C - C A^T (A C A^T + R)^-1 A C (Burger et al. 2021, arXiv 2006.12579).
    """

    rows: Float64[Tensor, "view bin pixel"]
    prior: Float64[Tensor, "pixel pixel"]
    photon_noise: Float64[Tensor, "view bin"]
    electronic_noise: Float64[Tensor, "view bin"]
    importance: Float64[Tensor, " pixel"]

    def expected_error(
        self, views: Sequence[int], loads: Float64[Tensor, " chosen"] | None = None
    ) -> Float64[Tensor, ""]:
        """Return the expected squared error per pixel, 1/mm^2, weighted by the importance; differentiable in the loads.

        Args:
            views: The chosen candidates.
            loads: Their loads over the mean. Default: 1.
        """
        chosen = list(views)
        seen = self.rows[chosen].flatten(0, 1)
        noise = self.noise(1.0 if loads is None else loads[:, None], chosen)
        cross = seen @ self.prior
        white = _white(cross @ seen.T + torch.diag(noise.flatten()), cross)
        left = self.prior.diagonal() - white.square().sum(dim=0)
        return (self.importance * left).sum() / self.importance.sum()

    def noise(self, load: float | Float64[Tensor, "chosen 1"], views: int | list[int] | slice) -> Tensor:
        """Return the noise variance of some candidates' rays at a load over the mean, ``([view,] bin)``."""
        variance: Tensor = self.photon_noise[views] / load + self.electronic_noise[views] / load**2
        return variance


class Posterior:
    """What is still unknown once some views are taken; views come and go by updates of low rank.

    Args:
        model: The model.
        views: Views that are taken already.
    """

    def __init__(self, model: LinearModel, views: Sequence[int] = ()) -> None:
        self.model = model
        self.covariance = model.prior.clone()
        self._seen = model.rows @ model.prior  # A_v C for every candidate
        for view in views:
            self.take(view)

    def take(self, view: int, load: float = 1.0) -> None:
        """Take a view at some load over the mean."""
        seen = self._seen[view]
        noise = torch.diag(self.model.noise(load, view))
        self._change(_white(noise + seen @ self.model.rows[view].T, seen), -1)

    def drop(self, view: int, load: float = 1.0) -> None:
        """Undo a view that was taken at this load."""
        seen = self._seen[view]
        noise = torch.diag(self.model.noise(load, view))
        self._change(_white(noise - seen @ self.model.rows[view].T, seen), 1)

    def copy(self) -> "Posterior":
        """Return another one that goes its own way from here."""
        other = copy(self)
        other.covariance, other._seen = self.covariance.clone(), self._seen.clone()
        return other

    def update(self, view: int, surprise: Float64[Tensor, " bin"]) -> Float64[Tensor, " pixel"]:
        """Return what a view at mean load changes of the posterior mean, 1/mm.

        Args:
            view: The view, not yet taken.
            surprise: Its log data, less what is expected of them.
        """
        return self._gained(slice(view, view + 1), surprise[None])[0]

    def updates(self, surprise: Float64[Tensor, "view bin"]) -> Float64[Tensor, "view pixel"]:
        """Return the same of every candidate, were it the next one."""
        return self._gained(slice(None), surprise)

    def whitened(self, load: float = 1.0) -> Float64[Tensor, "view bin pixel"]:
        """Return L_v^-1 A_v C of every candidate, L_v L_v^T = A_v C A_v^T + R_v, were it taken at some load.

        Taking v lowers the covariance C by the square of its part.
        """
        noise = torch.diag_embed(self.model.noise(load, slice(None)))
        return _white(self._seen @ self.model.rows.transpose(1, 2) + noise, self._seen)

    def information(self, load: float = 1.0) -> Float64[Tensor, " view"]:
        """Return log det(I + R_v^-1 A_v C A_v^T) of each candidate: twice what it would tell, in nats."""
        scale = self.model.noise(load, slice(None)).rsqrt()
        inner = scale[:, :, None] * (self._seen @ self.model.rows.transpose(1, 2)) * scale[:, None, :]
        inner = inner + torch.eye(inner.shape[1], dtype=inner.dtype)
        told: Tensor = 2 * torch.linalg.cholesky(inner).diagonal(dim1=1, dim2=2).log().sum(dim=1)
        return told

    def _gained(self, views: slice, surprise: Float64[Tensor, "view bin"]) -> Float64[Tensor, "view pixel"]:
        """Return C A_v^T (A_v C A_v^T + R_v)^-1 of the surprise."""
        seen = self._seen[views]
        inner = seen @ self.model.rows[views].transpose(1, 2) + torch.diag_embed(self.model.noise(1.0, views))
        weights = torch.cholesky_solve(surprise[:, :, None], torch.linalg.cholesky(inner))
        return (weights.transpose(1, 2) @ seen)[:, 0]

    def _change(self, white: Float64[Tensor, "bin pixel"], sign: int) -> None:
        self.covariance += sign * white.T @ white
        self._seen += sign * (self.model.rows @ white.T) @ white


def linear_model(problem: Problem, *, coarse: int = 32) -> LinearModel:
    """Build the model of a problem from its training patients.

    Args:
        problem: With at least 4 images, which give mean and covariance of the prior.
        coarse: Pixels along the longer side of the grid that the model lives on.

    Raises:
        InputError: Too few images.

    Notes:
        The images are fewer than the pixels: their covariance is shrunk towards one of the same variances whose
        correlation falls exponentially over two coarse pixels, by as much as makes a quarter of the images, held out,
        the likeliest.
    """
    images, A = problem.images, problem.A
    if len(images) < 4:
        raise InputError(f"images: expected 4 or more for a prior, got {len(images)}")
    factor = coarsening(A, coarse)
    small = pooled(images, factor)
    shape = (small.shape[1], small.shape[2])
    grid = Grid(shape=shape, voxel_mm=A.grid.voxel_mm * factor, origin_mm=A.grid.origin_mm)
    projector = Projector(_coarse_scan(A.scan, factor), grid)
    pixels = shape[0] * shape[1]
    rows = projector(torch.eye(pixels).reshape(pixels, *shape)).permute(1, 2, 0).double()
    line = projector(small.mean(dim=0)).double()
    flux = torch.as_tensor(problem.acquisition.photons, dtype=torch.float64).reshape(-1, 1) * factor
    importance = without_metal(images) if problem.importance is None else problem.importance
    return LinearModel(
        rows=rows,
        prior=_prior(small.double()),
        photon_noise=line.exp() / flux,
        electronic_noise=(problem.acquisition.electronic_noise * line.exp() / flux) ** 2,
        importance=pooled(importance.reshape(-1, *A.domain_shape).float(), factor).mean(dim=0).double().flatten(),
    )


def _white(inner: Float64[Tensor, "*view bin bin"], seen: Float64[Tensor, "*view bin pixel"]) -> Tensor:
    white: Tensor = torch.linalg.solve_triangular(torch.linalg.cholesky(inner), seen, upper=False)
    return white


def coarsening(A: Projector, coarse: int) -> int:
    """Return how many pixels of the grid make one of a grid of about `coarse` along the longer side."""
    return max(1, round(max(A.domain_shape) / coarse))


def pooled(images: Float[Tensor, "n y x"], factor: int) -> Float[Tensor, "n small_y small_x"]:
    """Return the means over squares of `factor` pixels, fewer at the far edges."""
    return functional.avg_pool2d(images[:, None], factor, ceil_mode=True, count_include_pad=False)[:, 0]


def _coarse_scan(scan: Scan, factor: int) -> Scan:
    bins = math.ceil(scan.detector_shape[-1] / factor)
    return replace(scan, bins=bins, bin_mm=scan.bin_mm * factor)  # type: ignore[call-arg, attr-defined]


def _prior(images: Float64[Tensor, "patient y x"]) -> Float64[Tensor, "pixel pixel"]:
    """Return the covariance that makes held-out images the likeliest, of several shrinkages."""
    held = max(2, len(images) // 4)
    fitted, unseen = images[:-held], (images[-held:] - images[:-held].mean(dim=0)).reshape(held, -1)

    def surprise(shrinkage: float) -> float:
        factor = torch.linalg.cholesky(_shrunk(fitted, shrinkage))
        white = torch.linalg.solve_triangular(factor, unseen.T, upper=False)
        return float(white.square().sum() / held + 2 * factor.diagonal().log().sum())

    return _shrunk(images, min(SHRINKAGES, key=surprise))


def _shrunk(images: Float64[Tensor, "patient y x"], shrinkage: float) -> Float64[Tensor, "pixel pixel"]:
    n, ny, nx = images.shape
    centred = (images - images.mean(dim=0)).reshape(n, -1)
    sample = centred.T @ centred / (n - 1)
    spread = sample.diagonal().sqrt()
    row, col = torch.meshgrid(torch.arange(ny), torch.arange(nx), indexing="ij")
    place = torch.stack([row.reshape(-1), col.reshape(-1)], dim=1).double()
    smooth = torch.exp(-torch.cdist(place, place) / 2) * spread[:, None] * spread
    least = 1e-4 * sample.diagonal().max()
    return (1 - shrinkage) * sample + shrinkage * smooth + least * torch.eye(ny * nx, dtype=sample.dtype)
