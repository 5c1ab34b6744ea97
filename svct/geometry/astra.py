"""ASTRA's projectors as backends, through the tensors' own memory."""

import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import ModuleType

import astra
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from svct.errors import BackendUnavailable
from svct.geometry.backend import Backend, Rays


class AstraCpu(Backend):
    """ASTRA's `linear` CPU projector, which is Joseph's method; one thread, one image after another, 2D.

    ASTRA has `linear` for parallel rays only, so that each ray of a fan is handed over as a parallel view of one bin.
    """

    name = "astra-cpu"
    device = "cpu"

    def require(self, rays: Rays) -> None:
        """Raise `BackendUnavailable` for volumes, sources near the grid and rays with a width."""
        _require_lines(rays)
        if len(rays.shape) == 3:
            raise BackendUnavailable(
                "backend 'astra-cpu' projects images, got a volume: ASTRA has no 3D projector on the CPU; "
                "use backend 'native' or 'auto'"
            )
        # A parallel view of ASTRA's has no source behind which nothing is seen.
        corner = math.hypot(*rays.shape) * rays.voxel_mm / 2
        if rays.divergent:
            nearest = float((rays.vectors[:, :2] - torch.tensor(rays.origin_mm)).norm(dim=1).min())
            if nearest <= corner:
                raise BackendUnavailable(
                    f"backend 'astra-cpu' needs the source more than {corner:g} mm from the grid's centre, got "
                    f"{nearest:g} mm; use backend 'native' or 'auto'"
                )

    def project(self, x: Tensor, rays: Rays) -> Tensor:
        """Return the line integrals of `x`."""
        return _project(x, rays, "linear")

    def backproject(self, y: Tensor, rays: Rays) -> Tensor:
        """Return the adjoint of `project` applied to `y`."""
        return _backproject(y, rays, "linear")


class AstraCuda(Backend):
    """ASTRA's CUDA projectors, on GPU tensors without a copy and on CPU tensors through ASTRA's own transfer.

    Volumes on the CPU that do not fit the GPU are split by ASTRA. The adjoint interpolates in the detector, not in the
    image: it matches to a few parts in a thousand.
    """

    name = "astra-cuda"
    device = "cuda"

    def __init__(self) -> None:
        # ASTRA ends the process when a GPU projector is asked for without a GPU.
        if not astra.use_cuda():
            raise BackendUnavailable(
                "backend 'astra-cuda' needs a CUDA device that ASTRA can use, got none; "
                "use backend 'native' or 'auto', or run `svct doctor` to see what is there"
            )

    def require(self, rays: Rays) -> None:
        """Raise `BackendUnavailable` for curved detectors and rays with a width."""
        _require_lines(rays)
        if rays.curved:
            raise BackendUnavailable(
                "backend 'astra-cuda' has flat detectors only, got a curved one; use backend 'native' with tensors on "
                "the CPU"
            )

    def project(self, x: Tensor, rays: Rays) -> Tensor:
        """Return the line integrals of `x`."""
        return _project(x, rays, "cuda")

    def backproject(self, y: Tensor, rays: Rays) -> Tensor:
        """Return the adjoint of `project` applied to `y`."""
        return _backproject(y, rays, "cuda")


def _require_lines(rays: Rays) -> None:
    if rays.sharp:
        raise BackendUnavailable("model 'distance-driven' is there with backend 'native' alone; use that or 'joseph'")


def _project(x: Tensor, rays: Rays, kind: str) -> Tensor:
    y = x.new_empty((x.shape[0], *rays.range_shape))
    with _in_step_with(x), _projector(rays, kind) as (module, projector, layout, scale):
        for image, target in zip(x, y, strict=True):
            module.direct_FP(projector, image, out=target.view(layout))
    return y.mul_(scale)


def _backproject(y: Tensor, rays: Rays, kind: str) -> Tensor:
    x = y.new_empty((y.shape[0], *rays.shape))
    with _in_step_with(y), _projector(rays, kind) as (module, projector, layout, scale):
        for data, target in zip(y, x, strict=True):
            module.direct_BP(projector, data.reshape(layout), out=target)
    return x.mul_(scale)


@contextmanager
def _in_step_with(tensor: Tensor) -> Iterator[None]:
    """ASTRA works on CUDA's default stream: wait for the tensor's stream before, and let it wait for ASTRA after."""
    if tensor.device.type != "cuda":
        yield
        return
    with torch.cuda.device(tensor.device) if tensor.device.index is not None else nullcontext():
        astra.set_gpu_index(tensor.device.index or 0)
        ours, default = torch.cuda.current_stream(), torch.cuda.default_stream()
        default.wait_stream(ours)
        yield
        ours.wait_stream(default)


@contextmanager
def _projector(rays: Rays, kind: str) -> Iterator[tuple[ModuleType, int, tuple[int, ...], float]]:
    """Give ASTRA's module, a projector, the shape of its data, and what its sums are to be multiplied by."""
    vectors = _in_voxels(rays)
    bins = rays.detector[-1]
    layout, scale = rays.range_shape, rays.voxel_mm
    if len(rays.shape) == 3:
        name = "cone_vec" if rays.divergent else "parallel3d_vec"
        geometry = astra.create_proj_geom(name, *rays.detector, vectors)
        nz, ny, nx = rays.shape
        module, projector = astra.projector3d, astra.create_projector(f"{kind}3d", geometry, _volume(ny, nx, nz))
        yield from _use(module, projector, layout, scale)
        return
    if kind == "cuda" and rays.divergent:
        geometry = astra.create_proj_geom("fanflat_vec", bins, vectors)
    elif kind == "linear" and rays.divergent:
        vectors = _one_ray_per_view(vectors, bins, curved=rays.curved)
        geometry = astra.create_proj_geom("parallel_vec", 1, vectors)
        layout = (len(vectors), 1)
    else:
        geometry = astra.create_proj_geom("parallel_vec", bins, vectors)
    yield from _use(astra.projector, astra.create_projector(kind, geometry, _volume(*rays.shape)), layout, scale)


def _volume(*shape: int) -> dict[str, object]:
    geometry: dict[str, object] = astra.create_vol_geom(*shape)
    return geometry


def _use(
    module: ModuleType, projector: int, layout: tuple[int, ...], scale: float
) -> Iterator[tuple[ModuleType, int, tuple[int, ...], float]]:
    try:
        yield module, projector, layout, scale
    finally:
        module.delete(projector)


def _in_voxels(rays: Rays) -> NDArray[np.float64]:
    """The vectors in voxels from the grid's centre, the directions of parallel rays of length one."""
    ndim = len(rays.shape)
    vectors = rays.vectors.detach().numpy().copy()
    vectors[:, ndim : 2 * ndim] -= rays.origin_mm
    if rays.divergent:
        vectors[:, :ndim] -= rays.origin_mm
    else:
        vectors[:, :ndim] *= rays.voxel_mm / np.linalg.norm(vectors[:, :ndim], axis=1, keepdims=True)
    return vectors / rays.voxel_mm


def _one_ray_per_view(vectors: NDArray[np.float64], bins: int, *, curved: bool) -> NDArray[np.float64]:
    steps = (np.arange(bins) - (bins - 1) / 2)[:, None]
    source, centre, step = vectors[:, None, :2], vectors[:, None, 2:4], vectors[:, None, 4:6]
    if curved:
        radius, pitch = (np.linalg.norm(v, axis=-1, keepdims=True) for v in (centre - source, step))
        angle = steps * pitch / radius
        bin_centres = source + (centre - source) * np.cos(angle) + step * (radius / pitch) * np.sin(angle)
    else:
        bin_centres = centre + steps * step
    along = bin_centres - source
    along /= np.linalg.norm(along, axis=-1, keepdims=True)
    across = np.stack([-along[..., 1], along[..., 0]], axis=-1)
    return np.concatenate([along, bin_centres, across], axis=-1).reshape(-1, 6)
