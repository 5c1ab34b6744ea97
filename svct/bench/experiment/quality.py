"""Figures of the image, one patient after another."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from svct.bench.image_quality import HuErrors, hu_errors
from svct.metrics import psnr, ssim
from svct.sampling.importance import without_metal

Image = Float[Tensor, "y x"]


class Metric(NamedTuple):
    """A figure of the image: its unit, and how it is measured from image and truth, 1/mm."""

    unit: str
    measure: Callable[[Image, Image], float]


def _psnr(x: Image, truth: Image) -> float:
    counts = without_metal(truth).bool()
    return psnr(x[counts][None], truth[counts][None])


def _ssim(x: Image, truth: Image) -> float:
    return ssim(torch.where(without_metal(truth).bool(), x, truth), truth)


def _hu_errors(x: Image, truth: Image) -> HuErrors:
    return hu_errors(x.numpy(), truth.numpy(), mask=without_metal(truth).bool().numpy())


METRICS = {
    "psnr": Metric("dB", _psnr),
    "ssim": Metric("", _ssim),
    "rmse": Metric("HU", lambda x, truth: _hu_errors(x, truth).rmse),
    "bias": Metric("HU", lambda x, truth: _hu_errors(x, truth).bias),
}
"""By name; none counts the error inside metal."""
