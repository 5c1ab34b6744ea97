"""Published learned reconstructions that the backbone is measured against, with the same input and output."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from svct.geometry.arrays import as_tensor
from svct.geometry.projector import Projector
from svct.recon.checks import check_data
from svct.recon.data_step import DataStep, conditions
from svct.recon.fbp import fbp
from svct.recon.regularisers import UNet
from svct.recon.sirt import inverse_sums
from svct.units import MU_WATER


class _Learned(nn.Module, ABC):
    """What the networks of this file share: data in, images of water units inside, 1/mm out."""

    config: dict[str, Any]

    def forward(self, y: Any, A: Projector) -> Any:
        """Reconstruct.

        Args:
            y: Log data, float32 ``(..., views, bins)``; torch, NumPy or CuPy.
            A: The projector of these views.

        Returns:
            Attenuation ``(..., ny, nx)``, 1/mm, of the same kind as `y`.

        Raises:
            InputError: Wrong shape, NaN or infinity, or a 3D scan.
        """
        data, back = as_tensor(y, "y")
        check_data(data, A)
        image = self.images(data.reshape(-1, *A.range_shape), A) * MU_WATER
        return back(image.reshape(*data.shape[:-2], *A.domain_shape))

    @abstractmethod
    def images(self, y: Float[Tensor, "batch view col"], A: Projector) -> Float[Tensor, "batch y x"]:
        """Reconstruct in units of water's attenuation."""


class PostUNet(_Learned):
    """A U-Net that cleans the FBP image.

    Args:
        width: Channels at full resolution.
        depth: Resolutions.

    Notes:
        Jin et al. 2017, IEEE Trans. Image Process. 26:4509, with additive skips and told of noise and density like the
        backbone.
    """

    def __init__(self, *, width: int = 48, depth: int = 4) -> None:
        super().__init__()
        self.config = {"width": width, "depth": depth}
        self.net = UNet(1, 1, width=width, depth=depth)

    def images(self, y: Float[Tensor, "batch view col"], A: Projector) -> Float[Tensor, "batch y x"]:
        """See `_Learned`."""
        x = fbp(y, A)[:, None] / MU_WATER
        out: Tensor = (x + self.net(_last(x), conditions(y, A)).float())[:, 0]
        return out


class ItNet(_Learned):
    """One U-Net used again and again, with an FBP of the residual between.

    Args:
        rounds: How often.
        width: Channels at full resolution.
        depth: Resolutions.

    Notes:
        Genzel et al. 2022, arXiv 2106.00280: x <- U(FBP y), then x <- U(x + a_k FBP(y - A x)), learned a_k.
    """

    def __init__(self, *, rounds: int = 4, width: int = 24, depth: int = 4) -> None:
        super().__init__()
        self.config = {"rounds": rounds, "width": width, "depth": depth}
        self.net = UNet(1, 1, width=width, depth=depth)
        self.steps = nn.Parameter(torch.full((rounds,), 0.8))

    def images(self, y: Float[Tensor, "batch view col"], A: Projector) -> Float[Tensor, "batch y x"]:
        """See `_Learned`."""
        told, step = conditions(y, A), DataStep(y, A, None, ("fbp",))
        scaled = y / MU_WATER
        x = torch.zeros(len(y), *A.domain_shape, device=y.device)
        for turn, size in enumerate(self.steps):
            x = (x + size * step(scaled - A(x), first=turn == 0)[0])[:, None]
            x = (x + self.net(_last(x), told).float())[:, 0]
        return x


class LearnedPrimalDual(_Learned):
    """Convolutions in the image and in the projections by turns, with memory in both.

    Args:
        rounds: How often.
        width: Channels of the convolutions.
        memory: Images, and projections, kept between rounds.

    Notes:
        Adler and Oktem 2018, IEEE Trans. Med. Imaging 37:1322, with 3 convolutions per step and parametric rectifiers.
        There A is scaled to norm one for its one geometry; for any views here, rays by their length in the grid and the
        adjoint by its column sums. The dual step is given y - A x in the place of y, which says the same and survives
        arithmetic in bf16.
    """

    def __init__(self, *, rounds: int = 10, width: int = 32, memory: int = 5) -> None:
        super().__init__()
        self.config = {"rounds": rounds, "width": width, "memory": memory}
        self.memory = memory
        self.dual = nn.ModuleList(_three(memory + 2, memory, width) for _ in range(rounds))
        self.primal = nn.ModuleList(_three(memory + 1, memory, width) for _ in range(rounds))

    def images(self, y: Float[Tensor, "batch view col"], A: Projector) -> Float[Tensor, "batch y x"]:
        """See `_Learned`."""
        rows, columns = inverse_sums(A, y.device)
        longest = 1 / rows[rows > 0].min() if bool((rows > 0).any()) else torch.tensor(1.0)
        scaled = (y / MU_WATER / longest)[:, None]
        dual = y.new_zeros((len(y), self.memory, *A.range_shape))
        primal = y.new_zeros((len(y), self.memory, *A.domain_shape))
        for down, up in zip(self.dual, self.primal, strict=True):
            projected = (A(primal[:, 1]) / longest)[:, None]
            dual = dual + down(_last(torch.cat([dual, projected, scaled - projected], dim=1))).float()
            back = A.T(dual[:, 0].contiguous()) * columns
            primal = primal + up(_last(torch.cat([primal, back[:, None]], dim=1))).float()
        return primal[:, 0]


def _last(x: Float[Tensor, "batch channel a b"]) -> Float[Tensor, "batch channel a b"]:
    return x.contiguous(memory_format=torch.channels_last)


def _three(inputs: int, outputs: int, width: int) -> nn.Sequential:
    convs = [nn.Conv2d(a, b, 3, padding=1) for a, b in ((inputs, width), (width, width), (width, outputs))]
    for conv in convs:
        nn.init.xavier_uniform_(conv.weight)
        if conv.bias is not None:
            nn.init.zeros_(conv.bias)
    nn.init.normal_(convs[2].weight, std=1e-3)
    return nn.Sequential(convs[0], nn.PReLU(width), convs[1], nn.PReLU(width), convs[2])


RIVALS = {"post-unet": PostUNet, "itnet": ItNet, "lpd": LearnedPrimalDual}
"""Each by its name."""
