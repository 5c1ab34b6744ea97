"""The C++ kernels of csrc/ as a projector backend."""

import torch
from torch import Tensor

import svct._kernels as kernels
from svct.geometry.backend import Backend, Rays


class NativeBackend(Backend):
    """Joseph's method on the CPU with a matched adjoint, on as many threads as torch uses."""

    name = "native"
    device = "cpu"

    def project(self, x: Tensor, rays: Rays) -> Tensor:
        """Return the line integrals of `x`."""
        y = x.new_empty((x.shape[0], *rays.range_shape))
        kernel = kernels.project if len(rays.shape) == 2 else kernels.project_volume
        kernel(x, y, *_scan(rays))
        return y

    def backproject(self, y: Tensor, rays: Rays) -> Tensor:
        """Return the adjoint of `project` applied to `y`."""
        x = y.new_empty((y.shape[0], *rays.shape))
        kernel = kernels.backproject if len(rays.shape) == 2 else kernels.backproject_volume
        kernel(y, x, *_scan(rays))
        return x


def _scan(rays: Rays) -> tuple[Tensor, bool, bool, float, tuple[float, ...], int]:
    return rays.vectors, rays.divergent, rays.curved, rays.voxel_mm, rays.origin_mm, torch.get_num_threads()
