"""A geometry known to a degree and two millimetres is found by gradient alone."""

import numpy as np
import pytest
import torch

from svct.geometry import ConeBeam, FanBeam, Grid, Projector, Scan


def smooth_phantom(grid: Grid) -> torch.Tensor:
    """Ellipsoids with soft edges, off the centre and of no symmetry, 1/mm."""
    axes = [(torch.arange(n) - (n - 1) / 2) * grid.voxel_mm for n in grid.shape]
    places = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
    half = torch.tensor(grid.extent_mm).flip(0)[-len(grid.shape) :] / 2
    x = torch.zeros(grid.shape)
    generator = torch.Generator().manual_seed(3)
    for size, value in ((0.75, 0.02), (0.25, 0.01), (0.2, -0.01), (0.15, 0.02), (0.1, 0.02)):
        centre = (torch.rand(len(half), generator=generator) - 0.5) * half * (0.8 - size)
        radii = half * size * (0.8 + 0.4 * torch.rand(len(half), generator=generator))
        x += value * torch.sigmoid(15 * (1 - ((places - centre) / radii).square().sum(-1)))
    return x


FAN = FanBeam(np.arange(24) * 2 * np.pi / 24, bins=96, bin_mm=4.0, source_mm=500, detector_mm=400)
CONE = ConeBeam(
    [0.5 * view for view in range(12)], rows=24, bins=32, row_mm=6.0, bin_mm=6.0, source_mm=300, detector_mm=200
)


@pytest.mark.parametrize(
    ("scan", "grid", "offset"),
    [(FAN, Grid(shape=(48, 48), voxel_mm=4.0), 2.0), (CONE, Grid(shape=(16, 24, 24), voxel_mm=4.0), (2.0, -2.0))],
    ids=["fan", "cone"],
)
def test_finds_a_geometry_off_by_a_degree_and_two_millimetres(scan: Scan, grid: Grid, offset: object) -> None:
    x = smooth_phantom(grid)
    A = Projector(scan, grid, "native")
    y = A(x)
    off = np.random.default_rng(0).uniform(-1, 1, len(scan))
    start = {"angles": np.array(scan.angles) + np.deg2rad(off), "offset_mm": offset, "source_mm": scan.source_mm + 2}  # type: ignore[attr-defined]
    unit = {"angles": 0.01, "offset_mm": 1.0, "source_mm": 1.0}
    values = {
        name: (torch.as_tensor(value, dtype=torch.float64) / unit[name]).requires_grad_(True)
        for name, value in start.items()
    }
    search = torch.optim.LBFGS(
        values.values(), max_iter=200, history_size=30, line_search_fn="strong_wolfe", tolerance_change=1e-15
    )

    def loss() -> torch.Tensor:
        search.zero_grad()
        found = A.at(**{name: value * unit[name] for name, value in values.items()})(x)
        error: torch.Tensor = (found - y).double().square().mean() * 1e3
        torch.autograd.backward(error)
        return error

    search.step(loss)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        limit = np.deg2rad(0.02) if name == "angles" else 0.02
        apart = value.detach().numpy() * unit[name] - np.array(getattr(scan, name))
        assert np.abs(apart).max() < limit, name
