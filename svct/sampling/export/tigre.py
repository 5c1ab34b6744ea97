"""Schedules as scripts for TIGRE."""

from svct.errors import InputError
from svct.sampling.export.scan import plain_circle, scan_of, with_rows
from svct.sampling.export.script import ScriptExporter
from svct.sampling.schedule import Schedule


class TigreExporter(ScriptExporter):
    """A script that makes ``geo`` and ``angles`` for ``tigre.Ax(volume, geo, angles)``; the volume is the user's.

    TIGRE counts the source from +x, svct from -y, both counter-clockwise, so its angles are 90 degrees less.
    """

    name = "tigre"

    def body(self, schedule: Schedule) -> str:
        """Return the lines that use the constants."""
        from svct.geometry import ConeBeam, ParallelBeam

        scan = plain_circle(self, with_rows(scan_of(self, schedule)))
        rows, bins = scan.detector_shape
        match scan:
            case ConeBeam():
                mode, steps = "cone", (scan.row_mm, scan.bin_mm)
                distances = (scan.source_mm, scan.source_mm + scan.detector_mm)
            case ParallelBeam():
                mode, steps = "parallel", (scan.row_mm or scan.bin_mm, scan.bin_mm)
                distances = (bins * scan.bin_mm, 2 * bins * scan.bin_mm)
            case _:
                raise InputError(f"tigre: expected a parallel or cone beam, got {scan.kind}")
        return f"""
import numpy as np
import tigre

geo = tigre.geometry()
geo.mode = "{mode}"
geo.DSO, geo.DSD = {distances[0]!r}, {distances[1]!r}
geo.nDetector = np.array([{rows}, {bins}])
geo.dDetector = np.array([{steps[0]!r}, {steps[1]!r}])
geo.sDetector = geo.nDetector * geo.dDetector
geo.offDetector, geo.offOrigin, geo.COR = np.zeros(2), np.zeros(3), 0.0
angles = np.deg2rad(np.array(ANGLES_DEG) - 90)
"""
