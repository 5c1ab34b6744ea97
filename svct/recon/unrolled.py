"""The shared unrolled reconstruction network."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from svct.geometry.arrays import as_tensor
from svct.geometry.fan import FanBeam
from svct.geometry.projector import Projector
from svct.recon.checks import check_data
from svct.recon.filters import filter_projections
from svct.recon.sirt import inverse_sums
from svct.recon.unet import SmallUNet
from svct.recon.weights import arc_weights
from svct.units import MU_WATER


class UnrolledNet(nn.Module):
    """Image-domain unrolling: data steps with arc-length view weights, each followed by a small U-Net with memory.

    The convolutions see images only, so that the weights know nothing of which or how many views there are.

    Args:
        unrolls: Number of data steps, each with a U-Net of its own.
        width: Channels of a U-Net at full resolution.
        memory: Channels that one unroll hands to the next.

    Notes:
        x <- x + a d + b g + CNN(x, d, g, memory), from x = 0, with the two residual images d = A^T W F (y - A x), F the
        ramp filter and W the arc weights, which is the FBP of the residual, and g = C A^T W R (y - A x), the SIRT
        direction. After ItNet (Genzel et al. 2022, arXiv 2106.00280), which takes the FBP of the residual, and LEARN
        (Chen et al. 2018, IEEE Trans. Med. Imaging 37:1333).
    """

    def __init__(self, *, unrolls: int = 5, width: int = 24, memory: int = 6) -> None:
        super().__init__()
        self.config = {"unrolls": unrolls, "width": width, "memory": memory}
        self.nets = nn.ModuleList(SmallUNet(3 + memory, 1 + memory, width=width) for _ in range(unrolls))
        start = torch.full((unrolls, 2), 0.4)
        start[0] = torch.tensor([0.9, 0.0])
        self.steps = nn.Parameter(start)

    def forward(self, y: Any, A: Projector, *, view_weights: Float[Tensor, " view"] | None = None) -> Any:
        """Reconstruct.

        Args:
            y: Log data, float32 ``(..., views, bins)``; torch, NumPy or CuPy.
            A: The projector of these views.
            view_weights: Radians that each view stands for, ``(views,)``; 0 leaves a view out. Default: its arc length.

        Returns:
            Attenuation ``(..., ny, nx)``, 1/mm, of the same kind as `y`; differentiable in `y` and `view_weights`.

        Raises:
            InputError: Wrong shape, NaN or infinity.

        Example:
            >>> from svct.geometry import Grid, ParallelBeam
            >>> A = Projector(ParallelBeam([0.0, 0.8, 1.6, 2.4], bins=16), Grid(shape=(16, 16)))
            >>> UnrolledNet(unrolls=2, width=4)(torch.rand(1, 4, 16), A).shape
            torch.Size([1, 16, 16])
        """
        data, back = as_tensor(y, "y")
        check_data(data, A)
        weights = arc_weights(A.scan) if view_weights is None else view_weights
        batch = data.reshape(-1, *A.range_shape) / MU_WATER
        precondition = _Precondition(A, weights.to(data.device))
        x = batch.new_zeros((len(batch), *A.domain_shape))
        memory = batch.new_zeros((len(batch), self.config["memory"], *A.domain_shape))
        for net, step in zip(self.nets, self.steps, strict=True):
            d, g = precondition(batch - A(x))
            seen = torch.cat([torch.stack([x, d, g], dim=1), memory], dim=1)
            out = net(seen.contiguous(memory_format=torch.channels_last)).float()
            x = x + step[0] * d + step[1] * g + out[:, 0]
            memory = memory + out[:, 1:]
        image = x * MU_WATER
        return back(image.reshape(*data.shape[:-2], *A.domain_shape))


class _Precondition:
    """Turns a residual of the data into two images: its FBP and its SIRT direction."""

    def __init__(self, A: Projector, weights: Float[Tensor, " view"]) -> None:
        scan = A.scan
        self.A = A
        pitch = scan.bin_mm / scan.magnification if isinstance(scan, FanBeam) else scan.bin_mm  # type: ignore[attr-defined]
        self.pitch = pitch
        # A^T adds up voxel^2 / pitch for every view; a fan sees every line twice.
        self.arcs = weights[:, None] * (pitch / A.grid.voxel_mm**2) / (2 if scan.divergent else 1)
        rows, columns = inverse_sums(A, weights.device)
        self.rays = rows * weights[:, None] * (len(weights) / weights.detach().sum())
        self.columns = columns

    def __call__(
        self, residual: Float[Tensor, "batch view col"]
    ) -> tuple[Float[Tensor, "batch y x"], Float[Tensor, "batch y x"]]:
        filtered = filter_projections(residual, self.pitch) * self.arcs
        images = self.A.T(torch.stack([filtered, residual * self.rays]))
        return images[0], images[1] * self.columns
