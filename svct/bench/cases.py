"""The scans whose projectors are measured, by name."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svct.ellipsoid import fit_ellipsoid
from svct.errors import InputError, UnknownNameError
from svct.geometry.analytic import ellipsoid_projections
from svct.geometry.cone import ConeBeam
from svct.geometry.fan import FanBeam
from svct.geometry.grid import Grid
from svct.geometry.parallel import ParallelBeam
from svct.geometry.scan import Scan

DEFAULT = ("parallel-256", "parallel-256-batch16")
FORM = "parallel-N, fan-N or cone-N, with -batchB for B images, such as parallel-256, parallel-256-batch16, fan-512"
ATTENUATION = 0.02


@dataclass(frozen=True)
class Case:
    """One measurement: a scan, a grid with voxels of 1 mm around the axis, and how many images at once.

    Args:
        name: As the command line names it.
        scan: The scan geometry.
        grid: The image grid.
        batch: Images per call.
    """

    name: str
    scan: Scan
    grid: Grid
    batch: int = 1

    @property
    def data_mb(self) -> float:
        """Size of input and output together, MB."""
        rays = np.prod(self.scan.detector_shape) * len(self.scan)
        return float(4e-6 * self.batch * (np.prod(self.grid.shape) + rays))

    def exact_projections(self) -> NDArray[np.float32]:
        """Return the projections of the ellipsoid that `svct.ellipsoid.fit_ellipsoid` places on the grid."""
        centre, axes = fit_ellipsoid(self.grid)
        y = np.empty((*self.scan.detector_shape[:-1], len(self.scan), self.scan.detector_shape[-1]), dtype=np.float32)
        for view in range(len(self.scan)):  # one at a time: all of a volume's rays would take gigabytes
            y[..., view : view + 1, :] = ellipsoid_projections(self.scan[view], centre, axes, ATTENUATION)
        return y


def case_named(name: str, *, views: int | None = None) -> Case:
    """Return a case by its name.

    Args:
        name: ``parallel-N``: N x N, 360 views over half a turn; ``fan-N``: N x N, flat detector, 720 views over a
            turn; ``cone-N``: N x N x N, flat detector with 1.5 N rows and bins, 180 views; ``-batchB`` behind it: B
            images at once.
        views: Another number of views.

    Raises:
        UnknownNameError: Not such a name; the message says how they are formed.
        InputError: No image, or one of less than 8 voxels across.

    Example:
        >>> case_named("parallel-256").scan.detector_shape, case_named("cone-128").scan.detector_shape
        ((367,), (192, 192))
    """
    match = re.fullmatch(r"(parallel|fan|cone)-(\d+)(?:-batch(\d+))?", name)
    if match is None:
        raise UnknownNameError(f"unknown case {name!r}: expected {FORM}")
    kind, size, batch = match[1], int(match[2]), int(match[3] or 1)
    if size < 8 or batch < 1:
        raise InputError(f"case {name!r}: expected at least 8 voxels across and one image")
    half = np.pi if kind == "parallel" else 2 * np.pi
    count = views or {"parallel": 360, "fan": 720, "cone": 180}[kind]
    angles = np.arange(count) * half / count
    distances: dict[str, Any] = {"source_mm": 4.0 * size, "detector_mm": 2.0 * size, "bin_mm": 1.5}
    scan: Scan
    if kind == "parallel":
        scan = ParallelBeam(angles, bins=(int(np.ceil(size * np.sqrt(2))) + 4) | 1)
    elif kind == "fan":
        scan = FanBeam(angles, bins=round(size * 736 / 512), **distances)
    else:
        detector = round(1.5 * size)
        scan = ConeBeam(angles, rows=detector, bins=detector, row_mm=1.5, **distances)
    return Case(name, scan, Grid(shape=(size,) * scan.ndim), batch)


def scaling_cases(largest: int, *, views: int | None = None) -> list[Case]:
    """Return cone beam cases whose edge doubles from 64 to `largest`, with as many rows and bins as voxels.

    Args:
        largest: Voxels along an edge of the last volume.
        views: Views of each. Default: 360.
    """
    sizes = [64]
    while sizes[-1] * 2 <= largest:
        sizes.append(sizes[-1] * 2)
    return [_volume(size, views or 360) for size in sizes]


def _volume(size: int, views: int) -> Case:
    angles = np.arange(views) * 2 * np.pi / views
    detector: dict[str, Any] = {"rows": size, "bins": size, "row_mm": 2.4, "bin_mm": 2.4}
    scan = ConeBeam(angles, **detector, source_mm=4.0 * size, detector_mm=2.0 * size)
    return Case(f"volume-{size}", scan, Grid(shape=(size,) * 3))
