"""ASTRA's projectors as backends, through the tensors' own memory."""

from collections.abc import Iterator
from contextlib import contextmanager

import astra
import numpy as np
import torch
from numpy.typing import NDArray

from svct.errors import BackendUnavailable
from svct.geometry.backend import Backend, Rays


class AstraCpu(Backend):
    """ASTRA's `linear` CPU projector, which is Joseph's method; one thread, one image after another.

    ASTRA has `linear` for parallel rays only, so that each ray of a fan is handed over as a parallel view of one bin.
    """

    name = "astra-cpu"
    device = "cpu"

    def project(self, x: torch.Tensor, rays: Rays) -> torch.Tensor:
        """Return the line integrals of `x`."""
        return _project(x, rays, "linear")

    def backproject(self, y: torch.Tensor, rays: Rays) -> torch.Tensor:
        """Return the adjoint of `project` applied to `y`."""
        return _backproject(y, rays, "linear")


class AstraCuda(Backend):
    """ASTRA's CUDA projector, on GPU tensors without a copy and on CPU tensors through ASTRA's own transfer.

    Its adjoint interpolates in the detector, not in the image: it matches to a few parts in a thousand.
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

    def project(self, x: torch.Tensor, rays: Rays) -> torch.Tensor:
        """Return the line integrals of `x`."""
        return _project(x, rays, "cuda")

    def backproject(self, y: torch.Tensor, rays: Rays) -> torch.Tensor:
        """Return the adjoint of `project` applied to `y`."""
        return _backproject(y, rays, "cuda")


def _project(x: torch.Tensor, rays: Rays, kind: str) -> torch.Tensor:
    y = x.new_empty((x.shape[0], rays.vectors.shape[0], rays.bins))
    with _projector(rays, kind) as (projector, layout, scale):
        for image, target in zip(x, y, strict=True):
            astra.projector.direct_FP(projector, image, out=target.view(layout))
    return y.mul_(scale)


def _backproject(y: torch.Tensor, rays: Rays, kind: str) -> torch.Tensor:
    x = y.new_empty((y.shape[0], *rays.shape))
    with _projector(rays, kind) as (projector, layout, scale):
        for data, target in zip(y, x, strict=True):
            astra.projector.direct_BP(projector, data.reshape(layout), out=target)
    return x.mul_(scale)


@contextmanager
def _projector(rays: Rays, kind: str) -> Iterator[tuple[int, tuple[int, int], float]]:
    """Give an ASTRA projector, the shape of its data, and what its sums are to be multiplied by."""
    vectors = rays.vectors.numpy().copy()
    vectors[:, 2:4] -= rays.origin_mm
    if rays.divergent:
        vectors[:, :2] -= rays.origin_mm
    else:
        vectors[:, :2] /= np.linalg.norm(vectors[:, :2], axis=1, keepdims=True)
    vectors /= rays.voxel_mm
    layout = (len(vectors), rays.bins)
    scale = rays.voxel_mm
    if kind == "cuda" and rays.divergent:
        geometry = astra.create_proj_geom("fanflat_vec", rays.bins, vectors)
    elif kind == "linear" and rays.divergent:
        vectors = _one_ray_per_view(vectors, rays.bins)
        geometry = astra.create_proj_geom("parallel_vec", 1, vectors)
        layout = (len(vectors), 1)
    else:
        geometry = astra.create_proj_geom("parallel_vec", rays.bins, vectors)
    projector = astra.create_projector(kind, geometry, astra.create_vol_geom(*rays.shape))
    try:
        yield projector, layout, scale
    finally:
        astra.projector.delete(projector)


def _one_ray_per_view(vectors: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    steps = np.arange(bins) - (bins - 1) / 2
    bin_centres = vectors[:, None, 2:4] + steps[:, None] * vectors[:, None, 4:6]
    along = bin_centres - vectors[:, None, :2]
    along /= np.linalg.norm(along, axis=-1, keepdims=True)
    across = np.stack([-along[..., 1], along[..., 0]], axis=-1)
    return np.concatenate([along, bin_centres, across], axis=-1).reshape(-1, 6)
