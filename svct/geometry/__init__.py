"""Grids, scan geometries and the projector between them."""

from svct.geometry.cone import ConeBeam
from svct.geometry.fan import FanBeam
from svct.geometry.grid import Grid
from svct.geometry.helical import Helical
from svct.geometry.parallel import ParallelBeam
from svct.geometry.projector import Adjoint, Projector
from svct.geometry.scan import Scan, scan_from_dict
from svct.geometry.vector import VectorBeam

__all__ = [
    "Adjoint",
    "ConeBeam",
    "FanBeam",
    "Grid",
    "Helical",
    "ParallelBeam",
    "Projector",
    "Scan",
    "VectorBeam",
    "scan_from_dict",
]
