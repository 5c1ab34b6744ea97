"""Schedules from files that carry angles, such as those of a scan that was really made."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from svct.errors import DataFileError, InputError, SvctError, unknown_name
from svct.files import system_reason
from svct.sampling.columns import COLUMNS
from svct.sampling.device import Device
from svct.sampling.export.base import Exporter, ReadBack
from svct.sampling.export.dicom_xa import AngiographyReader
from svct.sampling.export.run import exporter
from svct.sampling.schedule import Schedule

IMPORTS = {
    "nxtomo": (".nx", ".nxs", ".h5", ".hdf5"),
    "data-exchange": (".h5", ".hdf5"),
    "rtk": (".xml",),
    "astra": (".npz",),
    "ctsimu": (".json",),
    "json": (".json",),
    "dicom-raw": (".dcm",),
    "dicom-xa": (".dcm", ""),
    "csv": (".csv", ".txt"),
    "tomoscan-step": (".npy",),
}
"""Formats whose files can be read when svct did not write them, with the endings they go by."""


def import_schedule(
    path: str | os.PathLike[str],
    *,
    fmt: str | None = None,
    geometry: Mapping[str, Any] | None = None,
    task: str = "imported",
    device: Device | None = None,
    repeat: bool = False,
) -> Schedule:
    """Read the views of a file as a schedule.

    Args:
        path: The file.
        fmt: Its format. Default: by its ending, whichever of `IMPORTS` can read it.
        geometry: The scan without its angles. Default: what the file says of it, else a parallel beam.
        task: The task that the schedule names.
        device: The device whose axis positions the file holds. Default: beamline formats hold angles of a sample, which
            are minus the source's.
        repeat: Whether views may share an angle.

    Returns:
        The schedule within, where svct put a whole one into the file; otherwise a new one, whose provenance names the
        file.

    Raises:
        UnknownNameError: No format of this name can be read.
        DataFileError: The file is missing, or none of the formats it may be of.
        InputError: A view occurs twice, or values are impossible.
    """
    back, found = _read(Path(path), fmt, device)
    if back.whole is not None:
        return back.whole
    if back.angles_deg is None:
        raise InputError(f"{path}: expected a format with angles, got {found}")
    scan = dict(geometry or back.geometry or {"kind": "parallel"})
    columns: dict[str, Any] = {name: values for name, values in back.columns.items() if name in COLUMNS}
    kinds = columns.get("frame") or ("projection",) * len(back.angles_deg)
    projections = [i for i, kind in enumerate(kinds) if kind == "projection"]
    loads = np.array(back.columns.get("relative_load", ()), dtype=np.float64)
    if loads.size and projections:
        loads /= loads[projections].mean()
    try:
        return Schedule(
            angles_deg=back.angles_deg,
            geometry=scan,
            task=task,
            budget=len(projections),
            candidates=len(projections),
            method="imported",
            relative_load=tuple(loads.tolist()),
            provenance={"imported_from": Path(path).name, "format": found, "file_sha256": _digest(Path(path))},
            parent_sha256=back.sha256,
            repeat=repeat,
            **columns,
        )
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _read(path: Path, fmt: str | None, device: Device | None) -> tuple[ReadBack, str]:
    if fmt is not None:
        if fmt not in IMPORTS:
            raise unknown_name("format to import", fmt, list(IMPORTS))
        return _reader(fmt, device).read(path), fmt
    likely = [name for name, some in IMPORTS.items() if path.suffix.lower() in some]
    if not path.is_file() or not likely:
        endings = sorted({ending for some in IMPORTS.values() for ending in some if ending})
        raise DataFileError(
            f"{path}: expected a file that ends in {', '.join(endings)}, "
            f"got {'another ending' if path.is_file() else 'no file'}; name its format, one of {', '.join(IMPORTS)}"
        )
    reasons = []
    for name in likely:
        try:
            return _reader(name, device).read(path), name
        except SvctError as error:
            reasons.append(f"{name}: {error}")
    raise DataFileError(
        f"{path}: expected one of the formats {', '.join(likely)}, got none of them; {'; '.join(reasons)}"
    )


def _reader(name: str, device: Device | None) -> Exporter:
    return AngiographyReader(device) if name == AngiographyReader.name else exporter(name, device)


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DataFileError(f"{path}: could not be read ({system_reason(error)})") from error
