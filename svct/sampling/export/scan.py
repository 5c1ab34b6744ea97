"""The scan that a schedule describes, as formats of reconstruction packages need it."""

from typing import TYPE_CHECKING

import numpy as np

from svct.errors import InputError
from svct.sampling.export.base import Exporter
from svct.sampling.schedule import Schedule

if TYPE_CHECKING:
    from svct.geometry import Scan


def scan_of(exporter: Exporter, schedule: Schedule) -> "Scan":
    """Return the scan of the frames that a file holds.

    Args:
        exporter: The format.
        schedule: The schedule; its geometry must be complete.

    Raises:
        InputError: The geometry is not one that svct can build.
    """
    from svct.geometry import scan_from_dict  # imports torch

    angles = np.deg2rad(np.array(schedule.angles_deg)[list(exporter.carried(schedule))])
    try:
        return scan_from_dict({**schedule.geometry, "angles": angles.tolist()})
    except (ValueError, LookupError) as error:
        raise InputError(f"{exporter.name}: expected a schedule with a complete geometry, got: {error}") from error


def with_rows(scan: "Scan") -> "Scan":
    """Return a scan in 3D: a 2D one gets a single detector row, as high as its bins are wide.

    Raises:
        InputError: A 2D scan whose source moves beside its circle.
    """
    from svct.geometry import ConeBeam, FanBeam, ParallelBeam

    match scan:
        case ParallelBeam(rows=None):
            offset = (float(np.ravel(scan.offset_mm)[0]), 0.0)
            return ParallelBeam(
                scan.angles, bins=scan.bins, bin_mm=scan.bin_mm, rows=1, row_mm=scan.bin_mm, offset_mm=offset
            )
        case FanBeam(source_shift_mm=()):
            return ConeBeam(
                scan.angles,
                rows=1,
                bins=scan.bins,
                row_mm=scan.bin_mm,
                bin_mm=scan.bin_mm,
                source_mm=scan.source_mm,
                detector_mm=scan.detector_mm,
                curved=scan.curved,
                offset_mm=(scan.offset_mm, 0.0),
                tilt=(scan.tilt, 0.0, 0.0) if scan.tilt else 0.0,
            )
        case FanBeam():
            raise InputError("expected a fan beam without source_shift_mm, got one with; give the schedule a cone beam")
    return scan


def plain_circle(exporter: Exporter, scan: "Scan") -> "Scan":
    """Return the scan where it is a plain circular parallel, fan or cone beam with a flat, centred detector.

    Raises:
        InputError: It is another.
    """
    from svct.geometry import ConeBeam, FanBeam, Helical, ParallelBeam

    simple = False
    if isinstance(scan, ParallelBeam):
        simple = not np.any(scan.offset_mm)
    elif isinstance(scan, (FanBeam, ConeBeam)) and not isinstance(scan, Helical):
        simple = not (scan.curved or np.any(scan.offset_mm) or np.any(scan.tilt) or np.any(scan.source_shift_mm))
    if not simple:
        raise InputError(
            f"{exporter.name}: expected a parallel, fan or cone beam with a flat, centred detector, got {scan.kind} "
            "with more; export it as astra or rtk"
        )
    return scan
