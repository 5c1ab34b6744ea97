"""From a reading to log data that are finite whatever the reading is."""

import torch
from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError


def log_data(
    reading: Float[Tensor, "*ray"],
    air: Float[Tensor, "..."],
    *,
    scatter: Float[Tensor, "..."] | None = None,
    least: float = 1e-5,
) -> Float[Tensor, "*ray"]:
    """Return ``-ln((reading - scatter) / air)``, always finite.

    Args:
        reading: What the detector reports.
        air: Its expected reading without an object, above 0 wherever a view has load.
        scatter: An estimate of the scattered part, in the same unit; subtracted.
        least: Readings below this part of the air reading are raised to it: starved rays, dead bins, and readings
            that are negative after the subtraction all give ``-ln(least)``, which biases them downwards as
            `Acquisition` does. Views without load (air of 0) give 0.

    Raises:
        InputError: `least` is no part of one.

    Example:
        >>> log_data(torch.tensor([3.0, 1.0]), torch.tensor(10.0), scatter=torch.tensor(2.0), least=0.1).tolist()
        [2.3025851249694824, 2.3025851249694824]
    """
    if not 0 < least < 1:
        raise InputError(f"least: expected a part between 0 and 1, got {least!r}")
    primary = reading if scatter is None else reading - scatter
    loaded = air > 0
    ratio = (primary / torch.where(loaded, air, torch.ones_like(air))).clamp(min=least)
    return torch.where(loaded, -ratio.log(), torch.zeros_like(ratio))
