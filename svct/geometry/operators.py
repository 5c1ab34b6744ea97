"""Projection and back projection as torch operators, with their gradients."""

import torch
from torch import Tensor

from svct.geometry.backend import Rays, load_backend


@torch.library.custom_op("svct::project", mutates_args=())
def project(
    x: Tensor,
    vectors: Tensor,
    divergent: bool,
    bins: int,
    voxel_mm: float,
    origin_x_mm: float,
    origin_y_mm: float,
    backend: str,
) -> Tensor:
    """Line integrals ``(batch, views, bins)`` of `x`, ``(batch, ny, nx)``, float32."""
    rays = Rays(vectors, divergent, bins, (x.shape[1], x.shape[2]), voxel_mm, (origin_x_mm, origin_y_mm))
    return load_backend(backend).project(x.detach().contiguous(), rays)


@torch.library.custom_op("svct::backproject", mutates_args=())
def backproject(
    y: Tensor,
    vectors: Tensor,
    divergent: bool,
    ny: int,
    nx: int,
    voxel_mm: float,
    origin_x_mm: float,
    origin_y_mm: float,
    backend: str,
) -> Tensor:
    """The adjoint of `project`: ``(batch, ny, nx)`` from `y`, ``(batch, views, bins)``, float32."""
    rays = Rays(vectors, divergent, y.shape[2], (ny, nx), voxel_mm, (origin_x_mm, origin_y_mm))
    return load_backend(backend).backproject(y.detach().contiguous(), rays)


@project.register_fake
def _(x, vectors, divergent, bins, voxel_mm, origin_x_mm, origin_y_mm, backend):  # type: ignore[no-untyped-def]
    return x.new_empty((x.shape[0], vectors.shape[0], bins))


@backproject.register_fake
def _(y, vectors, divergent, ny, nx, voxel_mm, origin_x_mm, origin_y_mm, backend):  # type: ignore[no-untyped-def]
    return y.new_empty((y.shape[0], ny, nx))


def _remember(ctx, inputs, output):  # type: ignore[no-untyped-def]
    ctx.shape = inputs[0].shape
    ctx.rays = inputs[1:]


def _project_gradient(ctx, gradient):  # type: ignore[no-untyped-def]
    vectors, divergent, _, *place = ctx.rays
    _, ny, nx = ctx.shape
    return backproject(gradient, vectors, divergent, ny, nx, *place), *[None] * 7


def _backproject_gradient(ctx, gradient):  # type: ignore[no-untyped-def]
    vectors, divergent, _, _, *place = ctx.rays
    return project(gradient, vectors, divergent, ctx.shape[2], *place), *[None] * 8


project.register_autograd(_project_gradient, setup_context=_remember)
backproject.register_autograd(_backproject_gradient, setup_context=_remember)
project.register_autocast("cpu", torch.float32)
backproject.register_autocast("cpu", torch.float32)


def apply_forward(x: Tensor, rays: Rays, backend: str) -> Tensor:
    """Project `x`, ``(..., ny, nx)``, to ``(..., views, bins)``."""
    y: Tensor = project(
        x.reshape(-1, *x.shape[-2:]),
        rays.vectors,
        rays.divergent,
        rays.bins,
        rays.voxel_mm,
        *rays.origin_mm,
        backend,
    )
    return y.reshape(*x.shape[:-2], *y.shape[-2:])


def apply_adjoint(y: Tensor, rays: Rays, backend: str) -> Tensor:
    """Back project `y`, ``(..., views, bins)``, to ``(..., ny, nx)``."""
    x: Tensor = backproject(
        y.reshape(-1, *y.shape[-2:]),
        rays.vectors,
        rays.divergent,
        *rays.shape,
        rays.voxel_mm,
        *rays.origin_mm,
        backend,
    )
    return x.reshape(*y.shape[:-2], *x.shape[-2:])
