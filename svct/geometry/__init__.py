"""Grids, scan geometries and the projector between them."""

from svct.geometry.fan import FanBeam
from svct.geometry.grid import Grid
from svct.geometry.parallel import ParallelBeam
from svct.geometry.projector import Adjoint, Projector
from svct.geometry.scan import Scan, scan_from_dict

__all__ = ["Adjoint", "FanBeam", "Grid", "ParallelBeam", "Projector", "Scan", "scan_from_dict"]
