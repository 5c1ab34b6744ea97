"""The C++ kernels of csrc/ as a projector backend."""

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

import svct._kernels as kernels
from svct.errors import InputError
from svct.geometry.backend import Backend, Rays


class NativeBackend(Backend):
    """Joseph's method, or the distance-driven one, on the CPU with a matched adjoint, on torch's number of threads."""

    name = "native"
    device = "cpu"

    def require(self, rays: Rays) -> None:
        """Raise `InputError` for distance-driven rays under a detector whose columns do not stand along z."""
        if rays.sharp and len(rays.shape) == 3:
            aside, length = rays.vectors[:, 9:11].norm(dim=1), rays.vectors[:, 9:].norm(dim=1)
            if bool((aside > 1e-9 * length).any()):
                raise InputError(
                    "model 'distance-driven': expected a detector whose columns stand along z, got a tilted one; "
                    "use model 'joseph'"
                )

    def project(self, x: Tensor, rays: Rays) -> Tensor:
        """Return the line integrals of `x`."""
        y = x.new_empty((x.shape[0], *rays.range_shape))
        kernel = kernels.project if len(rays.shape) == 2 else kernels.project_volume
        kernel(_array(x), _array(y), *_scan(rays))
        return y

    def backproject(self, y: Tensor, rays: Rays) -> Tensor:
        """Return the adjoint of `project` applied to `y`."""
        x = y.new_empty((y.shape[0], *rays.shape))
        kernel = kernels.backproject if len(rays.shape) == 2 else kernels.backproject_volume
        kernel(_array(y), _array(x), *_scan(rays))
        return x


def _array(tensor: Tensor) -> NDArray[Any]:
    """Return a tensor's memory as an array: with a tensor nanobind runs Python code whose interrupts it drops."""
    array: NDArray[Any] = tensor.detach().numpy()
    return array


def _scan(rays: Rays) -> tuple[NDArray[Any], bool, bool, bool, float, tuple[float, ...], int]:
    beam = (rays.divergent, rays.curved, rays.sharp)
    return _array(rays.vectors), *beam, rays.voxel_mm, rays.origin_mm, torch.get_num_threads()


def differentiate_vectors(x: Tensor, g: Tensor, rays: Rays) -> Tensor:
    """Return the derivative of <g, A x> by the vectors of A.

    Args:
        x: Images, float32 ``(batch, [nz,] ny, nx)``, on the CPU.
        g: Weights of the line integrals, float32 ``(batch, [rows,] views, bins)``.
        rays: The rays of A.

    Returns:
        float64 of the shape of ``rays.vectors``. The interpolated image has a constant slope within a voxel: where a
        ray passes through a voxel's centre exactly, this is a one-sided derivative.
    """
    vectors, origin_mm = rays.vectors, rays.origin_mm
    in_plane = len(rays.shape) == 2
    if in_plane:  # an image is a slice whose rows run down y, under a detector of one row
        flip = torch.tensor([1.0, -1.0], dtype=torch.float64)
        parts = torch.nn.functional.pad(vectors.reshape(-1, 3, 2) * flip, (0, 1))
        row_step = vectors.new_tensor([0.0, 0.0, 1.0]).expand(len(vectors), 1, 3)
        vectors = torch.cat([parts, row_step], dim=1).reshape(-1, 12)
        origin_mm = (origin_mm[0], -origin_mm[1], 0.0)
        x, g = x[:, None], g[:, None]
    out = torch.empty_like(vectors)
    threads = torch.get_num_threads()
    arrays = _array(x.contiguous()), _array(g.contiguous()), _array(vectors)
    kernels.derive_vectors(*arrays, rays.divergent, rays.curved, rays.voxel_mm, origin_mm, _array(out), threads)
    return (out.reshape(-1, 4, 3)[:, :3, :2] * flip).reshape(rays.vectors.shape) if in_plane else out
