"""How much the error of each pixel counts."""

import torch
from jaxtyping import Float
from torch import Tensor

from svct.metrics import RANGE, psnr, ssim
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


def tissue_psnr(
    x: Float[Tensor, "*patient y x"], truth: Float[Tensor, "*patient y x"], *, data_range: float = RANGE
) -> float:
    """Return the PSNR over all that is not metal, dB; see `svct.metrics.psnr`."""
    counts = without_metal(truth).bool()
    return psnr(x[counts][None], truth[counts][None], data_range=data_range)


def tissue_ssim(x: Float[Tensor, "*patient y x"], truth: Float[Tensor, "*patient y x"]) -> float:
    """Return the SSIM with the true metal in the image, range 2000 HU; see `svct.metrics.ssim`."""
    return ssim(torch.where(without_metal(truth).bool(), x, truth), truth)
