"""Figures of the image, one patient after another."""

from collections.abc import Callable
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from svct.metrics import psnr, ssim
from svct.units import MU_WATER

Image = Float[Tensor, "y x"]


class Metric(NamedTuple):
    """A figure of the image: its unit, and how it is measured from image and truth, 1/mm."""

    unit: str
    measure: Callable[[Image, Image], float]


def rmse_hu(x: Image, truth: Image) -> float:
    """Return the root of the mean squared error over the image, HU."""
    return float((x - truth).double().square().mean().sqrt()) * 1000 / MU_WATER


def bias_hu(x: Image, truth: Image) -> float:
    """Return the mean error over the image, HU."""
    return float((x - truth).double().mean()) * 1000 / MU_WATER


METRICS = {
    "psnr": Metric("dB", psnr),
    "ssim": Metric("", ssim),
    "rmse": Metric("HU", rmse_hu),
    "bias": Metric("HU", bias_hu),
}
"""By name."""
