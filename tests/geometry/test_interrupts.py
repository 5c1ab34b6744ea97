from typing import Any

import pytest
import torch

from svct.geometry import ConeBeam, FanBeam, Grid, Projector

FAN = Projector(FanBeam([0.0, 1.0], bins=9, source_mm=60, detector_mm=40), Grid((8, 8)))
CONE = Projector(
    ConeBeam([0.0, 1.0], rows=4, bins=9, row_mm=1, bin_mm=1, source_mm=60, detector_mm=40), Grid((3, 8, 8))
)


@pytest.mark.parametrize("A", [FAN, CONE], ids=["fan", "cone"])
def test_no_python_code_runs_where_an_interrupt_would_be_dropped(A: Projector, monkeypatch: pytest.MonkeyPatch) -> None:
    handed_over: list[torch.Size] = []
    own = torch.Tensor.__dlpack__

    def watch(self: torch.Tensor, **options: Any) -> Any:  # in which nanobind would drop a KeyboardInterrupt
        handed_over.append(self.shape)
        return own(self, **options)

    monkeypatch.setattr(torch.Tensor, "__dlpack__", watch)
    x = torch.ones(A.domain_shape, requires_grad=True)
    angles = torch.tensor([0.0, 1.0], dtype=torch.float64, requires_grad=True)
    A.T(A.at(angles=angles)(x)).sum().backward()
    assert x.grad is not None
    assert angles.grad is not None
    assert not handed_over
