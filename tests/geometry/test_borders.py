import math

import torch

from svct.geometry import ConeBeam, Grid, Projector


def test_a_column_that_ends_just_within_the_grid_reads_nothing_beyond_it() -> None:
    angle = float(torch.tensor(9) * 2 * torch.pi / 36)  # 90 degrees rounded to float32: a crossing 2e-6 within the grid
    scan = ConeBeam([angle], rows=21, bins=48, row_mm=6.0, bin_mm=8.0, source_mm=500, detector_mm=400)
    grid = Grid((7, 32, 32), 5.0)
    # Leaves huge numbers in the working memory that the next, smaller volume is copied to.
    Projector(scan, Grid((7, 36, 36), 5.0))(torch.full((7, 36, 36), 1e30))
    y = Projector(scan, grid)(torch.ones(grid.shape))
    assert float(y.min()) >= 0
    assert float(y.max()) <= math.hypot(160, 160, 35)
