"""What a projector backend does, and which backend a tensor gets."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cache
from typing import ClassVar

import torch

from svct.errors import BackendUnavailable, unknown_name

BACKENDS = ("native", "astra-cpu", "astra-cuda")
"""Names that `Projector` takes beside ``"auto"``."""


@dataclass(frozen=True)
class Rays:
    """The rays of a scan through a grid, as a backend needs them.

    Args:
        vectors: As `Scan.vectors`, float64 ``(views, 6)`` or ``(views, 12)`` on the CPU, mm.
        divergent: Whether a vector begins with a source position.
        curved: Whether the detector is an arc, or a cylinder, around the source.
        sharp: Whether rays are as wide as their bins, as in the distance-driven model, not lines as in Joseph's.
        detector: Samples of one view, ``(bins,)`` or ``(rows, bins)``.
        shape: Of the image, ``(ny, nx)`` or ``(nz, ny, nx)``.
        voxel_mm: Edge of a voxel, mm.
        origin_mm: x, y (and z) of the image's centre, mm.
    """

    vectors: torch.Tensor
    divergent: bool
    curved: bool
    sharp: bool
    detector: tuple[int, ...]
    shape: tuple[int, ...]
    voxel_mm: float
    origin_mm: tuple[float, ...]

    @property
    def range_shape(self) -> tuple[int, ...]:
        """Shape of the projections of one image, ``([rows,] views, bins)``."""
        return (*self.detector[:-1], self.vectors.shape[0], self.detector[-1])

    def with_vectors(self, vectors: torch.Tensor) -> "Rays":
        """Return the rays of other views."""
        return replace(self, vectors=vectors)


class Backend(ABC):
    """Forward and back projection of batches, float32 and contiguous, without autograd."""

    name: ClassVar[str]
    device: ClassVar[str]

    def require(self, rays: Rays) -> None:  # noqa: B027 - most backends take all rays
        """Raise `BackendUnavailable` unless this backend can project along `rays`."""

    @abstractmethod
    def project(self, x: torch.Tensor, rays: Rays) -> torch.Tensor:
        """Return ``(batch, [rows,] views, bins)`` line integrals of `x`, ``(batch, [nz,] ny, nx)``."""

    @abstractmethod
    def backproject(self, y: torch.Tensor, rays: Rays) -> torch.Tensor:
        """Return ``(batch, [nz,] ny, nx)``, the adjoint of `project` applied to `y`."""


@cache
def load_backend(name: str) -> Backend:
    """Return a backend by its name.

    Args:
        name: One of `BACKENDS`.

    Raises:
        UnknownNameError: No such backend.
        BackendUnavailable: This machine cannot run it.
    """
    if name == "native":
        from svct.geometry.native import NativeBackend

        return NativeBackend()
    if name == "astra-cpu":
        from svct.geometry.astra import AstraCpu

        return AstraCpu()
    if name == "astra-cuda":
        from svct.geometry.astra import AstraCuda

        return AstraCuda()
    raise unknown_name("backend", name, ["auto", *BACKENDS])


def backend_for(name: str, tensor: torch.Tensor) -> str:
    """Return the backend that projects a tensor.

    Args:
        name: One of `BACKENDS`, or ``"auto"``: CUDA where the tensor is on a GPU, native otherwise.
        tensor: The tensor.

    Raises:
        BackendUnavailable: The backend cannot work where the tensor is.
    """
    on_gpu = tensor.device.type == "cuda"
    if name == "auto":
        return "astra-cuda" if on_gpu else "native"
    if load_backend(name).device == "cpu" and tensor.device.type != "cpu":
        raise BackendUnavailable(
            f"backend {name!r} works on CPU tensors, got one on {tensor.device}; use backend 'auto' or move it "
            "with .cpu()"
        )
    return name
