"""Scan geometries: which rays a set of views measures."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from svct.errors import InputError, unknown_name

Views = int | slice | Iterable[int] | NDArray[Any]


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
    divergent: ClassVar[bool]

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
        return replace(self, angles=tuple(self.angles[i] for i in view_list(views, len(self.angles))))

    def __len__(self) -> int:
        return len(self.angles)

    @property
    @abstractmethod
    def detector_shape(self) -> tuple[int, ...]:
        """Samples of one view: ``(bins,)``."""

    @property
    @abstractmethod
    def vectors(self) -> NDArray[np.float64]:
        """Ray direction or source, detector centre and bin step of each view, ``(views, 6)``, mm.

        The six numbers mean what they mean in ASTRA's ``parallel_vec`` and ``fanflat_vec`` geometries.
        """

    def to_dict(self) -> dict[str, Any]:
        """Return the scan as plain data: its `kind`, its lengths in mm, its angles in radians."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {"kind": self.kind, **values, "angles": list(self.angles)}


def view_list(views: Views, count: int) -> list[int]:
    """Return the indices that `views` means among `count` views.

    Args:
        views: An index, a slice, indices in any order (repeats allowed), or a boolean mask of length `count`.
        count: How many views there are.

    Raises:
        InputError: No view is selected, or an index does not exist.

    Example:
        >>> view_list(slice(None, None, 2), 5)
        [0, 2, 4]
    """
    if isinstance(views, slice):
        chosen = list(range(count))[views]
    else:
        index = np.atleast_1d(
            np.asarray(views if hasattr(views, "__array__") or isinstance(views, int) else list(views))
        )
        if index.dtype == np.bool_:
            if index.shape != (count,):
                raise InputError(f"views: expected a mask of {count} booleans, got shape {index.shape}")
            index = np.flatnonzero(index)
        if index.ndim != 1 or (index.size and not np.issubdtype(index.dtype, np.integer)):
            raise InputError(f"views: expected indices, a slice or a mask, got {views!r}")
        outside = index[(index < -count) | (index >= count)]
        if outside.size:
            raise InputError(f"views: expected indices below {count}, the number of views, got {outside[0]}")
        chosen = (index % count).tolist()
    if not chosen:
        raise InputError(f"views: expected at least one of the {count} views, got none")
    return chosen


def require_count(value: object, what: str) -> None:
    """Check that `value` is a positive integer; `what` names it in the error."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise InputError(f"{what}: expected a positive whole number, got {value!r}")


def require_length(value: float, what: str, *, zero: bool = False) -> float:
    """Return `value` as a positive finite length in mm; `what` names it in the error.

    Args:
        value: The length.
        what: Its name.
        zero: Whether 0 is allowed too.
    """
    if (
        not isinstance(value, (int, float, np.number))
        or not math.isfinite(value)
        or value < 0
        or (value == 0 and not zero)
    ):
        raise InputError(f"{what}: expected a {'non-negative' if zero else 'positive'} length in mm, got {value!r}")
    return float(value)


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
    from svct.geometry.fan import FanBeam
    from svct.geometry.parallel import ParallelBeam

    kinds: dict[str, type[Scan]] = {cls.kind: cls for cls in (ParallelBeam, FanBeam)}
    kind = values.get("kind")
    if kind not in kinds:
        raise unknown_name("geometry", str(kind), list(kinds))
    cls = kinds[kind]
    wanted = {f.name for f in fields(cls)}
    given = set(values) - {"kind"}
    if given != wanted:
        raise InputError(
            f"{kind} geometry: expected the fields {', '.join(sorted(wanted))}, "
            f"got {', '.join(sorted(given)) or 'none'}"
        )
    return cls(**{name: values[name] for name in wanted})
