import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from svct.errors import BackendUnavailable, InputError, UnknownNameError
from svct.geometry import ConeBeam, FanBeam, Grid, ParallelBeam, Projector
from svct.testing import projectors

PARALLEL, GRID = ParallelBeam([0.1, 0.8, 2.0], bins=71, bin_mm=1.9), Grid(shape=(37, 53), voxel_mm=1.7)
CONE = ConeBeam([0.1, 2.0], bins=31, bin_mm=3.5, rows=27, row_mm=1.1, source_mm=90, detector_mm=50)
TILTED = ConeBeam([0.1], bins=31, bin_mm=3.5, rows=17, row_mm=3.1, source_mm=90, detector_mm=50, tilt=(0.1, 0.2, -0.1))
VOLUME = Grid(shape=(13, 21, 18), voxel_mm=1.7)


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@given(
    A=projectors(),
    batch=st.lists(st.integers(0, 3), max_size=2),
    layout=st.sampled_from(["contiguous", "transposed", "strided", "expanded", "NumPy reversed"]),
)
@settings(max_examples=60, deadline=None)
def test_any_layout_gives_the_numbers_of_a_plain_copy(A: Projector, batch: list[int], layout: str) -> None:
    for operator in (A, A.T):
        shape = (*batch, *operator.domain_shape)
        if layout == "transposed":
            data = noise(*shape[::-1]).permute(*range(len(shape))[::-1])
        elif layout == "strided":
            data = noise(*shape[:-1], 2 * shape[-1])[..., ::2]
        elif layout == "expanded":
            data = noise(*operator.domain_shape).expand(shape)
        else:
            data = noise(*shape)
        expected = operator(data.clone(memory_format=torch.contiguous_format))
        assert expected.shape == (*batch, *operator.range_shape)
        if layout == "NumPy reversed":
            reversed_ = np.ascontiguousarray(data.numpy()[..., ::-1])[..., ::-1]
            assert np.array_equal(operator(reversed_), expected.numpy())
        else:
            assert torch.equal(operator(data), expected)


@given(A=projectors(), dtype=st.sampled_from([torch.float64, torch.float16, torch.int32, torch.complex64, torch.bool]))
@settings(max_examples=20, deadline=None)
def test_another_dtype_or_shape_is_an_error(A: Projector, dtype: torch.dtype) -> None:
    for operator in (A, A.T):
        with pytest.raises(InputError, match="expected float32"):
            operator(torch.zeros(operator.domain_shape, dtype=dtype))
        with pytest.raises(InputError, match=r"expected (image|projections) of shape"):
            operator(torch.zeros(*operator.domain_shape[:-1], operator.domain_shape[-1] + 1))


def test_shapes_without_data_go_through() -> None:
    A = Projector(CONE, VOLUME)
    assert A(torch.zeros(2, *A.domain_shape, device="meta")).shape == (2, *A.range_shape)


def test_bad_input_is_named() -> None:
    A = Projector(PARALLEL, GRID)
    with pytest.raises(InputError, match=r"x: expected image of shape \(\.\.\., 37, 53\), got \(53, 37\)"):
        A(torch.zeros(53, 37))
    with pytest.raises(InputError, match="x: expected float32, got float64; convert it first"):
        A(np.zeros((37, 53)))
    with pytest.raises(InputError, match="expected a torch, NumPy or CuPy array, got list"):
        A([[0.0]])
    with pytest.raises(InputError, match=r"y: expected projections of shape"):
        A.T(torch.zeros(3, 3))
    with pytest.raises(InputError, match="expected a 2D grid"):
        Projector(PARALLEL, Grid(shape=(4, 4, 4)))
    with pytest.raises(BackendUnavailable, match="ASTRA has no 3D projector on the CPU"):
        Projector(CONE, VOLUME, "astra-cpu")
    with pytest.raises(BackendUnavailable, match=r"needs the source more than .* got 20 mm"):
        Projector(FanBeam([0.0], bins=5, source_mm=20, detector_mm=20), GRID, "astra-cpu")
    with pytest.raises(InputError, match=r"expected a curved detector of less than half a turn, pi radians, got 4\.8"):
        Projector(FanBeam([0.0], bins=12, bin_mm=4, source_mm=5, detector_mm=5, curved=True), GRID)
    with pytest.raises(InputError, match="a detector whose columns stand along z, got a tilted one"):
        Projector(TILTED, VOLUME, model="distance-driven")
    with pytest.raises(BackendUnavailable, match="model 'distance-driven' is there with backend 'native' alone"):
        Projector(PARALLEL, GRID, "astra-cpu", model="distance-driven")
    with pytest.raises(UnknownNameError, match="unknown model 'line': expected one of"):
        Projector(PARALLEL, GRID, model="line")
    with pytest.raises(UnknownNameError, match="unknown backend 'nativ': expected one of"):
        Projector(PARALLEL, GRID, backend="nativ")
