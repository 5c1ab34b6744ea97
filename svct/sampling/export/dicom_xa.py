"""The views of a rotational run on a C-arm, from its DICOM images."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from svct.errors import InputError
from svct.sampling.export.base import Exporter, ReadBack
from svct.sampling.export.header import checked_angles, expecting
from svct.sampling.schedule import Schedule

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

XA_IMAGE = "1.2.840.10008.5.1.4.1.1.12.1"
ENHANCED_XA_IMAGE = "1.2.840.10008.5.1.4.1.1.12.1.1"
RADIOFLUOROSCOPIC_IMAGE = "1.2.840.10008.5.1.4.1.1.12.2"
ANGIOGRAPHIC_3D_IMAGE = "1.2.840.10008.5.1.4.1.1.13.1.1"


class AngiographyReader(Exporter):
    """X-ray angiography with positioner angles: what was taken, to be read and not written.

    The images of XA and its successor Enhanced XA, frame by frame, and of X-Ray 3D Angiographic, whose volume names
    its projections. The primary angle tells where the detector stands: 0 before the chest, 90 degrees at the
    patient's left (PS3.3 C.8.7.5.1.2); svct's source then stands at minus that angle, seen from the head side (+z)
    with the patient's left along +x.
    """

    name = "dicom-xa"
    suffix = ".dcm"
    all_frames = True

    def text(self, schedule: Schedule) -> bytes:
        """Refuse: svct has no images to put into such a file.

        Raises:
            InputError: Always.
        """
        raise InputError(f"{self.name}: expected a format that is written, got one that is read alone; take dicom-raw")

    def read(self, path: Path) -> ReadBack:
        """Read the angles of a run, and what else the file says of it.

        Raises:
            DataFileError: The file is missing, truncated or of another class, or has no angle for every frame.
        """
        from pydicom import dcmread
        from pydicom.errors import InvalidDicomError

        with expecting(self, path):
            try:
                file = dcmread(path, stop_before_pixels=True)
            except (InvalidDicomError, EOFError) as error:
                raise ValueError(str(error)) from error
            kind = str(file.get("SOPClassUID"))
            columns: dict[str, tuple[Any, ...]]
            if kind in (XA_IMAGE, RADIOFLUOROSCOPIC_IMAGE):
                primary, columns = _by_increment(file)
            elif kind == ENHANCED_XA_IMAGE:
                primary, columns = _by_frame(file)
            elif kind == ANGIOGRAPHIC_3D_IMAGE:
                primary, columns = _by_projection(file)
            else:
                raise ValueError(f"the SOP class {kind}, no angiography")
            if len(primary) < 2 or np.ptp(primary) == 0:
                raise ValueError("a positioner that does not turn: no rotational run")
            angles = checked_angles(self, path, 0.0 - np.array(primary))
        return ReadBack(angles, None, columns, geometry=_geometry(file))


def _by_increment(file: "Dataset") -> tuple[list[float], dict[str, tuple[Any, ...]]]:
    """PS3.3 C.8.7.5.1.3: one step for all frames, or an offset from the first angle for each."""
    count = int(file.get("NumberOfFrames", 1) or 1)
    if file.get("PositionerMotion") != "DYNAMIC":
        raise ValueError(f"the positioner motion {file.get('PositionerMotion')}, not DYNAMIC")
    primary = _offset(file, "Primary", count)
    columns: dict[str, tuple[Any, ...]] = {}
    if file.get("PositionerSecondaryAngleIncrement") is not None and file.get("PositionerSecondaryAngle") is not None:
        columns["secondary_deg"] = tuple(_offset(file, "Secondary", count))
    for name, key in (("kvp", "KVP"), ("exposure_ms", "AveragePulseWidth"), ("tube_current_mA", "XRayTubeCurrent")):
        if file.get(key):
            columns[name] = (float(file[key].value),) * count
    times = file.get("FrameTimeVector")
    if times is not None and np.size(times) == count:
        columns["t_offset_s"] = tuple((np.cumsum([float(t) for t in np.atleast_1d(times)]) / 1000).tolist())
    elif file.get("FrameTime"):
        columns["t_offset_s"] = tuple((np.arange(count) * float(file.FrameTime) / 1000).tolist())
    return primary, columns


def _offset(file: "Dataset", which: str, count: int) -> list[float]:
    first = file[f"Positioner{which}Angle"].value
    given = file[f"Positioner{which}AngleIncrement"].value
    if first is None or given is None:
        raise ValueError(f"an empty {which.lower()} positioner angle")
    steps = np.atleast_1d(np.array(given, dtype=np.float64))
    if len(steps) not in (1, count):
        raise ValueError(f"{len(steps)} positioner angle increments for {count} frames")
    offsets = steps if len(steps) == count else np.arange(count) * steps
    return [float(angle) for angle in float(first) + offsets]


def _by_frame(file: "Dataset") -> tuple[list[float], dict[str, tuple[Any, ...]]]:
    """The positioner macro of each frame's functional groups (PS3.3 C.8.19.6.10)."""
    frames = [group.PositionerPositionSequence[0] for group in file.PerFrameFunctionalGroupsSequence]
    if len(frames) != int(file.NumberOfFrames):
        raise ValueError(f"functional groups of {len(frames)} frames, not of {file.NumberOfFrames}")
    return _angles(frames)


def _by_projection(file: "Dataset") -> tuple[list[float], dict[str, tuple[Any, ...]]]:
    """The projections that a volume was made from (PS3.3 C.8.21.3)."""
    (taken,) = file.XRay3DAcquisitionSequence
    primary, columns = _angles(list(taken.PerProjectionAcquisitionSequence))
    for name, key in (("kvp", "KVP"), ("tube_current_mA", "XRayTubeCurrentInmA")):
        if taken.get(key):
            columns[name] = (float(taken[key].value),) * len(primary)
    return primary, columns


def _angles(items: "list[Dataset]") -> tuple[list[float], dict[str, tuple[Any, ...]]]:
    primary = [float(item.PositionerPrimaryAngle) for item in items]
    secondary = [item.get("PositionerSecondaryAngle") for item in items]
    return primary, {} if None in secondary else {"secondary_deg": tuple(float(str(s)) for s in secondary)}


def _geometry(file: "Dataset") -> dict[str, Any] | None:
    """The cone beam, where the file tells its distances and the pixels at the detector."""
    source, detector = file.get("DistanceSourceToPatient"), file.get("DistanceSourceToDetector")
    pixels, rows, bins = file.get("ImagerPixelSpacing"), file.get("Rows"), file.get("Columns")
    if not (source and detector and pixels and rows and bins) or file.SOPClassUID == ANGIOGRAPHIC_3D_IMAGE:
        return {"kind": "cone"}
    row_mm, bin_mm = (float(size) for size in pixels)
    return {
        "kind": "cone", "rows": int(rows), "bins": int(bins), "row_mm": row_mm, "bin_mm": bin_mm,
        "source_mm": float(source), "detector_mm": float(detector) - float(source),
    }  # fmt: skip
