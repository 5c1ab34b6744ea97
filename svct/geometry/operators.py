"""Projection and back projection as torch operators, with their gradients."""

from collections.abc import Sequence

import torch
from torch import Tensor

from svct.errors import BackendUnavailable, InputError
from svct.geometry.backend import Rays, load_backend
from svct.geometry.native import differentiate_vectors


@torch.library.custom_op("svct::project", mutates_args=())
def project(
    x: Tensor,
    vectors: Tensor,
    divergent: bool,
    curved: bool,
    sharp: bool,
    detector: Sequence[int],
    voxel_mm: float,
    origin_mm: Sequence[float],
    backend: str,
) -> Tensor:
    """Line integrals ``(batch, [rows,] views, bins)`` of `x`, ``(batch, [nz,] ny, nx)``, float32."""
    rays = Rays(vectors, divergent, curved, sharp, tuple(detector), tuple(x.shape[1:]), voxel_mm, tuple(origin_mm))
    return load_backend(backend).project(x.detach().contiguous(), rays)


@torch.library.custom_op("svct::backproject", mutates_args=())
def backproject(
    y: Tensor,
    vectors: Tensor,
    divergent: bool,
    curved: bool,
    sharp: bool,
    shape: Sequence[int],
    voxel_mm: float,
    origin_mm: Sequence[float],
    backend: str,
) -> Tensor:
    """The adjoint of `project`: ``(batch, [nz,] ny, nx)`` from `y`, ``(batch, [rows,] views, bins)``, float32."""
    rays = Rays(vectors, divergent, curved, sharp, _detector(y), tuple(shape), voxel_mm, tuple(origin_mm))
    return load_backend(backend).backproject(y.detach().contiguous(), rays)


@torch.library.custom_op("svct::vectors_gradient", mutates_args=())
def vectors_gradient(
    x: Tensor,
    g: Tensor,
    vectors: Tensor,
    divergent: bool,
    curved: bool,
    voxel_mm: float,
    origin_mm: Sequence[float],
) -> Tensor:
    """The derivative of <g, project(x)> by `vectors`, float64 of their shape."""
    if x.device.type != "cpu":
        raise BackendUnavailable(
            f"gradients by the geometry are computed on the CPU, got images on {x.device}; move them with .cpu()"
        )
    rays = Rays(
        vectors.detach(), divergent, curved, False, _detector(g), tuple(x.shape[1:]), voxel_mm, tuple(origin_mm)
    )
    return differentiate_vectors(x.detach(), g.detach(), rays)


def _detector(y: Tensor) -> tuple[int, ...]:
    """The detector's shape, from projections ``(batch, [rows,] views, bins)``."""
    return (*y.shape[1:-2], y.shape[-1])


@project.register_fake
def _(x, vectors, divergent, curved, sharp, detector, voxel_mm, origin_mm, backend):  # type: ignore[no-untyped-def]
    return x.new_empty((x.shape[0], *detector[:-1], vectors.shape[0], detector[-1]))


@backproject.register_fake
def _(y, vectors, divergent, curved, sharp, shape, voxel_mm, origin_mm, backend):  # type: ignore[no-untyped-def]
    return y.new_empty((y.shape[0], *shape))


@vectors_gradient.register_fake
def _(x, g, vectors, divergent, curved, voxel_mm, origin_mm):  # type: ignore[no-untyped-def]
    return torch.empty_like(vectors)


def _remember(ctx, inputs, output):  # type: ignore[no-untyped-def]
    data, vectors, *ctx.scan = inputs
    ctx.data_shape = data.shape
    ctx.save_for_backward(data if vectors.requires_grad else None, vectors)


def _require_lines(sharp: bool) -> None:
    if sharp:
        raise InputError("gradients by the geometry are those of model 'joseph', got 'distance-driven'; take 'joseph'")


def _project_gradient(ctx, g):  # type: ignore[no-untyped-def]
    x, vectors = ctx.saved_tensors
    divergent, curved, sharp, _, *place, backend = ctx.scan
    by_x = by_vectors = None
    if ctx.needs_input_grad[0]:
        by_x = backproject(g, vectors, divergent, curved, sharp, ctx.data_shape[1:], *place, backend)
    if ctx.needs_input_grad[1]:
        _require_lines(sharp)
        by_vectors = vectors_gradient(x, g, vectors, divergent, curved, *place)
    return by_x, by_vectors, *[None] * 7


def _backproject_gradient(ctx, g):  # type: ignore[no-untyped-def]
    y, vectors = ctx.saved_tensors
    divergent, curved, sharp, _, *place, backend = ctx.scan
    detector = (*ctx.data_shape[1:-2], ctx.data_shape[-1])
    by_y = by_vectors = None
    if ctx.needs_input_grad[0]:
        by_y = project(g, vectors, divergent, curved, sharp, detector, *place, backend)
    if ctx.needs_input_grad[1]:
        _require_lines(sharp)
        by_vectors = vectors_gradient(g, y, vectors, divergent, curved, *place)
    return by_y, by_vectors, *[None] * 7


project.register_autograd(_project_gradient, setup_context=_remember)
backproject.register_autograd(_backproject_gradient, setup_context=_remember)
project.register_autocast("cpu", torch.float32)
backproject.register_autocast("cpu", torch.float32)


def apply_forward(x: Tensor, rays: Rays, backend: str) -> Tensor:
    """Project `x`, ``(..., [nz,] ny, nx)``, to ``(..., [rows,] views, bins)``."""
    ndim = len(rays.shape)
    batch = x.reshape(-1, *x.shape[-ndim:])
    if _is_plain(x, rays):
        y = load_backend(backend).project(batch.contiguous(), rays)
    else:
        scan = (rays.vectors, rays.divergent, rays.curved, rays.sharp)
        y = project(batch, *scan, rays.detector, rays.voxel_mm, rays.origin_mm, backend)
    return y.reshape(*x.shape[:-ndim], *y.shape[1:])


def apply_adjoint(y: Tensor, rays: Rays, backend: str) -> Tensor:
    """Back project `y`, ``(..., [rows,] views, bins)``, to ``(..., [nz,] ny, nx)``."""
    ndim = len(rays.shape)
    batch = y.reshape(-1, *y.shape[-ndim:])
    if _is_plain(y, rays):
        x = load_backend(backend).backproject(batch.contiguous(), rays)
    else:
        scan = (rays.vectors, rays.divergent, rays.curved, rays.sharp)
        x = backproject(batch, *scan, rays.shape, rays.voxel_mm, rays.origin_mm, backend)
    return x.reshape(*y.shape[:-ndim], *x.shape[1:])


def _is_plain(data: Tensor, rays: Rays) -> bool:
    """Whether nothing of torch's machinery (gradients, tracing, compilation) has to see the call.

    Going through the dispatcher costs as much as one view of a small image.
    """
    return (
        type(data) is Tensor
        and not data.is_meta
        and not torch.compiler.is_compiling()
        and not (torch.is_grad_enabled() and (data.requires_grad or rays.vectors.requires_grad))
        and torch._C._len_torch_dispatch_stack() == 0
        and torch._C._functorch.peek_interpreter_stack() is None
    )
