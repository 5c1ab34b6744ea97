"""Schedules as scan protocols of XCIST (CatSim, `gecatsim`)."""

from typing import Any

from svct.sampling.export.script import ScriptExporter
from svct.sampling.schedule import Schedule


class XcistExporter(ScriptExporter):
    """A Python module beside the simulation: ``set_protocol(ct)`` makes it the gantry of a ``gecatsim.CatSim``.

    XCIST turns at constant speed; the gantry of this module sets its clock so that every view lies at its own angle.
    The file may have any name that is one of a module.
    """

    name = "xcist"
    lost = ("loads per view: XCIST scales by one mA, and by one air scan", "voltage", "provenance", "gain")

    def constants(self, schedule: Schedule) -> dict[str, Any]:
        """Return the constants, plain Python values."""
        return {**super().constants(schedule), "TOTAL_MAS": schedule.total_mAs}

    def body(self, schedule: Schedule) -> str:
        """Return the lines that use the constants."""
        return '''
def set_protocol(ct):
    """Give a CatSim these views; mA is such that all views together have TOTAL_MAS, where it is known."""
    protocol = ct.protocol
    protocol.scanTrajectory = __name__
    protocol.viewCount = protocol.viewsPerRotation = len(ANGLES_DEG)
    protocol.startViewId, protocol.stopViewId = 0, len(ANGLES_DEG) - 1
    protocol.startAngle, protocol.rotationDirection, protocol.tableSpeed = 180, 1, 0
    if TOTAL_MAS is not None:
        protocol.mA = TOTAL_MAS / (protocol.rotationTime * protocol.dutyRatio)


def gantry(cfg):
    """Turn the gantry to the angle of the view; svct counts from -y, XCIST from +y, both counter-clockwise from +z."""
    from gecatsim.pyfiles.Gantry_Helical import Gantry_Helical

    clock = cfg.time
    cfg.time = ANGLES_DEG[cfg.viewId] / 360 * cfg.protocol.rotationTime
    cfg = Gantry_Helical(cfg)
    cfg.time = clock
    return cfg


globals()[__name__.rpartition(".")[2]] = gantry  # XCIST calls the function that has the name of its module
'''
