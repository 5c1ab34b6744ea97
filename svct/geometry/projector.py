"""The linear operator from images to line integrals."""

import math
from typing import Any

import torch

from svct.errors import InputError
from svct.geometry.arrays import as_tensor
from svct.geometry.backend import BACKENDS, Rays, backend_for, load_backend
from svct.geometry.grid import Grid
from svct.geometry.operators import apply_adjoint, apply_forward
from svct.geometry.scan import Scan, Views


class Projector:
    """Line integrals of an image along the rays of a scan: ``y = A(x)``, ``x = A.T(y)``.

    Args:
        scan: The scan geometry.
        grid: The image grid, 2D; a point source must lie outside of it.
        backend: ``"native"``, ``"astra-cpu"``, ``"astra-cuda"`` or ``"auto"``: CUDA where the tensor is on a GPU,
            native otherwise. Keyword or positional.

    Raises:
        InputError: The grid is not 2D, or the source moves through it.
        UnknownNameError: No such backend.
        BackendUnavailable: This machine cannot run the backend.

    Example:
        >>> from svct.geometry import Grid, ParallelBeam
        >>> A = Projector(ParallelBeam([0.0, 0.7], bins=9), Grid(shape=(8, 8)))
        >>> y = A(torch.ones(3, 8, 8))
        >>> y.shape, A.T(y).shape, A[[1]].range_shape
        (torch.Size([3, 2, 9]), torch.Size([3, 8, 8]), (1, 9))

    Notes:
        Joseph's method (Joseph 1982, IEEE Trans. Med. Imaging 1:192): along its main axis a ray takes each line of
        pixels by linear interpolation; sums in 1/mm become line integrals without unit by the length in mm between
        lines.
    """

    def __init__(self, scan: Scan, grid: Grid, backend: str = "auto") -> None:
        if len(grid.shape) != 2:
            raise InputError(f"Projector: expected a 2D grid for {type(scan).__name__}, got shape {grid.shape}")
        if backend != "auto":
            load_backend(backend)
        vectors = torch.from_numpy(scan.vectors)
        reach = math.hypot(*grid.extent_mm) / 2 + math.hypot(*grid.origin_mm)
        if scan.divergent and float(vectors[:, :2].norm(dim=1).min()) <= reach:
            raise InputError(
                f"Projector: expected the source outside of the grid, more than {reach:g} mm from the axis, got "
                f"{float(vectors[:, :2].norm(dim=1).min()):g} mm; move the source out or take a smaller grid"
            )
        self.scan = scan
        self.grid = grid
        self.backend = backend
        ny, nx = grid.shape
        self._rays = Rays(
            vectors,
            scan.divergent,
            scan.detector_shape[-1],
            (ny, nx),
            grid.voxel_mm,
            grid.origin_mm[:2],  # type: ignore[arg-type]
        )

    def __repr__(self) -> str:
        return f"Projector({self.scan!r}, {self.grid!r}, backend={self.backend!r})"

    def __getitem__(self, views: Views) -> "Projector":
        return Projector(self.scan[views], self.grid, self.backend)

    @property
    def domain_shape(self) -> tuple[int, int]:
        """Shape of an image, ``(ny, nx)``."""
        return self._rays.shape

    @property
    def range_shape(self) -> tuple[int, int]:
        """Shape of the projections of one image, ``(views, bins)``."""
        return len(self.scan), self._rays.bins

    @property
    def T(self) -> "Adjoint":  # noqa: N802
        """The matched adjoint."""
        return Adjoint(self)

    def __call__(self, x: Any) -> Any:
        """Project images.

        Args:
            x: Attenuation, float32 ``(..., ny, nx)``, 1/mm; torch, NumPy or CuPy.

        Returns:
            Line integrals ``(..., views, bins)`` of the same kind of array; differentiable in `x`.

        Raises:
            InputError: Wrong shape or dtype.
        """
        tensor, back = as_tensor(x, "x")
        _require_shape(tensor, self.domain_shape, "x", "image")
        return back(apply_forward(tensor, self._rays, backend_for(self.backend, tensor)))


class Adjoint:
    """The adjoint of a projector: back projection with the same weights. ``Adjoint(A).T`` is A."""

    def __init__(self, projector: Projector) -> None:
        self.T = projector

    def __repr__(self) -> str:
        return f"{self.T!r}.T"

    @property
    def domain_shape(self) -> tuple[int, int]:
        """Shape of the projections of one image, ``(views, bins)``."""
        return self.T.range_shape

    @property
    def range_shape(self) -> tuple[int, int]:
        """Shape of an image, ``(ny, nx)``."""
        return self.T.domain_shape

    def __call__(self, y: Any) -> Any:
        """Back project.

        Args:
            y: Projections, float32 ``(..., views, bins)``; torch, NumPy or CuPy.

        Returns:
            Images ``(..., ny, nx)`` of the same kind of array; differentiable in `y`.

        Raises:
            InputError: Wrong shape or dtype.
        """
        tensor, back = as_tensor(y, "y")
        _require_shape(tensor, self.domain_shape, "y", "projections")
        return back(apply_adjoint(tensor, self.T._rays, backend_for(self.T.backend, tensor)))


def _require_shape(tensor: torch.Tensor, expected: tuple[int, int], name: str, noun: str) -> None:
    if tuple(tensor.shape[-2:]) != expected:
        raise InputError(
            f"{name}: expected {noun} of shape (..., {expected[0]}, {expected[1]}), got {tuple(tensor.shape)}"
        )


__all__ = ["BACKENDS", "Adjoint", "Projector"]
