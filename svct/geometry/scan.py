"""Scan geometries: which rays a set of views measures."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from svct.errors import InputError, unknown_name
from svct.geometry.views import Views, view_list

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from svct.geometry.grid import Grid

__all__ = ["Scan", "Views", "scan_from_dict", "scan_kinds"]


@dataclass(frozen=True)
class Scan(ABC):
    """Views of an object from given angles; base of all scan geometries.

    A scan is a value: it compares, hashes and prints as its fields. ``scan[views]`` keeps some views,
    given as indices in any order, a slice or a boolean mask.

    Args:
        angles: Angle of each view, radians, any finite sequence, in acquisition order.
    """

    angles: Sequence[float] | NDArray[np.float64]

    kind: ClassVar[str]
    per_view: ClassVar[dict[str, tuple[int, ...]]] = {"angles": ()}
    """The fields with one entry per view, and the shape of an entry of zeros where a field may be left empty."""
    adjustable: ClassVar[tuple[str, ...]]
    """The fields that `vectors_at` takes other values of."""

    def __post_init__(self) -> None:
        try:
            angles = np.asarray(self.angles, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"angles: expected numbers in radians, got {self.angles!r}") from error
        if angles.ndim != 1 or angles.size == 0 or not np.isfinite(angles).all():
            raise InputError(
                f"angles: expected at least one finite angle in radians in one dimension, got shape {angles.shape}"
                f"{'' if np.isfinite(angles).all() else ' with NaN or infinity'}"
            )
        object.__setattr__(self, "angles", tuple(angles.tolist()))

    def __getitem__(self, views: Views) -> Self:
        chosen = view_list(views, len(self))
        kept = {name: getattr(self, name) for name in self.per_view}
        part = replace(self, **{name: tuple(all_[i] for i in chosen) for name, all_ in kept.items() if all_})
        if "_vectors" in self.__dict__:
            part.__dict__["_vectors"] = self._vectors[chosen]
        return part

    def __len__(self) -> int:
        return len(self.angles)

    @property
    @abstractmethod
    def divergent(self) -> bool:
        """Whether rays start in a point source; otherwise those of a view are parallel."""

    @property
    def curved(self) -> bool:
        """Whether the detector is a cylinder around an axis through the source."""
        return False

    @property
    @abstractmethod
    def detector_shape(self) -> tuple[int, ...]:
        """Samples of one view: ``(bins,)`` in 2D, ``(rows, bins)`` in 3D."""

    @property
    def ndim(self) -> int:
        """2 for scans of a plane, 3 for scans of a volume."""
        return 1 + len(self.detector_shape)

    @abstractmethod
    def _trace(self, values: dict[str, Tensor]) -> Tensor:
        """Return the vectors from the values of all adjustable fields, each with the views first."""

    def vectors_at(self, **values: Any) -> Tensor:
        """Return `vectors` as a tensor, with some fields at other values, differentiable in those.

        Args:
            **values: Other values of the scan's `adjustable` fields, tensors or numbers: as the field itself, or with
                one entry per view first, such as ``angles`` ``(views,)``, ``source_mm`` ``()`` or ``(views,)``,
                a cone's ``offset_mm`` ``(2,)`` or ``(views, 2)``.

        Returns:
            float64 ``(views, 6)`` in 2D, ``(views, 12)`` in 3D, on the CPU, mm.

        Raises:
            InputError: A name is not among the adjustable fields, or a value has another shape.

        Example:
            >>> from svct.geometry import FanBeam
            >>> scan = FanBeam([0.0, 1.0], bins=5, source_mm=600, detector_mm=400)
            >>> source_mm = torch.tensor(600.0, requires_grad=True)
            >>> scan.vectors_at(source_mm=source_mm)[0, 1].backward()
            >>> source_mm.grad
            tensor(-1.)
        """
        names = [name for name in self.adjustable if getattr(self, name) is not None]
        unknown = sorted(set(values) - set(names))
        if unknown:
            raise InputError(
                f"{self.kind} geometry: expected values of {', '.join(names)}, got one of {', '.join(unknown)}"
            )
        return self._trace({name: self._spread(name, values.get(name)) for name in names})

    @property
    def vectors(self) -> NDArray[np.float64]:
        """Where the rays of each view run, ``(views, 6)`` in 2D, ``(views, 12)`` in 3D, mm.

        Ray direction or source, detector centre, step between bins and, in 3D, step between rows, as in ASTRA's
        ``parallel_vec``, ``fanflat_vec``, ``parallel3d_vec`` and ``cone_vec``. A curved detector is given by the
        frame at its centre: it is a cylinder around the axis that runs through the source along the row step, its
        radius R the part of centre - source perpendicular to that axis, and bin j lies at the angle
        ``(j - (bins - 1) / 2) * bin_mm / R`` from its centre.
        """
        return self._vectors.copy()

    @cached_property
    def _vectors(self) -> NDArray[np.float64]:
        table: NDArray[np.float64] = self.vectors_at().numpy()
        return table

    def _spread(self, name: str, value: Any) -> Tensor:
        """Return a field, or `value` in its place, as float64 with one entry per view."""
        own = torch.tensor(getattr(self, name), dtype=torch.float64)
        if not own.numel():
            own = own.new_zeros((len(self), *self.per_view[name]))
        item = own.shape[1:] if name in self.per_view else own.shape
        try:
            # NumPy and plain numbers straight to float64: torch would take the latter through float32.
            given = own if value is None else torch.as_tensor(value, dtype=torch.float64, device="cpu")
        except (TypeError, ValueError, RuntimeError) as error:
            raise InputError(f"{name}: expected numbers, got {value!r}") from error
        whole = (len(self), *item)
        if given.shape not in ((item, whole) if name != "angles" else (whole,)):
            expected = f"{tuple(whole)}" if name == "angles" else f"{tuple(item)} or {tuple(whole)}"
            raise InputError(f"{name}: expected shape {expected}, got {tuple(given.shape)}")
        return given.expand(whole)

    def plot(self, grid: "Grid | None" = None, ax: "Axes | None" = None) -> "Figure | SubFigure":
        """Draw the scan: sources, some detectors, the rays of the first view and the direction of motion.

        Args:
            grid: The image grid to draw with it.
            ax: matplotlib axes to draw the scan on, from above. Default: a new figure, for 3D scans with a view from
                the side.

        Returns:
            The matplotlib figure; ``.savefig(path)`` writes it.
        """
        from svct.geometry.plot import plot_scan

        return plot_scan(self, grid, ax)

    def to_dict(self) -> dict[str, Any]:
        """Return the scan as plain data: its `kind`, its lengths in mm, its angles in radians.

        Options that hold their default are left out.
        """
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.init}
        optional = _optional(type(self))
        written = {name: value for name, value in values.items() if name not in optional or value != optional[name]}
        return {"kind": self.kind, **{name: _plain(value) for name, value in written.items()}}


def _plain(value: Any) -> Any:
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


def _optional(cls: type[Scan]) -> dict[str, Any]:
    # The pitch is always written: what is left out must not change the scale of the detector.
    return {f.name: f.default for f in fields(cls) if f.init and f.default is not MISSING and f.name != "bin_mm"}


def scan_kinds() -> dict[str, type[Scan]]:
    """Return the scan geometries by the `kind` that files name them with."""
    from svct.geometry.cone import ConeBeam
    from svct.geometry.fan import FanBeam
    from svct.geometry.helical import Helical
    from svct.geometry.parallel import ParallelBeam
    from svct.geometry.vector import VectorBeam

    return {cls.kind: cls for cls in (ParallelBeam, FanBeam, ConeBeam, Helical, VectorBeam)}


def scan_from_dict(values: dict[str, Any]) -> Scan:
    """Build a scan from what `Scan.to_dict` gave.

    Args:
        values: The scan's `kind` and fields.

    Raises:
        UnknownNameError: No geometry of this kind; the message lists those that exist.
        InputError: A field is missing, unknown or has an impossible value.

    Example:
        >>> from svct.geometry import ParallelBeam
        >>> scan = ParallelBeam([0.0, 1.0], bins=5)
        >>> scan_from_dict(scan.to_dict()) == scan
        True
    """
    kinds = scan_kinds()
    kind = values.get("kind")
    if kind not in kinds:
        raise unknown_name("geometry", str(kind), list(kinds))
    cls = kinds[kind]
    optional = set(_optional(cls))
    required = {f.name for f in fields(cls) if f.init} - optional
    given = set(values) - {"kind"}
    if not required <= given <= required | optional:
        raise InputError(
            f"{kind} geometry: expected the fields {', '.join(sorted(required))}, "
            f"got {', '.join(sorted(given)) or 'none'}; {', '.join(sorted(optional))} may be given too"
        )
    return cls(**{name: values[name] for name in given})
