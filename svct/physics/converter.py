"""The end of the chain: a pixel that fills up, and the converter to whole numbers."""

import math
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError


@dataclass(frozen=True)
class Converter:
    """Saturation and quantisation.

    Args:
        full: Reading at which a pixel saturates, in the detector's unit (electrons, where it has a gain).
        bits: Of the converter; None leaves readings continuous.
        pedestal: Offset before and subtracted after conversion, so that noise around zero survives; readings below
            ``-pedestal`` become that.

    Raises:
        InputError: A value that no converter has.

    Example:
        >>> import torch
        >>> Converter(full=255.0, bits=8).convert(torch.tensor([3.4, 300.0, -2.0])).tolist()
        [3.0, 255.0, 0.0]
    """

    full: float = math.inf
    bits: int | None = None
    pedestal: float = 0.0

    def __post_init__(self) -> None:
        if not self.full > 0:
            raise InputError(f"full: expected a positive reading, got {self.full!r}")
        if not (math.isfinite(self.pedestal) and self.pedestal >= 0):
            raise InputError(f"pedestal: expected 0 or more, got {self.pedestal!r}")
        if self.bits is not None and not (1 <= self.bits <= 32 and math.isfinite(self.full)):
            raise InputError(f"bits: expected 1 to 32 and a finite full reading, got {self.bits!r} and {self.full!r}")

    @property
    def step(self) -> float:
        """Width of one level, 0 without a converter."""
        return (self.full + self.pedestal) / (2**self.bits - 1) if self.bits else 0.0

    def convert(self, reading: Float[Tensor, "*ray"]) -> Float[Tensor, "*ray"]:
        """Return what the converter gives, offset removed, between ``-pedestal`` and `full`."""
        raised = (reading + self.pedestal).clamp(min=0, max=self.full + self.pedestal)
        if self.bits:
            raised = (raised / self.step).round() * self.step
        return raised - self.pedestal
