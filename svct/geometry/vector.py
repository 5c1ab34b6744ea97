"""Views that each have their own rays."""

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from svct.errors import InputError
from svct.geometry.checks import require_count, require_flag
from svct.geometry.scan import Scan


@dataclass(frozen=True)
class VectorBeam(Scan):
    """Rays given view by view: source or direction, detector centre and detector axes.

    Args:
        table: One row per view of x, y (and z) of the ray direction or the source, the detector's centre, the step
            between bins and, in 3D, the step between rows: 6 numbers in 2D, 12 in 3D, mm, as in ASTRA's
            ``parallel_vec``, ``fanflat_vec``, ``parallel3d_vec`` and ``cone_vec``.
        bins: Detector bins per view, or per row.
        rows: Detector rows per view; none in 2D.
        divergent: Whether the first numbers are a source; otherwise they are a direction.
        curved: Whether the detector is a cylinder around an axis through the source, see `vectors`.

    Raises:
        InputError: The table has another shape, a number is not finite, a ray or a detector axis has no direction, or
            a curved detector is not centred on its source.

    Example:
        >>> scan = VectorBeam([[0, -600, 0, 400, 1, 0]], bins=128)
        >>> scan.vectors.tolist(), scan.angles
        ([[0.0, -600.0, 0.0, 400.0, 1.0, 0.0]], (0.0,))

    Notes:
        `angles` follows from the table: the azimuth of the central ray as ASTRA counts it, between -pi and pi.
    """

    angles: tuple[float, ...] = field(init=False, repr=False, compare=False)
    table: Sequence[Sequence[float]] | NDArray[np.float64]
    _: KW_ONLY
    bins: int
    rows: int | None = None
    divergent: bool = True
    curved: bool = False

    kind: ClassVar[str] = "vector"
    per_view: ClassVar[dict[str, tuple[int, ...]]] = {"table": ()}
    adjustable: ClassVar[tuple[str, ...]] = ("table",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "bins", require_count(self.bins, "bins"))
        if self.rows is not None:
            object.__setattr__(self, "rows", require_count(self.rows, "rows"))
        for name in ("divergent", "curved"):
            object.__setattr__(self, name, require_flag(getattr(self, name), name))
        table = self._checked()
        axes = self.ndim
        first, centre = table[:, :axes], table[:, axes : 2 * axes]
        x, y = (centre - first if self.divergent else -first)[:, :2].T
        object.__setattr__(self, "table", tuple(map(tuple, table.tolist())))
        object.__setattr__(self, "angles", tuple((np.arctan2(-x, y) + 0.0).tolist()))  # no minus zero

    def __len__(self) -> int:
        return len(self.table)

    @property
    def detector_shape(self) -> tuple[int, ...]:
        """Samples of one view: ``(bins,)`` in 2D, ``(rows, bins)`` in 3D."""
        return (self.bins,) if self.rows is None else (self.rows, self.bins)

    def _trace(self, values: dict[str, Tensor]) -> Tensor:
        return values["table"]

    def _checked(self) -> NDArray[np.float64]:
        width = 6 if self.rows is None else 12
        try:
            table: Any = np.asarray(self.table, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"table: expected rows of {width} numbers in mm, got {self.table!r}") from error
        if table.ndim != 2 or table.shape[1] != width or not len(table):
            what = "2D; give rows for 3D" if self.rows is None else "3D; leave rows out for 2D"
            raise InputError(f"table: expected shape (views, {width}) in {what}, got shape {table.shape}")
        if not np.isfinite(table).all():
            raise InputError("table: expected finite numbers in mm, got NaN or infinity")
        parts = table.reshape(len(table), -1, self.ndim)
        along = parts[:, 1] - parts[:, 0] if self.divergent else parts[:, 0]
        for name, part in zip(("ray", "bin step", "row step"), (along, parts[:, 2], parts[:, -1]), strict=True):
            if not np.linalg.norm(part, axis=1).all():
                view = int(np.argmin(np.linalg.norm(part, axis=1)))
                raise InputError(f"table: expected a direction for every {name}, got one of length 0 in view {view}")
        if self.curved:
            self._check_curved(along, parts)
        return np.asarray(table)

    def _check_curved(self, along: NDArray[np.float64], parts: NDArray[np.float64]) -> None:
        if not self.divergent:
            raise InputError("curved: expected a source for a curved detector, got divergent=False")
        bins = parts[:, 2] / np.linalg.norm(parts[:, 2], axis=1, keepdims=True)
        slant = np.abs((bins * along).sum(axis=1)) / np.linalg.norm(along, axis=1)
        if self.ndim == 3:
            rows = parts[:, 3] / np.linalg.norm(parts[:, 3], axis=1, keepdims=True)
            slant = np.maximum(slant, np.abs((bins * rows).sum(axis=1)))
        if slant.max() > 1e-6:
            raise InputError(
                "table: expected the bin step of a curved detector perpendicular to its row step and to the line from "
                f"the source to its centre, got {math.degrees(math.asin(min(1.0, float(slant.max())))):.3g} deg off"
            )
