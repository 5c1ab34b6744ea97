"""Grids, scan geometries and the projector between them."""

from svct.geometry.cone import ConeBeam
from svct.geometry.fan import FanBeam
from svct.geometry.file import load_geometry, save_geometry
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
    "load_geometry",
    "save_geometry",
    "scan_from_dict",
]
