"""The C++ kernels of csrc/ as a projector backend."""

import torch

import svct._kernels as kernels
from svct.geometry.backend import Backend, Rays


class NativeBackend(Backend):
    """Joseph's method on the CPU with a matched adjoint, on as many threads as torch uses."""

    name = "native"
    device = "cpu"

    def project(self, x: torch.Tensor, rays: Rays) -> torch.Tensor:
        """Return the line integrals of `x`."""
        y = x.new_empty((x.shape[0], rays.vectors.shape[0], rays.bins))
        kernels.project(x, y, rays.vectors, rays.divergent, False, rays.voxel_mm, *rays.origin_mm, torch.get_num_threads())
        return y

    def backproject(self, y: torch.Tensor, rays: Rays) -> torch.Tensor:
        """Return the adjoint of `project` applied to `y`."""
        x = y.new_empty((y.shape[0], *rays.shape))
        kernels.backproject(y, x, rays.vectors, rays.divergent, False, rays.voxel_mm, *rays.origin_mm, torch.get_num_threads())
        return x
