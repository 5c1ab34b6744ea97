import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from svct.errors import InputError
from svct.geometry import ConeBeam, FanBeam, Helical, ParallelBeam, Scan, VectorBeam
from svct.geometry.convert.rtk import from_rtk, to_rtk

ANGLES = [0.0, 0.5, 1.0, 4.5, 2.0]
DETECTOR: dict[str, Any] = {"rows": 4, "bins": 9, "row_mm": 1.5, "bin_mm": 2.0}
CONE: dict[str, Any] = {**DETECTOR, "source_mm": 500.0, "detector_mm": 300.0}
SCANS: list[tuple[Scan, str]] = [
    (ParallelBeam(ANGLES, **DETECTOR, offset_mm=(3.0, -1.0)), "parallel"),
    (ConeBeam(ANGLES, **CONE), "cone"),
    (ConeBeam(ANGLES, **CONE, offset_mm=(3.0, -1.0), tilt=0.1), "cone"),
    (ConeBeam(ANGLES, **CONE, offset_mm=(30.0, -1.0), tilt=-0.1, curved=True), "cone"),
    (ConeBeam(ANGLES, **CONE, tilt=(0.3, 0.2, -0.1), source_shift_mm=((1, 2, 3), (0, 0, 0))), "vector"),
    (ConeBeam(ANGLES, **CONE, tilt=(0.0, 0.2, 0.0), offset_mm=(30.0, 2.0), curved=True), "vector"),
    (Helical(ANGLES, **CONE, pitch_mm=20), "vector"),
    (Helical(ANGLES, **CONE, pitch_mm=20, curved=True), "vector"),
    (VectorBeam([[0, 0, -500, 0, 0, 300, 0, 2, 0, 1.5, 0, 0]], rows=4, bins=9), "vector"),
]


@pytest.mark.parametrize(("scan", "kind"), SCANS)
def test_round_trips(scan: Scan, kind: str) -> None:
    back = from_rtk(to_rtk(scan), **DETECTOR)
    assert back.kind == kind
    assert (back.divergent, back.curved, back.detector_shape) == (scan.divergent, scan.curved, scan.detector_shape)
    assert np.allclose(back.vectors, scan.vectors, rtol=0, atol=1e-7)
    assert np.allclose(back.angles, scan.angles) or kind == "vector"


shift = st.floats(-100, 100)
turn = st.floats(-1, 1)


@given(st.floats(-7, 7), st.tuples(shift, shift), st.tuples(turn, turn, turn), st.tuples(shift, shift, shift))
def test_any_flat_view(
    angle: float, offset: tuple[float, float], tilt: tuple[float, float, float], moved: tuple[float, float, float]
) -> None:
    scan = ConeBeam([angle], **CONE, offset_mm=offset, tilt=tilt, source_shift_mm=moved)
    assert np.allclose(from_rtk(to_rtk(scan), **DETECTOR).vectors, scan.vectors, rtol=0, atol=1e-6)


def test_a_file_of_rtk() -> None:
    text = """<?xml version="1.0"?>
    <!DOCTYPE RTKGEOMETRY>
    <RTKThreeDCircularGeometry version="3">
        <SourceToIsocenterDistance>500</SourceToIsocenterDistance>
        <SourceToDetectorDistance>800</SourceToDetectorDistance>
        <ProjectionOffsetX>2.5</ProjectionOffsetX>
        <Projection><GantryAngle>0</GantryAngle><Matrix>ignored</Matrix></Projection>
        <Projection><GantryAngle>90</GantryAngle></Projection>
    </RTKThreeDCircularGeometry>"""
    scan = ConeBeam([0.0, math.pi / 2], **CONE, offset_mm=2.5)
    assert from_rtk(text, **DETECTOR) == scan
    assert from_rtk(text, **DETECTOR, origin_mm=(-8.0, -2.25)) == scan
    assert from_rtk(text, **DETECTOR, origin_mm=(0.0, 0.0)) == ConeBeam(scan.angles, **CONE, offset_mm=(10.5, 2.25))


@pytest.mark.parametrize(
    ("scan", "message"),
    [
        (FanBeam([0.0], bins=3, source_mm=5, detector_mm=3), "expected a 3D scan, got a 2D one"),
        (VectorBeam([[0, -5, 0, 0, 3, 0, 1, 0, 0, 1, 0, 1]], rows=2, bins=2), "bins and rows at right angles"),
        (VectorBeam([[0, -5, 0, 0, 3, 0, -1, 0, 0, 0, 0, 1]], rows=2, bins=2), "seen from the source, got a mirrored"),
        (
            VectorBeam([[0, -5, 0, 0, 3, 0, -1, 0, 0, 0, 0, 1]], rows=2, bins=2, curved=True),
            "seen from the source, got a mirrored",
        ),
        (
            VectorBeam([[1, -1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]], rows=2, bins=2, divergent=False),
            "parallel rays at right angles to the detector",
        ),
        (
            VectorBeam([[0, -5, 0, 0, 3, 0, s, 0, 0, 0, 0, 1] for s in (1, 2)], rows=2, bins=2),
            "expected bin_mm to be the same in all views, got 1 to 2 mm",
        ),
        (
            VectorBeam([[0, -s, 0, 0, 3, 0, 1, 0, 0, 0, 0, 1] for s in (4, 5)], rows=2, bins=2, curved=True),
            "the radius of the curved detector to be the same in all views, got 7 to 8 mm",
        ),
    ],
)
def test_what_rtk_has_not(scan: Scan, message: str) -> None:
    with pytest.raises(InputError, match=message):
        to_rtk(scan)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected an RTK geometry in XML, got text that is not XML"),
        ("<a/>", "expected an element RTKThreeDCircularGeometry of version 2 or 3, got a None"),
        ('<RTKThreeDCircularGeometry version="3"/>', "expected at least one Projection, got none"),
        (to_rtk(SCANS[1][0]).replace("500.0<", "far<"), "a finite number as SourceToIsocenterDistance, got 'far'"),
        (to_rtk(SCANS[3][0]).replace("Detector>800.0<", "Detector>700.0<"), "centred on the source, got radius 700 mm"),
    ],
)
def test_files_that_are_none(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_rtk(text, **DETECTOR)
