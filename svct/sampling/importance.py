"""How much the error of each pixel counts."""

from jaxtyping import Float
from torch import Tensor

from svct.recon.metal import SHOWN


def without_metal(images: Float[Tensor, "*patient y x"]) -> Float[Tensor, "*patient y x"]:
    """Return 0 where a patient has more than 3000 HU, else 1.

    Nobody reads inside metal, and its error is so large there that it decides every mean over the image.

    Example:
        >>> import torch
        >>> without_metal(torch.tensor([[0.0, 0.0193, 0.5]])).tolist()
        [[1.0, 1.0, 0.0]]
    """
    return (images <= SHOWN).to(images.dtype)
