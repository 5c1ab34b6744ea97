"""RTK's circular geometry files (`ThreeDCircularProjectionGeometry`), to and from svct's geometries.

RTK turns around its y axis and counts the source from its z axis: RTK's (X, Y, Z) is svct's (x, z, -y), a rotation.
With it RTK's GantryAngle is svct's angle, RTK's first detector axis the bins, its second the rows. A volume
``(z, y, x)`` of svct is ``volume.swapaxes(0, 1)[::-1]`` for RTK, whose images NumPy sees as ``(Z, Y, X)``; projections
``(row, view, bin)`` are ``projections.swapaxes(0, 1)``.
"""

import xml.etree.ElementTree as ElementTree
from dataclasses import astuple, fields

import numpy as np

from svct.errors import InputError
from svct.geometry.checks import require_count, require_length
from svct.geometry.cone import ConeBeam
from svct.geometry.convert.rtk_views import ROUNDING, RtkView, view_of_vector
from svct.geometry.parallel import ParallelBeam
from svct.geometry.scan import Scan
from svct.geometry.vector import VectorBeam

VERSION = 3
ROOT = "RTKThreeDCircularGeometry"
RADIUS = "RadiusCylindricalDetector"


def to_rtk(scan: Scan) -> str:
    """Return a 3D scan as the text of an RTK geometry file.

    The file holds no detector sizes: give RTK projections of shape ``(views, rows, bins)`` with the scan's `bin_mm` and
    `row_mm` as spacing and their middle at zero, that is an origin of ``-(bins - 1) / 2 * bin_mm`` and
    ``-(rows - 1) / 2 * row_mm``.

    Args:
        scan: A parallel beam with rows, a cone beam, a helix, or a vector beam whose detector axes are perpendicular.

    Raises:
        InputError: RTK has no such geometry: the scan is 2D, detector axes are not perpendicular or change their
            length, parallel rays do not meet the detector at right angles, or the radius of a curved detector changes.

    Example:
        >>> scan = ConeBeam([0.5], rows=4, bins=6, row_mm=1, bin_mm=1, source_mm=600, detector_mm=400)
        >>> back = from_rtk(to_rtk(scan), rows=4, bins=6, row_mm=1, bin_mm=1)
        >>> back.kind, round(back.angles[0], 9)
        ('cone', 0.5)
    """
    if scan.ndim != 3:
        raise InputError("to_rtk: expected a 3D scan, got a 2D one, which RTK has not; give the detector rows")
    views = [view_of_vector(vector, scan.divergent, scan.curved) for vector in scan.vectors]
    steps = np.linalg.norm(scan.vectors.reshape(-1, 4, 3)[:, 2:], axis=2)
    _require_same(steps[:, 0], "bin_mm")
    _require_same(steps[:, 1], "row_mm")
    root = ElementTree.Element(ROOT, version=str(VERSION))
    if scan.curved:
        radii = np.array([view.SourceToDetectorDistance for view in views])
        _require_same(radii, "the radius of the curved detector")
        ElementTree.SubElement(root, RADIUS).text = repr(float(radii[0]))
    for view in views:
        element = ElementTree.SubElement(root, "Projection")
        for field, value in zip(fields(view), astuple(view), strict=True):
            ElementTree.SubElement(element, field.name).text = repr(float(value))
        lines = [" ".join(repr(float(number)) for number in row) for row in view.matrix()]
        ElementTree.SubElement(element, "Matrix").text = "\n" + "\n".join(lines) + "\n"
    ElementTree.indent(root)
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0"?>\n<!DOCTYPE RTKGEOMETRY>\n{body}\n'


def from_rtk(
    text: str,
    *,
    rows: int,
    bins: int,
    row_mm: float,
    bin_mm: float,
    origin_mm: tuple[float, float] | None = None,
) -> Scan:
    """Return the scan of an RTK geometry file.

    Args:
        text: The file's text. Collimation is left out.
        rows: Rows of the projections, which the file does not hold.
        bins: Bins of the projections.
        row_mm: Distance between rows, mm.
        bin_mm: Distance between bins, mm.
        origin_mm: Where the projections' first bin and first row lie, mm, as ITK's origin. Default: the projections
            are centred.

    Returns:
        A `ParallelBeam` or `ConeBeam` where the views lie on a circle and the detector always in the same place
        beside them, otherwise a `VectorBeam`.

    Raises:
        InputError: Not an RTK geometry, or a curved detector that is not centred on its source.
    """
    views, radius_mm = read_views(text)
    require_count(rows, "rows")
    require_count(bins, "bins")
    steps = np.array([require_length(bin_mm, "bin_mm"), require_length(row_mm, "row_mm")])
    counts = np.array([bins, rows])
    middle = np.zeros(2) if origin_mm is None else np.asarray(origin_mm, dtype=float) + (counts - 1) / 2 * steps
    curved = radius_mm != 0
    for i, view in enumerate(views):
        distance = view.SourceToDetectorDistance
        if curved and (abs(radius_mm - distance) > ROUNDING * radius_mm or view.SourceOffsetX):
            raise InputError(
                f"from_rtk: expected a curved detector centred on the source, got radius {radius_mm:g} mm, distance "
                f"{distance:g} mm and source offset {view.SourceOffsetX:g} mm in view {i}; svct has no other"
            )
    moving = np.array([astuple(view)[1:] for view in views])  # all but the gantry's angle
    still = bool((moving == moving[0]).all())
    first, divergent = views[0], views[0].SourceToDetectorDistance != 0
    angles = np.deg2rad([view.GantryAngle for view in views])
    offset = (first.ProjectionOffsetX + middle[0], first.ProjectionOffsetY + middle[1])
    if still and not divergent and not (first.OutOfPlaneAngle or first.InPlaneAngle):
        return ParallelBeam(angles, rows=rows, bins=bins, row_mm=row_mm, bin_mm=bin_mm, offset_mm=offset)
    if still and divergent and not (first.OutOfPlaneAngle or first.SourceOffsetX or first.SourceOffsetY):
        return ConeBeam(
            angles,
            rows=rows,
            bins=bins,
            row_mm=row_mm,
            bin_mm=bin_mm,
            source_mm=first.SourceToIsocenterDistance,
            detector_mm=first.SourceToDetectorDistance - first.SourceToIsocenterDistance,
            curved=curved,
            offset_mm=offset,
            tilt=float(np.deg2rad(first.InPlaneAngle)),
        )
    table = [view.vector(bin_mm, row_mm, middle, curved=curved) for view in views]
    return VectorBeam(np.stack(table), rows=rows, bins=bins, divergent=divergent, curved=curved)


def read_views(text: str) -> tuple[list[RtkView], float]:
    """Return the views of an RTK geometry file and the radius of its detector, mm, 0 where that is flat."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise InputError(f"from_rtk: expected an RTK geometry in XML, got text that is not XML ({error})") from error
    if root.tag != ROOT or root.get("version") not in ("2", str(VERSION)):
        raise InputError(
            f"from_rtk: expected an element {ROOT} of version 2 or {VERSION}, got {root.tag} {root.get('version')}"
        )
    names = {field.name for field in fields(RtkView)}
    values, radius_mm, views = dict.fromkeys(names, 0.0), 0.0, []
    for element in root:  # as in RTK, a value holds until the next of its name
        for part in element if element.tag == "Projection" else [element]:
            name = "GantryAngle" if part.tag == "Angle" else part.tag
            if name in names:
                values[name] = _number(part)
            elif name == RADIUS:
                radius_mm = _number(part)
        if element.tag == "Projection":
            views.append(RtkView(**values))
    if not views:
        raise InputError("from_rtk: expected at least one Projection, got none")
    return views, radius_mm


def _number(element: ElementTree.Element) -> float:
    try:
        number = float(element.text or "")
    except ValueError:
        number = float("nan")
    if not np.isfinite(number):
        raise InputError(f"from_rtk: expected a finite number as {element.tag}, got {element.text!r}")
    return number


def _require_same(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], what: str) -> None:
    if np.ptp(values) > ROUNDING * np.abs(values).max():
        raise InputError(
            f"to_rtk: expected {what} to be the same in all views, got {values.min():g} to {values.max():g} mm"
        )
