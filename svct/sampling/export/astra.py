"""Schedules as ASTRA's vectors."""

import io
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from svct.errors import InputError
from svct.sampling.export.base import Exporter, ReadBack
from svct.sampling.export.header import checked_angles, expecting
from svct.sampling.export.scan import scan_of
from svct.sampling.schedule import INTENT, Schedule

COLUMNS = {"parallel_vec": 6, "fanflat_vec": 6, "parallel3d_vec": 12, "cone_vec": 12}
"""Numbers per view of each type."""

ROUNDING = 1e-6
"""How far, relative to the longest, a number may lie from where the circle puts it."""


class AstraExporter(Exporter):
    """NumPy's ``.npz`` with the arguments of ``astra.create_proj_geom``: ``type``, ``shape``, ``vectors`` in mm.

    Open it with ``f = numpy.load(path)`` and ``astra.create_proj_geom(str(f["type"]), *map(int, f["shape"]),
    f["vectors"])``. Angles are read from the rays or the sources in the vectors, modulo 360 degrees.
    """

    name = "astra"
    suffix = ".npz"
    lost = ("loads and exposure times", "time and mode", "provenance", "gain")
    hashed = True

    def text(self, schedule: Schedule) -> bytes:
        """Return the file's content.

        Raises:
            InputError: ASTRA has no vectors for this scan.
        """
        scan = scan_of(self, schedule)
        kind = {(2, False): "parallel_vec", (2, True): "fanflat_vec", (3, False): "parallel3d_vec"}.get(
            (scan.ndim, scan.divergent), "cone_vec"
        )
        if scan.curved or np.any(getattr(scan, "source_shift_mm", 0.0)):
            raise InputError("astra: expected a flat detector and no source_shift_mm, got another; see the format rtk")
        out = io.BytesIO()
        np.savez(
            out,
            type=np.array(kind),
            shape=np.array(scan.detector_shape),
            vectors=scan.vectors,
            unit=np.array("mm"),
            views=np.array(len(scan.vectors)),
            sha256=np.array(schedule.sha256),
            intent=np.array(INTENT),
            lost=np.array(self.lost_of(schedule)),
        )
        return out.getvalue()

    def read(self, path: Path) -> ReadBack:
        """Read a file of ASTRA vectors: one of this format, or ``.npy`` with the vectors alone.

        Raises:
            DataFileError: The file is missing, truncated or of another format.
        """
        with expecting(self, path), path.open("rb") as stream:
            content = _load(stream.read())
            vectors = content["vectors"]
            if vectors.ndim != 2 or vectors.shape[1] != COLUMNS.get(str(content["type"]), vectors.shape[1]):
                raise ValueError(f"vectors of shape {vectors.shape} for the type {content['type']}")
            if vectors.shape[1] not in COLUMNS.values() or vectors.dtype.kind != "f":
                raise ValueError(
                    f"vectors of shape {vectors.shape} and type {vectors.dtype}; ASTRA has 6 or 12 columns"
                )
            if str(content["unit"]) != "mm":
                raise ValueError(f"unit {content['unit']}, not mm")
            if not np.isfinite(vectors).all():
                raise ValueError("NaN or infinity in the vectors")
            views = int(content["views"]) if "views" in content else None
            towards = vectors[:, :2]
            if not np.linalg.norm(towards, axis=1).min() > 0:
                raise ValueError("a ray or source without direction")
            _require_circle(vectors, towards)
        angles = np.rad2deg(np.arctan2(towards[:, 0], -towards[:, 1]))
        sha256 = str(content["sha256"]) if "sha256" in content else None
        return ReadBack(checked_angles(self, path, angles, views), sha256)


def _require_circle(vectors: NDArray[np.float64], towards: NDArray[np.float64]) -> None:
    """Check that source, detector and bins turn together: all views are the first, turned about the axis.

    Raises:
        ValueError: They are not; shifts along the axis do not count.
    """
    cosine, sine = (towards / np.linalg.norm(towards, axis=1, keepdims=True)).T[..., None]
    parts = vectors.reshape(len(vectors), -1, 2 if vectors.shape[1] == 6 else 3)
    x, y = parts[..., 0], parts[..., 1]
    turned = np.stack([cosine * x + sine * y, cosine * y - sine * x])
    apart = np.abs(turned - turned[:, :1]).max(axis=(0, 2))
    if apart.max() > ROUNDING * np.abs(parts).max():
        raise ValueError(f"vectors that do not lie on a circle, in view {int(apart.argmax())}")


def _load(data: bytes) -> dict[str, np.ndarray]:
    """Return the arrays of an ``.npz``, or the only one of an ``.npy``, which says no more."""
    try:
        found = np.load(io.BytesIO(data), allow_pickle=False)
        if isinstance(found, np.ndarray):
            return {"vectors": found, "type": np.array(""), "unit": np.array("mm")}
        return {name: found[name] for name in found.files}
    except (zipfile.BadZipFile, EOFError) as error:
        raise ValueError(str(error)) from error
