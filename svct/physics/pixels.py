"""What is wrong with single detector pixels: gains that drifted, and pixels that are dead."""

import torch
from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError


def gain_drift(shape: tuple[int, ...], *, spread: float, seed: int) -> Float[Tensor, "*pixel"]:
    """Draw what calibration no longer knows about each pixel's gain, the cause of rings.

    Args:
        shape: ``(bins,)`` or ``(rows, 1, bins)``.
        spread: Standard deviation, as a part of the gain.
        seed: Of the draw.

    Returns:
        Gains about 1, never below 0.
    """
    generator = torch.Generator().manual_seed(seed)
    return (1 + spread * torch.randn(shape, generator=generator)).clamp(min=0)


def repair(y: Float[Tensor, "*batch view bin"], dead: tuple[int, ...]) -> Float[Tensor, "*batch view bin"]:
    """Replace the readings of dead bins by the line between their living neighbours; differentiable.

    Args:
        y: Readings or log data.
        dead: The bins; beyond the last living one its value goes on.

    Raises:
        InputError: A bin does not exist, or no bin is alive.

    Example:
        >>> repair(torch.tensor([[1.0, 9.0, 3.0]]), (1,)).tolist()
        [[1.0, 2.0, 3.0]]
    """
    bins = y.shape[-1]
    if any(not 0 <= b < bins for b in dead):
        raise InputError(f"dead: expected bins between 0 and {bins - 1}, got {dead}")
    alive = torch.tensor([b for b in range(bins) if b not in set(dead)])
    if not len(alive):
        raise InputError("dead: expected at least one bin that is alive")
    if not dead:
        return y
    wanted = torch.tensor(sorted(set(dead)))
    after = torch.searchsorted(alive, wanted).clamp(max=len(alive) - 1)
    before = (torch.searchsorted(alive, wanted) - 1).clamp(min=0)
    left, right = alive[before], alive[after]
    share = ((wanted - left) / (right - left).clamp(min=1)).clamp(0, 1).to(y)
    wanted, left, right = (index.to(y.device) for index in (wanted, left, right))
    filled = y[..., left] * (1 - share) + y[..., right] * share
    return y.index_copy(-1, wanted, filled)
