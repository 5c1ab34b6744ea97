import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from svct.errors import InputError
from svct.geometry import ConeBeam, FanBeam, Helical, ParallelBeam, Scan, VectorBeam

ANGLES = np.array([0.0, 0.5, 1.0, 4.5, -0.3, 7.0])
CONE: dict[str, Any] = {"rows": 4, "bins": 9, "row_mm": 1.5, "bin_mm": 2.0, "source_mm": 500, "detector_mm": 300}


def detector_points(scan: Scan) -> NDArray[np.float64]:
    """Where every bin of the middle of the rows lies, from the rule in `Scan.vectors`, ``(views, bins, axes)``."""
    first, centre, step, *rows = np.moveaxis(scan.vectors.reshape(len(scan), -1, scan.ndim), 1, 0)
    along = np.arange(scan.detector_shape[-1]) - (scan.detector_shape[-1] - 1) / 2
    if not scan.curved:
        return np.asarray(centre[:, None] + along[:, None] * step[:, None])
    out = centre - first
    if rows:
        axis = rows[0] / np.linalg.norm(rows[0], axis=1, keepdims=True)
        out = out - (out * axis).sum(axis=1, keepdims=True) * axis
    radius = np.linalg.norm(out, axis=1)
    pitch = np.linalg.norm(step, axis=1)
    angle = (along * (pitch / radius)[:, None])[..., None]
    turned = np.cos(angle) * out[:, None] + np.sin(angle) * (step * (radius / pitch)[:, None])[:, None]
    return np.asarray(centre[:, None] - out[:, None] + turned)


def test_vectors_mean_what_they_do_in_astra() -> None:
    import astra

    pairs = [
        (ParallelBeam(ANGLES, bins=9, bin_mm=2.0), ("parallel", 2.0, 9, ANGLES)),
        (FanBeam(ANGLES, bins=9, bin_mm=2.0, source_mm=500, detector_mm=300), ("fanflat", 2.0, 9, ANGLES, 500, 300)),
        (ParallelBeam(ANGLES, rows=4, bins=9, bin_mm=2.0, row_mm=1.5), ("parallel3d", 2.0, 1.5, 4, 9, ANGLES)),
        (ConeBeam(ANGLES, **CONE), ("cone", 2.0, 1.5, 4, 9, ANGLES, 500, 300)),
        (Helical(ANGLES, **CONE, pitch_mm=0), ("cone", 2.0, 1.5, 4, 9, ANGLES, 500, 300)),
    ]
    for scan, geometry in pairs:
        expected = astra.geom_2vec(astra.create_proj_geom(*geometry))["Vectors"]
        assert np.allclose(scan.vectors, expected, rtol=0, atol=1e-12)
        assert np.allclose(VectorBeam(expected, bins=9, rows=4 if scan.ndim == 3 else None).vectors, scan.vectors)


@pytest.mark.parametrize("divergent", [False, True])
@pytest.mark.parametrize("rows", [None, 4])
def test_angles_of_vectors_are_those_of_astra(divergent: bool, rows: int | None) -> None:
    wrapped = np.arctan2(np.sin(ANGLES), np.cos(ANGLES))
    scan: Scan
    if divergent:
        scan = ConeBeam(ANGLES, **CONE) if rows else FanBeam(ANGLES, bins=9, source_mm=500, detector_mm=300)
    else:
        scan = ParallelBeam(ANGLES, bins=9, rows=rows)
    beam = VectorBeam(scan.vectors, bins=9, rows=rows, divergent=divergent)
    assert np.allclose(beam.angles, wrapped)


@pytest.mark.parametrize("offset", [-7.0, 0.5])
def test_offset_along_the_detector(offset: float) -> None:
    flat = FanBeam(ANGLES, bins=9, bin_mm=0.5, source_mm=500, detector_mm=300, offset_mm=offset)
    centred = FanBeam(ANGLES, bins=9 + 28, bin_mm=0.5, source_mm=500, detector_mm=300)
    first = 14 + round(offset / 0.5)
    assert np.allclose(detector_points(flat), detector_points(centred)[:, first : first + 9])
    curved = FanBeam(ANGLES, bins=9, bin_mm=0.5, source_mm=500, detector_mm=300, offset_mm=offset, curved=True)
    centred = FanBeam(ANGLES, bins=9 + 28, bin_mm=0.5, source_mm=500, detector_mm=300, curved=True)
    assert np.allclose(detector_points(curved), detector_points(centred)[:, first : first + 9])


def test_curved_cone_bins_lie_on_the_cylinder_at_equal_angles() -> None:
    scan = ConeBeam(ANGLES, **CONE, curved=True, offset_mm=(30.0, 5.0), tilt=(0.2, 0.1, 0.0), source_shift_mm=(1, 2, 3))
    _, centre, step, row = np.moveaxis(scan.vectors.reshape(-1, 4, 3), 1, 0)
    source = scan.vectors[:, :3]
    axis = row / 1.5
    out = centre - source - ((centre - source) * axis).sum(axis=1, keepdims=True) * axis
    assert np.allclose((step * axis).sum(axis=1), 0)
    assert np.allclose((step * out).sum(axis=1), 0, atol=1e-9)
    assert np.allclose(np.linalg.norm(step, axis=1), 2.0)
    rays = detector_points(scan) - (source + ((centre - source) * axis).sum(axis=1, keepdims=True) * axis)[:, None]
    radius = np.linalg.norm(rays, axis=2)
    assert np.allclose(radius, radius[:, :1])
    between = np.arccos(((rays[:, 1:] * rays[:, :-1]).sum(axis=2) / radius[:, 1:] ** 2).clip(-1, 1))
    assert np.allclose(between, 2.0 / radius[:, :1], atol=1e-6)


def test_a_curved_detector_turned_flat_is_the_same_at_its_middle() -> None:
    flat, curved = ConeBeam(ANGLES, **CONE), ConeBeam(ANGLES, **CONE, curved=True)
    assert np.allclose(flat.vectors, curved.vectors)


def test_tilts() -> None:
    for tilt, bins, rows in [
        ((math.pi / 2, 0, 0), [0, 0, 2], [-1.5, 0, 0]),
        ((0, math.pi / 2, 0), [2, 0, 0], [0, -1.5, 0]),  # the last row towards the source, at y = -500
        ((0, 0, math.pi / 2), [0, 2, 0], [0, 0, 1.5]),  # the last bin away from the source
        ((math.pi / 2, math.pi / 2, 0), [0, 0, 2], [0, -1.5, 0]),
    ]:
        vector = ConeBeam([0.0], **CONE, tilt=tilt).vectors[0]
        assert np.allclose(vector[6:], [*bins, *rows])
        assert np.allclose(vector[:6], [0, -500, 0, 0, 300, 0])
    assert np.allclose(
        FanBeam([0.0], bins=3, source_mm=5, detector_mm=3, tilt=math.pi / 2).vectors[0], [0, -5, 0, 3, 0, 1]
    )


def test_flying_focal_spot() -> None:
    scan = ConeBeam(np.zeros(5), **CONE, source_shift_mm=[(1, 2, 3), (-1, 0, 0)])
    assert scan.source_shift_mm == ((1, 2, 3), (-1, 0, 0), (1, 2, 3), (-1, 0, 0), (1, 2, 3))
    assert np.allclose(scan.vectors[:2, :3], [[1, -502, 3], [-1, -500, 0]])
    assert np.allclose(scan.vectors[:, 3:], ConeBeam(np.zeros(5), **CONE).vectors[:, 3:])
    fan = FanBeam([0.0, math.pi / 2], bins=3, source_mm=500, detector_mm=300, source_shift_mm=[(1, 2)])
    assert np.allclose(fan.vectors[:, :2], [[1, -502], [502, 1]])


def test_helix() -> None:
    angles = np.linspace(2.0, 2.0 + 6 * math.pi, 7)
    scan = Helical(angles, **CONE, pitch_mm=10)
    assert np.allclose(scan.vectors[:, 2], np.linspace(-15, 15, 7))
    assert np.allclose(scan.vectors[:, 5], scan.vectors[:, 2])
    assert np.allclose(Helical(angles, **CONE, pitch_mm=10, start_z_mm=0).vectors[0, 2], 10 / math.pi)


LEARNT = [
    (ParallelBeam(ANGLES, bins=9, offset_mm=0.3), {}),
    (ParallelBeam(ANGLES, bins=9, rows=3, offset_mm=(0.3, 0.1)), {"bin_mm": (), "row_mm": ()}),
    (FanBeam(ANGLES, bins=9, source_mm=500, detector_mm=300, tilt=0.1), {"source_mm": (6,), "source_shift_mm": (6, 2)}),
    (FanBeam(ANGLES, bins=9, source_mm=500, detector_mm=300, curved=True, offset_mm=9.0), {"source_mm": ()}),
    (ConeBeam(ANGLES, **CONE), {"offset_mm": (6, 2), "tilt": (3,), "detector_mm": (6,)}),
    (ConeBeam(ANGLES, **CONE, curved=True), {"offset_mm": (2,), "tilt": (6, 3), "source_shift_mm": (3,)}),
    (Helical(ANGLES, **CONE, pitch_mm=5), {"pitch_mm": (), "start_z_mm": (6,)}),
    (VectorBeam([[0, -500, 0, 300, 2, 0], [500, 0, -300, 0, 0.1, 2]], bins=9), {"table": (2, 6)}),
]


@pytest.mark.parametrize(("scan", "shapes"), LEARNT, ids=[s.kind for s, _ in LEARNT])
def test_differentiable_in_every_field(scan: Scan, shapes: dict[str, tuple[int, ...]]) -> None:
    names = [name for name in scan.adjustable if getattr(scan, name) is not None]
    own = [scan._spread(name, None) for name in names]
    given = [
        (value if name not in shapes else value.flatten()[: math.prod(shapes[name])].reshape(shapes[name]))
        .clone()
        .requires_grad_()
        for name, value in zip(names, own, strict=True)
    ]
    same = [value.clone().requires_grad_() for value in own]
    assert np.allclose(scan.vectors_at(**dict(zip(names, same, strict=True))).detach(), scan.vectors)
    assert torch.autograd.gradcheck(lambda *v: scan.vectors_at(**dict(zip(names, v, strict=True))), given, atol=1e-4)


@given(st.floats(100, 900), st.floats(0, 900), st.floats(0.1, 3), st.floats(-20, 20))
def test_values_given_at_call_are_those_of_the_fields(
    source_mm: float, detector_mm: float, bin_mm: float, offset_mm: float
) -> None:
    values = {"source_mm": source_mm, "detector_mm": detector_mm, "bin_mm": bin_mm}
    base = ConeBeam(ANGLES, **CONE)
    moved = ConeBeam(ANGLES, **{**CONE, **values}, offset_mm=offset_mm)
    assert np.array_equal(base.vectors_at(**values, offset_mm=[offset_mm, 0.0]).numpy(), moved.vectors)


def test_vectors_at_says_what_it_takes() -> None:
    fan = FanBeam(ANGLES, bins=9, source_mm=500, detector_mm=300)
    with pytest.raises(InputError, match=r"expected values of angles, bin_mm, source_mm, .* got one of bins"):
        fan.vectors_at(bins=3)
    with pytest.raises(InputError, match=r"angles: expected shape \(6,\), got \(5,\)"):
        fan.vectors_at(angles=torch.zeros(5))
    with pytest.raises(InputError, match=r"source_mm: expected shape \(\) or \(6,\), got \(2,\)"):
        fan.vectors_at(source_mm=torch.zeros(2))
    with pytest.raises(InputError, match="source_mm: expected numbers, got 'far'"):
        fan.vectors_at(source_mm="far")
    with pytest.raises(InputError, match="expected values of angles, bin_mm, offset_mm, got one of row_mm"):
        ParallelBeam(ANGLES, bins=3).vectors_at(row_mm=1.0)
