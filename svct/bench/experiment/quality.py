"""Figures of the image, one patient after another."""

from collections.abc import Callable
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from svct.bench.image_quality import hu_errors
from svct.metrics import psnr, ssim

Image = Float[Tensor, "y x"]


class Metric(NamedTuple):
    """A figure of the image: its unit, and how it is measured from image and truth, 1/mm."""

    unit: str
    measure: Callable[[Image, Image], float]


METRICS = {
    "psnr": Metric("dB", psnr),
    "ssim": Metric("", ssim),
    "rmse": Metric("HU", lambda x, truth: hu_errors(x.numpy(), truth.numpy()).rmse),
    "bias": Metric("HU", lambda x, truth: hu_errors(x.numpy(), truth.numpy()).bias),
}
"""By name."""
