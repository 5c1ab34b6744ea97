"""tomosipo's geometries, to and from svct's, by way of ASTRA's dictionaries, which both speak."""

from importlib import import_module
from typing import Any

from svct.errors import BackendUnavailable, InputError
from svct.geometry.convert.astra import from_astra, to_astra
from svct.geometry.grid import Grid
from svct.geometry.scan import Scan


def to_tomosipo(scan: Scan, grid: Grid) -> tuple[Any, Any]:
    """Return the tomosipo projection and volume geometries of a 3D scan and grid, lengths in mm.

    Args:
        scan: The scan geometry, flat, with detector rows.
        grid: The image grid.

    Returns:
        A geometry as of ``ts.parallel``, ``ts.cone``, ``ts.parallel_vec`` or ``ts.cone_vec``, and one of ``ts.volume``.

    Raises:
        BackendUnavailable: tomosipo is not installed.
        InputError: tomosipo has no such geometry: the scan is 2D or its detector curved, or the grid does not fit.
    """
    tomosipo = _tomosipo()
    if scan.ndim != 3 or scan.curved:
        raise InputError(
            f"to_tomosipo: expected a 3D scan with a flat detector, got a {scan.ndim}D one with a "
            f"{'curved' if scan.curved else 'flat'} detector, which tomosipo has not"
        )
    projections, volume = to_astra(scan, grid)
    return tomosipo.from_astra(projections), tomosipo.from_astra(volume)


def from_tomosipo(projections: Any, volume: Any = None) -> tuple[Scan, Grid | None]:
    """Return the scan and the grid of tomosipo geometries whose lengths are in mm.

    Args:
        projections: A geometry of ``ts.parallel``, ``ts.cone``, ``ts.parallel_vec`` or ``ts.cone_vec``.
        volume: A geometry of ``ts.volume`` with cubic voxels.

    Returns:
        The scan, and the grid where a volume was given.

    Raises:
        BackendUnavailable: tomosipo is not installed.
        InputError: Not such a geometry, or voxels are not cubic.
    """
    tomosipo = _tomosipo()
    try:
        dictionaries = tomosipo.to_astra(projections), None if volume is None else tomosipo.to_astra(volume)
    except TypeError as error:
        raise InputError(f"from_tomosipo: expected tomosipo geometries, got something else ({error})") from error
    return from_astra(*dictionaries)


def _tomosipo() -> Any:
    try:
        return import_module("tomosipo")
    except ImportError as error:
        raise BackendUnavailable(
            "tomosipo: expected the package to be installed, found none; install it from "
            "git+https://github.com/ahendriksen/tomosipo, in an environment with NumPy below 2"
        ) from error
