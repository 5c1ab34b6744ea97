"""Joseph's method in a few lines of torch, slow and plain: what the kernels are compared with."""

import torch
from torch import Tensor

from svct.geometry.grid import Grid
from svct.geometry.scan import Scan


def project_reference(x: Tensor, scan: Scan, grid: Grid) -> Tensor:
    """Project one image in its own precision.

    Args:
        x: Attenuation ``(ny, nx)``, 1/mm; float64 for an accurate reference.
        scan: The scan geometry.
        grid: The image grid.

    Returns:
        Line integrals ``(views, bins)``; differentiable in `x`.

    Notes:
        A ray p + t d with its main axis along y meets row r of pixels at one column c, between columns: the image is
        interpolated linearly there, and the ray's sum over rows is multiplied by its length between two rows (Joseph
        1982, IEEE Trans. Med. Imaging 1:192). Outside of the image there is nothing.
    """
    ny, nx = x.shape
    rows = []
    for vector in torch.from_numpy(scan.vectors).to(x.dtype):
        step = torch.arange(scan.detector_shape[-1], dtype=x.dtype) - (scan.detector_shape[-1] - 1) / 2
        point = vector[2:4] + step[:, None] * vector[4:6]
        along = point - vector[:2] if scan.divergent else vector[:2].expand_as(point)
        # In pixels: column to the right, row downwards.
        col = (point[:, 0] - grid.origin_mm[0]) / grid.voxel_mm + (nx - 1) / 2
        row = (ny - 1) / 2 - (point[:, 1] - grid.origin_mm[1]) / grid.voxel_mm
        d_col, d_row = along[:, 0], -along[:, 1]
        by_rows = _sum_lines(x, col, row, d_col / d_row)
        by_cols = _sum_lines(x.T, row, col, d_row / d_col)
        rows.append(torch.where(d_row.abs() >= d_col.abs(), by_rows, by_cols) * grid.voxel_mm)
    return torch.stack(rows)


def _sum_lines(x: Tensor, across: Tensor, start: Tensor, slope: Tensor) -> Tensor:
    """Sum over lines i of `x` at the positions across + slope (i - start), times the length between lines."""
    lines, length = x.shape
    slope = torch.where(slope.isfinite(), slope, torch.zeros_like(slope))  # the other axis is taken there
    position = across[:, None] + slope[:, None] * (torch.arange(lines, dtype=x.dtype) - start[:, None])
    left = position.floor()
    part = position - left
    padded = torch.nn.functional.pad(x, (1, 1))
    line = torch.arange(lines).expand_as(left)
    here = padded[line, (left.long() + 1).clamp(0, length + 1)]
    following = padded[line, (left.long() + 2).clamp(0, length + 1)]
    return (here + part * (following - here)).sum(dim=1) * torch.sqrt(1 + slope**2)
