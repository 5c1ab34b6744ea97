"""Formats that schedules are written in."""

from svct.sampling.export.base import Exporter, ReadBack
from svct.sampling.export.run import export, exporter, format_names, read_back

__all__ = ["Exporter", "ReadBack", "export", "exporter", "format_names", "read_back"]
