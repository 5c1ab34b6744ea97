"""The small convolutional networks that may stand between two data steps."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from svct.errors import unknown_name

REGULARISERS = ("unet", "folded-unet", "resnet")
"""Networks that `regulariser` builds."""

CONDITIONS = 2
"""How many numbers tell a network of the noise and the density of views, see `svct.recon.conditions`."""


def regulariser(name: str, inputs: int, outputs: int, *, width: int, depth: int = 3, solid: bool = False) -> nn.Module:
    """Build one of `REGULARISERS`; all start as nothing, since their last convolution is zero.

    Args:
        name: ``"unet"``; ``"folded-unet"``, which works on blocks of 2x2 pixels as channels, a quarter of the pixels;
            ``"resnet"``, convolutions at full resolution in residual pairs.
        inputs: Channels in.
        outputs: Channels out.
        width: Channels of the finest convolutions.
        depth: Resolutions of a U-Net, or pairs of convolutions of a resnet.
        solid: For volumes instead of images.

    Raises:
        UnknownNameError: No such network.
    """
    if name not in REGULARISERS:
        raise unknown_name("regulariser", name, list(REGULARISERS))
    if name == "resnet":
        return ResNet(inputs, outputs, width=width, depth=depth, solid=solid)
    return UNet(inputs, outputs, width=width, depth=depth, fold=2 if name == "folded-unet" else 1, solid=solid)


class UNet(nn.Module):
    """A U-Net whose skips add, for images or volumes of any size.

    Args:
        inputs: See `regulariser`; likewise `outputs`, `width`, `depth` and `solid`.
        outputs: Channels out.
        width: Channels at full resolution; twice as many at each coarser one.
        depth: Resolutions.
        fold: Side of the blocks of pixels that become channels; in volumes 1.
        solid: For volumes.

    Notes:
        Ronneberger et al. 2015 (arXiv 1505.04597), with strided convolutions on the way down, additive skips, and a
        scale and shift of the channels of every resolution by the conditions (Perez et al. 2018, arXiv 1709.07871).
    """

    def __init__(
        self, inputs: int, outputs: int, *, width: int, depth: int = 3, fold: int = 1, solid: bool = False
    ) -> None:
        super().__init__()
        conv = nn.Conv3d if solid else nn.Conv2d
        block = 1 if solid else fold**2
        self.fold, self.depth = 1 if solid else fold, depth
        widths = [width * 2**level for level in range(depth)]
        self.enter = conv(inputs * block, width, 3, padding=1)
        self.inward = nn.ModuleList(conv(w, w, 3, padding=1) for w in widths)
        self.films = nn.ModuleList(_Film(w) for w in widths)
        self.down = nn.ModuleList(conv(w, 2 * w, 2, stride=2) for w in widths[:-1])
        self.up = nn.ModuleList(conv(2 * w, w, 1) for w in widths[:-1])
        self.outward = nn.ModuleList(conv(w, w, 3, padding=1) for w in widths)
        self.leave = _silent(conv(width, outputs * block, 3, padding=1))

    def forward(
        self, x: Float[Tensor, "batch inputs *space"], conditions: Float[Tensor, "batch condition"]
    ) -> Float[Tensor, "batch outputs *space"]:
        """Map ``(batch, inputs, [nz,] ny, nx)`` to ``(batch, outputs, [nz,] ny, nx)``."""
        space = x.shape[2:]
        x = _padded(x, self.fold * 2 ** (self.depth - 1))
        if self.fold > 1:
            x = functional.pixel_unshuffle(x, self.fold).contiguous(memory_format=torch.channels_last)
        x = _act(self.enter(x))
        skips = []
        for level in range(self.depth):
            x = _act(self.films[level](self.inward[level](x), conditions))
            if level + 1 < self.depth:
                skips.append(x)
                x = _act(self.down[level](x))
        x = x + _act(self.outward[-1](x))
        for level in reversed(range(self.depth - 1)):
            x = skips[level] + functional.interpolate(self.up[level](x), scale_factor=2.0, mode="nearest")
            x = _act(self.outward[level](x))
        x = self.leave(x)
        if self.fold > 1:
            x = functional.pixel_shuffle(x, self.fold)
        ends: list[Any] = [slice(n) for n in space]
        return x[(..., *ends)]


class ResNet(nn.Module):
    """Pairs of convolutions at full resolution, each added to what came in.

    Args:
        inputs: See `regulariser`; likewise `outputs`, `width`, `depth` and `solid`.
        outputs: Channels out.
        width: Channels.
        depth: Pairs of convolutions.
        solid: For volumes.

    Notes:
        The residual blocks without batch normalisation of Lim et al. 2017 (arXiv 1707.02921).
    """

    def __init__(self, inputs: int, outputs: int, *, width: int, depth: int = 3, solid: bool = False) -> None:
        super().__init__()
        conv = nn.Conv3d if solid else nn.Conv2d
        self.enter = conv(inputs, width, 3, padding=1)
        self.first = nn.ModuleList(conv(width, width, 3, padding=1) for _ in range(depth))
        self.films = nn.ModuleList(_Film(width) for _ in range(depth))
        self.second = nn.ModuleList(conv(width, width, 3, padding=1) for _ in range(depth))
        self.leave = _silent(conv(width, outputs, 3, padding=1))

    def forward(
        self, x: Float[Tensor, "batch inputs *space"], conditions: Float[Tensor, "batch condition"]
    ) -> Float[Tensor, "batch outputs *space"]:
        """Map ``(batch, inputs, [nz,] ny, nx)`` to ``(batch, outputs, [nz,] ny, nx)``."""
        x = self.enter(x)
        for first, film, second in zip(self.first, self.films, self.second, strict=True):
            x = x + second(_act(film(first(x), conditions)))
        out: Tensor = self.leave(_act(x))
        return out


class _Film(nn.Module):
    """Scales and shifts channels by the conditions; at first it does nothing."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(CONDITIONS, 2 * width)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(
        self, x: Float[Tensor, "batch width *space"], conditions: Float[Tensor, "batch condition"]
    ) -> Float[Tensor, "batch width *space"]:
        scale, shift = (
            part[(..., *[None] * (x.ndim - 2))] for part in self.linear(conditions).to(x.dtype).chunk(2, dim=1)
        )
        return torch.addcmul(x + shift, x, scale)


def _act(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, 0.1)


def _silent(last: nn.Conv2d | nn.Conv3d) -> nn.Conv2d | nn.Conv3d:
    for parameter in last.parameters():
        nn.init.zeros_(parameter)
    return last


def _padded(x: Float[Tensor, "batch channel *space"], multiple: int) -> Float[Tensor, "batch channel *padded"]:
    """Repeat the last pixels until every side is a multiple of a number."""
    more: Sequence[int] = [n for size in reversed(x.shape[2:]) for n in (0, -size % multiple)]
    return functional.pad(x, tuple(more), mode="replicate") if any(more) else x
