"""Figures of the image, one patient after another."""

from collections.abc import Callable
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from svct.bench.image_quality import HuErrors, hu_errors
from svct.sampling.importance import tissue_psnr, tissue_ssim, without_metal

Image = Float[Tensor, "y x"]


class Metric(NamedTuple):
    """A figure of the image: its unit, and how it is measured from image and truth, 1/mm."""

    unit: str
    measure: Callable[[Image, Image], float]


def _hu_errors(x: Image, truth: Image) -> HuErrors:
    return hu_errors(x.numpy(), truth.numpy(), mask=without_metal(truth).bool().numpy())


METRICS = {
    "psnr": Metric("dB", tissue_psnr),
    "ssim": Metric("", tissue_ssim),
    "rmse": Metric("HU", lambda x, truth: _hu_errors(x, truth).rmse),
    "bias": Metric("HU", lambda x, truth: _hu_errors(x, truth).bias),
}
"""By name; none counts the error inside metal."""
