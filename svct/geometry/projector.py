"""The linear operator from images to line integrals."""

from typing import Any

import torch
from torch import Tensor

from svct.errors import InputError, unknown_name
from svct.geometry.arrays import as_tensor
from svct.geometry.backend import BACKENDS, Rays, backend_for, load_backend
from svct.geometry.grid import Grid
from svct.geometry.operators import apply_adjoint, apply_forward
from svct.geometry.scan import Scan
from svct.geometry.views import Views, view_list

MODELS = ("joseph", "distance-driven")


class Projector:
    """Line integrals of an image or a volume along the rays of a scan: ``y = A(x)``, ``x = A.T(y)``.

    Args:
        scan: The scan geometry.
        grid: The image grid, of as many dimensions as the scan.
        backend: ``"native"``, ``"astra-cpu"``, ``"astra-cuda"`` or ``"auto"``: CUDA where the tensor is on a GPU,
            native otherwise. Keyword or positional.
        model: ``"joseph"``, or ``"distance-driven"`` for pixels much larger than bins: a ray is then as wide as its
            bin, and takes pixels, which it sees as squares, by their overlap. Native backend alone.

    Raises:
        InputError: Grid and scan differ in their dimensions; a curved detector reaches half around its source; or a
            distance-driven scan of a volume has a detector whose columns do not stand along z, or rays that rise by
            more than 45 degrees.
        UnknownNameError: No such backend or model.
        BackendUnavailable: This machine, or this backend, cannot do it.

    Example:
        >>> from svct.geometry import ConeBeam, Grid, ParallelBeam
        >>> A = Projector(ParallelBeam([0.0, 0.7], bins=9), Grid(shape=(8, 8)))
        >>> y = A(torch.ones(3, 8, 8))
        >>> y.shape, A.T(y).shape, A[[1]].range_shape
        (torch.Size([3, 2, 9]), torch.Size([3, 8, 8]), (1, 9))
        >>> cone = ConeBeam([0.0], rows=4, bins=9, row_mm=2, bin_mm=2, source_mm=60, detector_mm=40)
        >>> Projector(cone, Grid(shape=(3, 8, 8)))(torch.ones(3, 8, 8)).shape
        torch.Size([4, 1, 9])

    Notes:
        Joseph's method (Joseph 1982, IEEE Trans. Med. Imaging 1:192): along its main axis a ray takes each line of
        pixels by linear interpolation, each plane of voxels by bilinear; sums in 1/mm become line integrals without
        unit by the length in mm between lines. A ray starts at its source, also where that stands within the grid.

        Distance-driven (De Man and Basu 2004, Phys. Med. Biol. 49:2463): on each line of pixels the overlap of bin and
        pixel over the bin's width, also along z in a volume. Where bins seen at a pixel are wider than it, the weights
        are Joseph's.

        Gradients run to the images and, through `at`, to the geometry. Working memory of the native backend: a copy of
        the image and one of the projections; for a batch of images, of 16 of them.
    """

    def __init__(self, scan: Scan, grid: Grid, backend: str = "auto", *, model: str = "joseph") -> None:
        if len(grid.shape) != scan.ndim:
            raise InputError(
                f"Projector: expected a {scan.ndim}D grid for this {type(scan).__name__}, got shape {grid.shape}; "
                "images stacked in a batch take the grid of one"
            )
        if model not in MODELS:
            raise unknown_name("model", model, list(MODELS))
        vectors = torch.from_numpy(scan.vectors)
        if scan.curved:
            _require_half_turn(scan, vectors)
        self.grid = grid
        self.backend = backend
        self.model = model
        sharp = model == "distance-driven"
        beam = (scan.divergent, scan.curved, sharp)
        self.rays = Rays(vectors, *beam, scan.detector_shape, grid.shape, grid.voxel_mm, grid.origin_mm)
        if sharp:
            self.backend = backend = "native" if backend == "auto" else backend
        if backend != "auto":
            load_backend(backend).require(self.rays)
        self._scan: Scan = scan
        self._views: list[int] | None = None

    @property
    def scan(self) -> Scan:
        """The scan, of this operator's views alone."""
        if self._views is not None:
            self._scan, self._views = self._scan[self._views], None
        return self._scan

    def __repr__(self) -> str:
        model = "" if self.model == "joseph" else f", model={self.model!r}"
        return f"Projector({self.scan!r}, {self.grid!r}, backend={self.backend!r}{model})"

    def __getitem__(self, views: Views) -> "Projector":
        chosen = view_list(views, self.range_shape[-2])
        before = self._views
        return self._with(self.rays.vectors[chosen], chosen if before is None else [before[i] for i in chosen])

    def at(self, **values: Any) -> "Projector":
        """Return the operator with some fields of its geometry at other values, differentiable in those.

        Args:
            **values: Tensors or numbers, as `Scan.vectors_at` takes them: `angles` ``(views,)``, `source_mm`, ...; or
                `vectors`, the whole table, float64 as `Scan.vectors`.

        Returns:
            An operator whose results carry gradients to the values; its `scan` remains that of this one.

        Raises:
            InputError: No such field, or a wrong shape.

        Example:
            >>> from svct.geometry import Grid, ParallelBeam
            >>> A = Projector(ParallelBeam([0.3], bins=9), Grid(shape=(8, 8)))
            >>> angles = torch.tensor([0.3], dtype=torch.float64, requires_grad=True)
            >>> A.at(angles=angles)(torch.rand(8, 8)).square().sum().backward()
            >>> angles.grad.shape
            torch.Size([1])

        Notes:
            The derivative is that of the interpolated image, piecewise constant along the rays' positions; it is
            computed on the CPU.
        """
        if set(values) == {"vectors"}:
            vectors = torch.as_tensor(values["vectors"], dtype=torch.float64, device="cpu")
            if vectors.shape != self.rays.vectors.shape:
                raise InputError(
                    f"vectors: expected shape {tuple(self.rays.vectors.shape)}, got {tuple(vectors.shape)}"
                )
        else:
            vectors = self.scan.vectors_at(**values)
        return self._with(vectors, self._views)

    def _with(self, vectors: Tensor, views: list[int] | None) -> "Projector":
        other = object.__new__(Projector)
        other.__dict__ = {**self.__dict__, "rays": self.rays.with_vectors(vectors), "_views": views}
        return other

    @property
    def domain_shape(self) -> tuple[int, ...]:
        """Shape of an image, ``(ny, nx)`` or ``(nz, ny, nx)``."""
        return self.rays.shape

    @property
    def range_shape(self) -> tuple[int, ...]:
        """Shape of the projections of one image, ``(views, bins)`` or ``(rows, views, bins)``."""
        return self.rays.range_shape

    @property
    def T(self) -> "Adjoint":  # noqa: N802
        """The matched adjoint."""
        return Adjoint(self)

    def __call__(self, x: Any) -> Any:
        """Project images.

        Args:
            x: Attenuation, float32 ``(..., [nz,] ny, nx)``, 1/mm; torch, NumPy or CuPy.

        Returns:
            Line integrals ``(..., [rows,] views, bins)`` of the same kind of array; differentiable in `x`.

        Raises:
            InputError: Wrong shape or dtype.
        """
        tensor, back = as_tensor(x, "x")
        _require_shape(tensor, self.domain_shape, "x", "image")
        return back(apply_forward(tensor, self.rays, self._backend_for(tensor)))

    def _backend_for(self, tensor: Tensor) -> str:
        name = backend_for(self.backend, tensor)
        if name not in (self.backend, "native"):  # which was chosen by the tensor, and does not take all rays
            load_backend(name).require(self.rays)
        return name


class Adjoint:
    """The adjoint of a projector: back projection with the same weights. ``Adjoint(A).T`` is A."""

    def __init__(self, projector: Projector) -> None:
        self.T = projector

    def __repr__(self) -> str:
        return f"{self.T!r}.T"

    @property
    def domain_shape(self) -> tuple[int, ...]:
        """Shape of the projections of one image, ``(views, bins)`` or ``(rows, views, bins)``."""
        return self.T.range_shape

    @property
    def range_shape(self) -> tuple[int, ...]:
        """Shape of an image, ``(ny, nx)`` or ``(nz, ny, nx)``."""
        return self.T.domain_shape

    def __call__(self, y: Any) -> Any:
        """Back project.

        Args:
            y: Projections, float32 ``(..., [rows,] views, bins)``; torch, NumPy or CuPy.

        Returns:
            Images ``(..., [nz,] ny, nx)`` of the same kind of array; differentiable in `y`.

        Raises:
            InputError: Wrong shape or dtype.
        """
        tensor, back = as_tensor(y, "y")
        _require_shape(tensor, self.domain_shape, "y", "projections")
        return back(apply_adjoint(tensor, self.T.rays, self.T._backend_for(tensor)))


def _require_half_turn(scan: Scan, vectors: Tensor) -> None:
    """Refuse curved detectors on which two bins lie on one line through the source."""
    ndim = scan.ndim
    reach, step = vectors[:, ndim : 2 * ndim] - vectors[:, :ndim], vectors[:, 2 * ndim : 3 * ndim].norm(dim=1)
    if ndim == 3:
        up = torch.nn.functional.normalize(vectors[:, 9:], dim=1)
        reach = reach - (reach * up).sum(1, keepdim=True) * up
    widest = float((scan.detector_shape[-1] * step / reach.norm(dim=1)).max())
    if widest >= torch.pi:
        raise InputError(
            f"Projector: expected a curved detector of less than half a turn, pi radians, got {widest:.3g}; take fewer "
            "or narrower bins, or move the detector out"
        )


def _require_shape(tensor: Tensor, expected: tuple[int, ...], name: str, noun: str) -> None:
    if tuple(tensor.shape[-len(expected) :]) != expected:
        raise InputError(
            f"{name}: expected {noun} of shape (..., {', '.join(map(str, expected))}), got {tuple(tensor.shape)}"
        )


__all__ = ["BACKENDS", "Adjoint", "Projector"]
