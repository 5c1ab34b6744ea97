"""Schedules as scripts for CIL."""

from svct.errors import InputError
from svct.sampling.export.scan import plain_circle, scan_of
from svct.sampling.export.script import ScriptExporter
from svct.sampling.schedule import Schedule


class CilExporter(ScriptExporter):
    """A script that makes ``geometry``, a CIL ``AcquisitionGeometry`` in mm.

    CIL turns the object counter-clockwise, svct the source, so CIL's angles are minus svct's; the rows of its images
    begin at the lowest y.
    """

    name = "cil"

    def body(self, schedule: Schedule) -> str:
        """Return the lines that use the constants."""
        from svct.geometry import ConeBeam, FanBeam, ParallelBeam

        scan = plain_circle(self, scan_of(self, schedule))
        panel = f"[{scan.detector_shape[-1]}, {scan.detector_shape[0]}]"
        match scan:
            case ParallelBeam(rows=None):
                made, panel, pixel = "create_Parallel2D()", f"{scan.bins}", repr(scan.bin_mm)
            case ParallelBeam():
                made, pixel = "create_Parallel3D()", f"({scan.bin_mm!r}, {scan.row_mm!r})"
            case FanBeam():
                made = f"create_Cone2D([0.0, {-scan.source_mm!r}], [0.0, {scan.detector_mm!r}])"
                panel, pixel = f"{scan.bins}", repr(scan.bin_mm)
            case ConeBeam():
                made = f"create_Cone3D([0.0, {-scan.source_mm!r}, 0.0], [0.0, {scan.detector_mm!r}, 0.0])"
                pixel = f"({scan.bin_mm!r}, {scan.row_mm!r})"
            case _:
                raise InputError(f"cil: expected a parallel, fan or cone beam, got {scan.kind}")
        return f"""
from cil.framework import AcquisitionGeometry

geometry = AcquisitionGeometry.{made}
geometry.set_panel({panel}, pixel_size={pixel})
geometry.set_angles([-angle for angle in ANGLES_DEG], angle_unit="degree")
"""
