"""Penalties on the differences of neighbouring pixels, for `svct.recon.pwls`."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError


class Prior(ABC):
    """A penalty psi on a difference d of two neighbours, even, convex, and with a bounded curvature."""

    @property
    @abstractmethod
    def curvature(self) -> float:
        """The largest value of ``psi'(d) / d``."""

    @abstractmethod
    def value(self, d: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        """Return psi(d)."""

    @abstractmethod
    def slope(self, d: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        """Return psi'(d)."""


@dataclass(frozen=True)
class Quadratic(Prior):
    """Psi(d) = d^2 / 2."""

    @property
    def curvature(self) -> float:
        """1."""
        return 1.0

    def value(self, d: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        """Return psi(d)."""
        return d.square() / 2

    def slope(self, d: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        """Return psi'(d)."""
        return d


@dataclass(frozen=True)
class Huber(Prior):
    """Psi(d) = d^2 / 2 up to `delta`, and linear from there (Huber 1964).

    Args:
        delta: Where the edge-preserving part begins, 1/mm. The default is 10 HU.

    Raises:
        InputError: It is not positive.
    """

    delta: float = 2e-4

    def __post_init__(self) -> None:
        _positive("delta", self.delta)

    @property
    def curvature(self) -> float:
        """1."""
        return 1.0

    def value(self, d: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        """Return psi(d)."""
        inner = d.abs().clamp(max=self.delta)
        return inner * (d.abs() - inner / 2)

    def slope(self, d: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        """Return psi'(d)."""
        return d.clamp(-self.delta, self.delta)


@dataclass(frozen=True)
class QGGMRF(Prior):
    """The q-generalised Gaussian Markov random field with p = 2.

    Args:
        delta: Difference at which the penalty leaves the quadratic, 1/mm (T sigma in the paper).
        q: Power that it tends to for large differences, 1 (edge-preserving) to 2 (quadratic).

    Raises:
        InputError: A value out of its range.

    Notes:
        psi(d) = d^2 / 2 / (1 + |d / delta|^(2 - q)) (Thibault et al. 2007, Med. Phys. 34:4526, equation 13); its 1 /
        sigma^2 is in the strength of the penalty.
    """

    delta: float = 2e-4
    q: float = 1.2

    def __post_init__(self) -> None:
        _positive("delta", self.delta)
        if not 1 <= self.q <= 2:
            raise InputError(f"q: expected 1 to 2, where the penalty is convex, got {self.q}")

    @property
    def curvature(self) -> float:
        """1, at 0; 1/2 where q is 2."""
        return 1.0

    def value(self, d: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        """Return psi(d)."""
        return d.square() / 2 / (1 + (d / self.delta).abs() ** (2 - self.q))

    def slope(self, d: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        """Return psi'(d)."""
        t = (d / self.delta).abs() ** (2 - self.q)
        return d / (1 + t) * (1 - (2 - self.q) / 2 * t / (1 + t))


def _positive(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise InputError(f"{name}: expected a positive number in 1/mm, got {value!r}")
