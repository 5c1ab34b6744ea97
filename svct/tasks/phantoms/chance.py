"""Random numbers as an anatomist asks for them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class Dice:
    """Draws plausible body measures from one seeded generator.

    Args:
        rng: The patient's generator; every draw advances it.

    Example:
        >>> 0 <= Dice(np.random.default_rng(1)).uniform(0, 2) <= 2
        True
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def uniform(self, low: float, high: float) -> float:
        """Draw one number evenly from ``[low, high)``."""
        return float(self.rng.uniform(low, high))

    def about(self, mean: float, deviation: float) -> float:
        """Draw one normal number, cut at two standard deviations so that no patient is a monster."""
        return mean + deviation * float(np.clip(self.rng.standard_normal(), -2.0, 2.0))

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return float(self.rng.random()) < probability

    def harmonics(self, theta: NDArray[np.float64], *, amplitude: float, orders: Sequence[int]) -> NDArray[np.float64]:
        """Draw a smooth periodic function of the angle, each order with random phase and half the power.

        Args:
            theta: Angles in radians, shape ``(n,)``.
            amplitude: Standard deviation of the strongest order.
            orders: Numbers of periods per turn.
        """
        total = np.zeros_like(theta)
        for rank, order in enumerate(orders):
            total += (
                amplitude * self.about(0.0, 1.0) / (1 + 0.5 * rank) * np.cos(order * theta + self.uniform(0, 2 * np.pi))
            )
        return total
