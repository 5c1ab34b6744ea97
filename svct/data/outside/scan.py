"""A scan out of somebody else's data set."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from svct.geometry.grid import Grid
from svct.geometry.scan import Scan


@dataclass(frozen=True, eq=False)
class OutsideScan:
    """Projections of a published data set with the geometry that they were taken in; `Projector(scan, grid)` fits.

    Args:
        y: Log data, float32 ``(..., [row,] view, col)``.
        scan: The geometry.
        grid: Grid of `truth`, or one that holds what the scan sees.
        truth: Attenuation, 1/mm, ``(..., y, x)``, where the set has one.
        source: Where it was read from.
        facts: What else the files say, by name.
    """

    y: NDArray[np.float32] = field(repr=False)
    scan: Scan
    grid: Grid
    truth: NDArray[np.float32] | None = field(repr=False, default=None)
    source: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
