from pathlib import Path

import pytest
import torch

from svct.bench.calibration import LEVELS, calibrate, plot_calibration, table
from svct.geometry import Projector
from svct.tasks import load_task


class Known(torch.nn.Module):
    """Stands for a head: its errors are drawn from the distribution that its bars tell, times a factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor
        self.truth = load_task("head").cohort.images(load_task("head").cohort.split("test")[:4])

    def forward(self, y: torch.Tensor, A: Projector) -> tuple[torch.Tensor, torch.Tensor]:
        torch.manual_seed(0)
        scale = 1e-4 * (1 + torch.rand_like(self.truth))
        noise = torch.distributions.Laplace(0.0, 1.0).sample(self.truth.shape)
        return self.truth + self.factor * scale * noise, 2**0.5 * scale


@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_bars_are_found_right_or_wrong(factor: float, tmp_path: Path) -> None:
    (row,) = calibrate(Known(factor), tasks=("head",), views=(5,), patients=4)
    right = [abs(held - p) < 0.01 for held, p in zip(row.held, LEVELS, strict=True)]
    assert all(right) if factor == 1 else not any(right)
    for said, found in zip(row.said_hu, row.found_hu, strict=True):
        assert found == pytest.approx(factor * said, rel=0.1)
    assert row.said_hu == tuple(sorted(row.said_hu))
    assert f"| {row.held[0]:.1%} |" in table([row])
    plot_calibration([row], tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 5000
