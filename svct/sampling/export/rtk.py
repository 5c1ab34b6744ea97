"""Schedules as RTK geometry files."""

import re
from pathlib import Path

import numpy as np

from svct.sampling.export.base import Exporter, ReadBack
from svct.sampling.export.header import checked_angles, commented, expecting, header, read_text, refused
from svct.sampling.export.scan import scan_of, with_rows
from svct.sampling.schedule import Schedule

MATRIX_TOLERANCE = 1e-3
"""How far RTK lets a matrix lie from the parameters of its view."""


class RtkExporter(Exporter):
    """RTK's ``ThreeDCircularProjectionGeometry``, version 3; a 2D scan becomes one detector row."""

    name = "rtk"
    suffix = ".xml"
    lost = ("loads and exposure times", "detector size", "time and mode", "provenance", "gain")
    hashed = True

    def text(self, schedule: Schedule) -> str:
        """Return the file's content."""
        from svct.geometry.convert.rtk import to_rtk

        lines = header(self, schedule, meaning="GantryAngle deg, lengths mm")
        comment = f"<!--\n{commented(lines, '')}-->"
        return to_rtk(with_rows(scan_of(self, schedule))).replace(
            "<!DOCTYPE RTKGEOMETRY>", f"<!DOCTYPE RTKGEOMETRY>\n{comment}", 1
        )

    def read(self, path: Path) -> ReadBack:
        """Read an RTK geometry file.

        Raises:
            DataFileError: The file is missing, truncated or of another format, or a matrix is not that of its view.
        """
        from svct.geometry.convert.rtk import ROOT, read_views

        text = read_text(self, path)
        stated = dict(re.findall(r"^(sha256|views): (\w+)$", text, flags=re.M))
        with expecting(self, path):
            views, _ = read_views(text)
            matrices = re.findall(r"<Matrix>([^<]*)</Matrix>", text)
            if len(matrices) != len(views):
                raise ValueError(f"{len(views)} views and {len(matrices)} matrices")
            for i, (view, matrix) in enumerate(zip(views, matrices, strict=True)):
                given = np.array(matrix.split(), dtype=np.float64).reshape(3, 4)
                if not np.abs(given - view.matrix()).max() <= MATRIX_TOLERANCE:
                    raise ValueError(f"the matrix of view {i} is not that of its angle")
        if f"</{ROOT}>" not in text:
            raise refused(self, path, "got no end of the geometry")
        angles = checked_angles(self, path, [view.GantryAngle for view in views], stated.get("views"))
        return ReadBack(angles, stated.get("sha256"))
