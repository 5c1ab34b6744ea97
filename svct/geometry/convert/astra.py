"""ASTRA's geometry dictionaries, to and from svct's geometries."""

from typing import Any

import astra
import numpy as np
from numpy.typing import NDArray

from svct.errors import InputError, unknown_name
from svct.geometry.cone import ConeBeam
from svct.geometry.fan import FanBeam
from svct.geometry.grid import Grid
from svct.geometry.helical import Helical
from svct.geometry.parallel import ParallelBeam
from svct.geometry.scan import Scan
from svct.geometry.vector import VectorBeam

ROUNDING = 1e-6
"""How far, relative, lengths that must be equal may differ."""


def to_astra(scan: Scan, grid: Grid) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the ASTRA projection and volume geometries of a scan and a grid, lengths in mm.

    Circular scans without options become ``parallel``, ``fanflat``, ``parallel3d`` and ``cone``, all others the
    ``_vec`` types; a curved detector with rows becomes ``cyl_cone_vec``, which ASTRA has since 2.4 for CUDA.
    Volumes and projections keep their axes, and ASTRA's projections are line integrals in units of 1/mm times mm.

    Args:
        scan: The scan geometry.
        grid: The image grid.

    Raises:
        InputError: The scan is 2D and the grid 3D or the other way round, or the scan is 2D and curved.

    Example:
        >>> projections, volume = to_astra(ParallelBeam([0.0, 1.0], bins=5, bin_mm=2.0), Grid(shape=(4, 6)))
        >>> projections["type"], projections["DetectorWidth"], volume["option"]["WindowMaxX"]
        ('parallel', 2.0, 3.0)
    """
    if scan.ndim != len(grid.shape):
        raise InputError(f"to_astra: expected a {scan.ndim}D grid for a {scan.ndim}D scan, got shape {grid.shape}")
    return _projection_geometry(scan), _volume_geometry(grid)


def from_astra(proj_geom: dict[str, Any], vol_geom: dict[str, Any] | None = None) -> tuple[Scan, Grid | None]:
    """Return the scan and the grid of ASTRA geometries whose lengths are in mm.

    Args:
        proj_geom: A projection geometry: ``parallel``, ``fanflat``, ``parallel3d``, ``cone``, or one of their ``_vec``
            types, or ``cyl_cone_vec``.
        vol_geom: A volume geometry of square or cubic voxels.

    Returns:
        The scan, and the grid where a volume geometry was given.

    Raises:
        UnknownNameError: svct has no geometry of this type.
        InputError: A part of a dictionary is missing, voxels are not cubic, or a cylinder is not centred on the source.

    Example:
        >>> scan = ParallelBeam([0.0, 1.0], bins=5, bin_mm=2.0)
        >>> from_astra(*to_astra(scan, Grid(shape=(4, 6)))) == (scan, Grid(shape=(4, 6)))
        True
    """
    kind = str(proj_geom.get("type"))
    if kind not in _READERS:
        raise unknown_name("ASTRA geometry", kind, list(_READERS))
    try:
        return _READERS[kind](proj_geom), None if vol_geom is None else _grid(vol_geom)
    except KeyError as error:
        raise InputError(
            f"from_astra: expected {error} in the geometry, got none; make it with astra.create_proj_geom and "
            "astra.create_vol_geom"
        ) from error


def _projection_geometry(scan: Scan) -> dict[str, Any]:
    angles, shape = np.array(scan.angles), scan.detector_shape
    arguments: tuple[Any, ...]
    match scan:
        case ParallelBeam(rows=None, offset_mm=0.0):
            arguments = ("parallel", scan.bin_mm, scan.bins, angles)
        case ParallelBeam(offset_mm=(0.0, 0.0)):
            arguments = ("parallel3d", scan.bin_mm, scan.row_mm, *shape, angles)
        case FanBeam(curved=False, offset_mm=0.0, tilt=0.0, source_shift_mm=()):
            arguments = ("fanflat", scan.bin_mm, scan.bins, angles, scan.source_mm, scan.detector_mm)
        case Helical():
            arguments = _vector_arguments(scan)
        case ConeBeam(curved=False, offset_mm=(0.0, 0.0), tilt=(0.0, 0.0, 0.0), source_shift_mm=()):
            arguments = ("cone", scan.bin_mm, scan.row_mm, *shape, angles, scan.source_mm, scan.detector_mm)
        case _:
            arguments = _vector_arguments(scan)
    geometry: dict[str, Any] = astra.create_proj_geom(*arguments)
    return geometry


def _vector_arguments(scan: Scan) -> tuple[Any, ...]:
    vectors, flat = scan.vectors, not scan.curved
    if scan.ndim == 2 and not flat:
        raise InputError(
            "to_astra: expected a flat detector, got a curved one in 2D, which ASTRA has not; project with svct, or "
            "take a ConeBeam of one row, which ASTRA has for CUDA"
        )
    if not flat:
        return "cyl_cone_vec", *scan.detector_shape, np.column_stack([vectors, _radii(vectors)])
    kinds = {(2, False): "parallel_vec", (2, True): "fanflat_vec", (3, False): "parallel3d_vec", (3, True): "cone_vec"}
    return kinds[scan.ndim, scan.divergent], *scan.detector_shape, vectors


def _radii(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances in mm of detector centres from the axes through the sources along the rows' steps."""
    out, rows = vectors[:, 3:6] - vectors[:, :3], vectors[:, 9:12]
    return np.asarray(np.linalg.norm(np.cross(out, rows), axis=1) / np.linalg.norm(rows, axis=1))


def _volume_geometry(grid: Grid) -> dict[str, Any]:
    *slices, ny, nx = grid.shape
    window = [
        centre + sign * extent / 2
        for centre, extent in zip(grid.origin_mm, reversed(grid.extent_mm), strict=True)
        for sign in (-1, 1)
    ]
    geometry: dict[str, Any] = astra.create_vol_geom(ny, nx, *slices, *window)
    return geometry


def _grid(geometry: dict[str, Any]) -> Grid:
    axes = "XYZ" if "GridSliceCount" in geometry else "XY"
    counts = [int(geometry[f"Grid{name}Count"]) for name in ("Col", "Row", "Slice")[: len(axes)]]
    ends = [[float(geometry["option"][f"Window{end}{axis}"]) for end in ("Min", "Max")] for axis in axes]
    sizes = [(high - low) / count for (low, high), count in zip(ends, counts, strict=True)]
    if max(sizes) - min(sizes) > ROUNDING * max(sizes):
        raise InputError(f"from_astra: expected square or cubic voxels, got edges of {sizes} mm in x, y, ...; resample")
    origin = tuple((low + high) / 2 for low, high in ends)
    return Grid(shape=tuple(reversed(counts)), voxel_mm=sizes[0], origin_mm=origin)


def _vector_beam(geometry: dict[str, Any]) -> Scan:
    kind, table = geometry["type"], np.asarray(geometry["Vectors"], dtype=np.float64)
    divergent = not kind.startswith("parallel")
    if kind in ("parallel_vec", "fanflat_vec"):
        return VectorBeam(table, bins=int(geometry["DetectorCount"]), divergent=divergent)
    curved = kind == "cyl_cone_vec"
    if curved:
        radii = _radii(table)
        worst = int(np.argmax(np.abs(table[:, 12] - radii)))
        if abs(table[worst, 12] - radii[worst]) > ROUNDING * radii[worst]:
            raise InputError(
                f"from_astra: expected a cylinder around the source, of radius {radii[worst]:g} mm in view {worst}, "
                f"got {table[worst, 12]:g} mm; svct has no other curved detectors"
            )
    rows, bins = int(geometry["DetectorRowCount"]), int(geometry["DetectorColCount"])
    return VectorBeam(table[:, :12], rows=rows, bins=bins, divergent=divergent, curved=curved)


_READERS = {
    "parallel": lambda g: ParallelBeam(g["ProjectionAngles"], bins=int(g["DetectorCount"]), bin_mm=g["DetectorWidth"]),
    "fanflat": lambda g: FanBeam(
        g["ProjectionAngles"],
        bins=int(g["DetectorCount"]),
        bin_mm=g["DetectorWidth"],
        source_mm=g["DistanceOriginSource"],
        detector_mm=g["DistanceOriginDetector"],
    ),
    "parallel3d": lambda g: ParallelBeam(
        g["ProjectionAngles"],
        rows=int(g["DetectorRowCount"]),
        bins=int(g["DetectorColCount"]),
        row_mm=g["DetectorSpacingY"],
        bin_mm=g["DetectorSpacingX"],
    ),
    "cone": lambda g: ConeBeam(
        g["ProjectionAngles"],
        rows=int(g["DetectorRowCount"]),
        bins=int(g["DetectorColCount"]),
        row_mm=g["DetectorSpacingY"],
        bin_mm=g["DetectorSpacingX"],
        source_mm=g["DistanceOriginSource"],
        detector_mm=g["DistanceOriginDetector"],
    ),
    **dict.fromkeys(("parallel_vec", "fanflat_vec", "parallel3d_vec", "cone_vec", "cyl_cone_vec"), _vector_beam),
}
