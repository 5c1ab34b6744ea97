"""How far a reconstruction may be off, pixel by pixel."""

import os
from importlib.resources import files
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from svct.errors import DataFileError
from svct.geometry.arrays import as_tensor
from svct.geometry.projector import Projector
from svct.recon.data_step import conditions
from svct.recon.regularisers import UNet
from svct.recon.unrolled import UnrolledNet
from svct.units import MU_WATER

SHIPPED = "weights/uncertainty-3.safetensors"
"""The trained head in the package, for the backbone in the package."""


class Uncertainty(nn.Module):
    """A head on the frozen backbone that tells the standard deviation of each pixel's error.

    Args:
        width: Channels of the head's finest convolutions.
        depth: Its resolutions.
        backbone: What it stands on; it stays as it is. Default: the one that comes with svct.

    Notes:
        A learned variance (Nix and Weigend 1994, Proc. ICNN 1:55; Kendall and Gal 2017, arXiv 1703.04977): a small
        U-Net reads the backbone's image, the residual images that are left and its memory, and is trained for the
        likelihood of the error under a Laplace distribution, whose scale is the mean absolute error. What it knows is
        how wrong the backbone was on training patients that looked like this one: it does not know what neither saw.
    """

    def __init__(self, *, width: int = 16, depth: int = 3, backbone: UnrolledNet | None = None) -> None:
        super().__init__()
        if backbone is None:
            # Files of networks list this class too.
            from svct.recon.networks import load_backbone

            backbone = load_backbone()
        self.config = {"width": width, "depth": depth}
        # In a tuple, so that the backbone's weights are none of this module's.
        self.frozen = (backbone.eval().requires_grad_(False),)
        channels = 1 + len(backbone.directions) + backbone.memory
        self.net = UNet(channels, 1, width=width, depth=depth, fold=2)

    def forward(self, y: Any, A: Projector) -> tuple[Any, Any]:
        """Reconstruct with error bars.

        Args:
            y: Log data, float32 ``(..., views, bins)``; torch, NumPy or CuPy.
            A: The projector of these views; 2D.

        Returns:
            The backbone's image and the standard deviation of its error, each ``(..., ny, nx)``, 1/mm, of the same kind
            as `y`.

        Raises:
            InputError: Wrong shape, NaN or infinity.
        """
        data, back = as_tensor(y, "y")
        x, scale = self._both(data, A)
        shape = (*data.shape[:-2], *A.domain_shape)
        # The standard deviation of a Laplace distribution is sqrt 2 times its scale.
        return back((x * MU_WATER).reshape(shape)), back((2**0.5 * MU_WATER * scale).reshape(shape))

    def loss(
        self, images: Float[Tensor, "batch y x"], y: Float[Tensor, "batch view col"], A: Projector
    ) -> Float[Tensor, ""]:
        """Return the mean negative log likelihood of the errors."""
        x, scale = self._both(y, A)
        return ((x - images / MU_WATER).abs() / scale + scale.log()).mean()

    def _apply(self, fn: Any, recurse: bool = True) -> "Uncertainty":
        """Let the backbone go along to another device."""
        self.frozen[0]._apply(fn, recurse)  # type: ignore[no-untyped-call]
        moved: Uncertainty = super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return moved

    def _both(self, y: Float[Tensor, "..."], A: Projector) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            seen = self.frozen[0].features(y, A)
            told = conditions(y.reshape(-1, *A.range_shape), A)
        out = self.net(seen.contiguous(memory_format=torch.channels_last), told)[:, 0].float()
        return seen[:, 0], 0.01 * torch.exp(out.clamp(-6, 6))


def load_uncertainty(path: str | os.PathLike[str] | None = None) -> Uncertainty:
    """Load a trained head for error bars, frozen.

    Args:
        path: A file that `svct train-backbone --recipe uncertainty-3` wrote. Default: the one that comes with svct.

    Raises:
        DataFileError: The file is missing, damaged, not such a head, or was trained on another backbone.
    """
    from svct.recon.networks import about_network, backbone_path, file_sha256, load_network

    source = str(files("svct.recon") / SHIPPED) if path is None else path
    net = load_network(source)
    if not isinstance(net, Uncertainty):
        raise DataFileError(f"{source}: expected a head for error bars, got a {type(net).__name__}")
    trained_on, here = about_network(source).get("backbone_sha256"), file_sha256(backbone_path())
    if trained_on != here:
        raise DataFileError(
            f"{source}: expected a head trained on the backbone {here[:12]}, got one for {str(trained_on)[:12]}; "
            "train it anew with `svct train-backbone --recipe uncertainty-3`"
        )
    return net
