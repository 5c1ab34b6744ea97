"""Schedules as tomosipo geometries."""

from svct.errors import InputError
from svct.sampling.export.scan import plain_circle, scan_of, with_rows
from svct.sampling.export.script import ScriptExporter
from svct.sampling.schedule import Schedule


class TomosipoExporter(ScriptExporter):
    """A script that makes ``geometry``, a tomosipo cone or parallel geometry in mm; 2D becomes one row."""

    name = "tomosipo"

    def body(self, schedule: Schedule) -> str:
        """Return the lines that use the constants."""
        from svct.geometry import ConeBeam, ParallelBeam

        scan = plain_circle(self, with_rows(scan_of(self, schedule)))
        rows, bins = scan.detector_shape
        shape = f"angles=np.deg2rad(ANGLES_DEG), shape=({rows}, {bins})"
        match scan:
            case ConeBeam():
                size = f"({rows * scan.row_mm!r}, {bins * scan.bin_mm!r})"
                call = f"ts.cone({shape}, size={size}, src_orig_dist={scan.source_mm!r}, "
                call += f"src_det_dist={scan.source_mm + scan.detector_mm!r})"
            case ParallelBeam():
                size = f"({rows * (scan.row_mm or 1.0)!r}, {bins * scan.bin_mm!r})"
                call = f"ts.parallel({shape}, size={size})"
            case _:
                raise InputError(f"tomosipo: expected a parallel or cone beam, got {scan.kind}")
        return f"import numpy as np\nimport tomosipo as ts\n\ngeometry = {call}\n"
