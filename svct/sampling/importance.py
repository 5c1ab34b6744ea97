"""How much the error of each pixel counts."""

from jaxtyping import Float
from torch import Tensor

from svct.units import MU_WATER

TOP = 4 * MU_WATER
"""Attenuation of 3000 HU, 1/mm, about the top of CT's scale of 12 bits: no tissue reaches it, metal does."""


def without_metal(images: Float[Tensor, "*patient y x"]) -> Float[Tensor, "*patient y x"]:
    """Return 0 where a patient has more than 3000 HU, else 1.

    Nobody reads inside metal, and its error is so large there that it decides every mean over the image.

    Example:
        >>> import torch
        >>> without_metal(torch.tensor([[0.0, 0.0193, 0.5]])).tolist()
        [[1.0, 1.0, 0.0]]
    """
    return (images <= TOP).to(images.dtype)
