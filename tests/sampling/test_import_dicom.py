"""Angles of rotational runs from DICOM angiography."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from svct.cli.main import run
from svct.errors import DataFileError
from svct.geometry import scan_from_dict
from svct.sampling import Schedule
from svct.sampling.export.imports import import_schedule

XA, ENHANCED, VOLUME = ("1.2.840.10008.5.1.4.1.1." + tail for tail in ("12.1", "12.1.1", "13.1.1"))


def made(folder: Path, sop_class: str = XA, **changes: Any) -> Path:
    """A run of four frames from RAO to LAO, with the changes asked for; None takes an element out."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = UID(sop_class), UID("1.2.3.4")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    values: dict[str, Any] = {
        "SOPClassUID": sop_class, "SOPInstanceUID": "1.2.3.4", "NumberOfFrames": 4, "Rows": 8, "Columns": 6,
        "ImagerPixelSpacing": [0.6, 0.4], "DistanceSourceToPatient": 750.0, "DistanceSourceToDetector": 1200.0,
        "PositionerMotion": "DYNAMIC", "PositionerPrimaryAngle": -90.0, "PositionerSecondaryAngle": 5.0,
        "PositionerPrimaryAngleIncrement": [0.0, 31.5, 60.0, 180.0], "PositionerSecondaryAngleIncrement": [0.0] * 4,
        "KVP": 90.0, "AveragePulseWidth": 8.0, "XRayTubeCurrent": 250, "FrameTime": 33.0,
    }  # fmt: skip
    for name, value in {**values, **changes}.items():
        if value is not None:
            setattr(file, name, value)
    path = folder / "run.dcm"
    file.save_as(path, enforce_file_format=True)
    return path


def items(angles: list[float], name: str | None = None) -> list[Dataset]:
    found = []
    for angle in angles:
        inner = Dataset()
        inner.PositionerPrimaryAngle, inner.PositionerSecondaryAngle = angle, 0.0
        outer = inner
        if name is not None:
            outer = Dataset()
            setattr(outer, name, [inner])
        found.append(outer)
    return found


def test_a_run_frame_by_frame(tmp_path: Path) -> None:
    found = import_schedule(made(tmp_path))
    assert found.angles_deg == pytest.approx((90.0, 58.5, 30.0, -90.0))
    assert found.secondary_deg == (5.0,) * 4
    assert found.exposure_mAs == pytest.approx((2.0,) * 4)
    assert found.kvp == (90.0,) * 4
    assert found.t_offset_s == pytest.approx((0.0, 0.033, 0.066, 0.099))
    assert found.provenance["format"] == "dicom-xa"
    # The detector starts at the patient's right, -x, and ends at the left; the rays start opposite.
    scan = scan_from_dict({**found.geometry, "angles": np.deg2rad(found.angles_deg).tolist()})
    assert scan.detector_shape == (8, 6)
    assert scan.vectors[0, :3] == pytest.approx([750, 0, 0], abs=1e-9)
    assert scan.vectors[3, 3:6] == pytest.approx([450, 0, 0], abs=1e-9)


def test_one_step_for_all_frames(tmp_path: Path) -> None:
    found = import_schedule(made(tmp_path, PositionerPrimaryAngleIncrement=1.5, PositionerSecondaryAngleIncrement=0.0))
    assert found.angles_deg == pytest.approx((90.0, 88.5, 87.0, 85.5))


def test_enhanced_images_and_the_projections_of_a_volume(tmp_path: Path) -> None:
    frames = items([-90.0, -30.0, 0.0, 45.5], "PositionerPositionSequence")
    found = import_schedule(made(tmp_path, ENHANCED, PerFrameFunctionalGroupsSequence=frames))
    assert found.angles_deg == pytest.approx((90.0, 30.0, 0.0, -45.5))
    taken = Dataset()
    taken.PerProjectionAcquisitionSequence, taken.KVP = items([10.0, 20.0]), 80.0
    found = import_schedule(made(tmp_path, VOLUME, XRay3DAcquisitionSequence=[taken]), fmt="dicom-xa")
    assert found.angles_deg == pytest.approx((-10.0, -20.0))
    assert found.kvp == (80.0, 80.0)
    assert found.geometry == {"kind": "cone"}


def test_by_the_command_without_an_ending(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = made(tmp_path).rename(tmp_path / "IM0001")
    assert run(["schedule", "import", str(path), "--out", str(tmp_path / "s.json")]) == 0
    assert "4 views, cone geometry, method imported" in capsys.readouterr().err
    assert len(Schedule.load(tmp_path / "s.json").angles_deg) == 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"PositionerMotion": "STATIC"}, "the positioner motion STATIC, not DYNAMIC"),
        ({"PositionerPrimaryAngleIncrement": [0.0, 1.0, 2.0]}, "3 positioner angle increments for 4 frames"),
        ({"PositionerPrimaryAngleIncrement": [0.0] * 4}, "a positioner that does not turn"),
        ({"PositionerPrimaryAngleIncrement": None}, "got none of"),
        ({"PositionerPrimaryAngle": ""}, "an empty primary positioner angle"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, "no angiography"),
    ],
)
def test_what_is_no_rotational_run(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=said):
        import_schedule(made(tmp_path, **changes))


def test_a_view_twice_needs_to_be_asked_for(tmp_path: Path) -> None:
    path = made(tmp_path, PositionerPrimaryAngleIncrement=[0.0, 1.0, 0.0, 1.0])
    with pytest.raises(ValueError, match="expected different angles"):
        import_schedule(path)
    assert len(import_schedule(path, repeat=True).angles_deg) == 4
