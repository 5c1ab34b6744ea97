import pytest
import torch
from jaxtyping import TypeCheckError

from svct.geometry import Grid, ParallelBeam, Projector
from svct.physics import Acquisition
from svct.recon import UnrolledNet, fbp
from svct.recon.filters import filter_projections
from svct.sampling.trial import Trial

A = Projector(ParallelBeam([0.0, 1.0, 2.0], bins=9), Grid(shape=(8, 8)))


def test_projections_without_a_view_axis_are_caught() -> None:
    assert filter_projections(torch.zeros(2, 3, 9), 1.0).shape == (2, 3, 9)
    with pytest.raises(TypeCheckError, match=r"(?s)filter_projections.*'y'.*batch view col"):
        filter_projections(torch.zeros(9), 1.0)


def test_weights_with_an_axis_too_many_are_caught() -> None:
    y, weights = torch.zeros(1, 3, 9), torch.ones(3, 1)
    for reconstruct in (fbp, UnrolledNet(unrolls=1, width=4)):
        reconstruct(y, A, view_weights=weights[:, 0])
        with pytest.raises(TypeCheckError, match="view_weights"):
            reconstruct(y, A, view_weights=weights)


def test_axes_of_one_name_must_agree() -> None:
    net = UnrolledNet(unrolls=1, width=4)
    with pytest.raises(TypeCheckError, match="patient view col"):
        Trial(torch.zeros(4, 8, 8), torch.zeros(5, 3, 9), A, net, Acquisition(), 0)
