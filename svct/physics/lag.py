"""Detector lag: what earlier views leave behind in later ones."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError


@dataclass(frozen=True)
class Lag:
    """An impulse response of decaying exponentials along the views, in the order in which they are taken.

    Args:
        rates: Decay rate of each exponential, per view. Default: a flat panel of amorphous silicon at 15 views/s.
        amounts: Its amplitude, as a part of the signal.
        settled: Whether the first view finds a detector that has seen that view for ever. Otherwise it finds an empty
            one, and the first views read low.

    Raises:
        InputError: A rate or an amount is not positive, their numbers differ, or the tails hold the whole signal.

    Example:
        >>> round(Lag().tail, 4)
        0.0113
        >>> Lag(rates=(0.7,), amounts=(0.1,)).apply(torch.tensor([[1.0], [0.0]]))[1, 0] > 0
        tensor(True)

    Notes:
        h(k) = (1 - tail) delta(k) + sum_n b_n exp(-a_n k) for k >= 1, normalised to a sum of 1 so that a steady signal
        is unchanged (Hsieh, Gurmen and King 2000, IEEE Trans. Med. Imaging 19:930; Starman et al. 2011, Med. Phys.
        38). The default numbers are those with which RTK's lag correction, after Starman, is tested. A view taken
        earlier is what stands earlier along the view axis: order projections by time before. Views of another call
        leave nothing behind.
    """

    rates: tuple[float, ...] = (0.7055, 0.1141, 0.0212, 0.0033)
    amounts: tuple[float, ...] = (2.911e-3, 4.454e-4, 7.48e-5, 4.2e-6)
    settled: bool = True

    def __post_init__(self) -> None:
        if not self.rates or len(self.rates) != len(self.amounts) or min(*self.rates, *self.amounts) <= 0:
            raise InputError(
                f"lag: expected a positive amount for each positive rate, got {self.rates!r} and {self.amounts!r}"
            )
        if not self.tail < 1:
            raise InputError(f"lag: expected tails that hold less than the whole signal, got {self.tail:.3g} of it")

    @property
    def tail(self) -> float:
        """The part of a signal that comes in later views."""
        rates = torch.tensor(self.rates, dtype=torch.float64)
        return float((torch.tensor(self.amounts, dtype=torch.float64) / torch.expm1(rates)).sum())

    def apply(self, signal: Float[Tensor, "*batch view bin"]) -> Float[Tensor, "*batch view bin"]:
        """Return the signal with lag; differentiable, at a cost of views squared."""
        return torch.einsum("vw,...wb->...vb", self._response(signal.shape[-2]).to(signal), signal)

    def _response(self, views: int) -> Tensor:
        age = torch.arange(views, dtype=torch.float64)
        age = age[:, None] - age
        rates, amounts = (torch.tensor(n, dtype=torch.float64)[:, None, None] for n in (self.rates, self.amounts))
        tails = (amounts * torch.exp(-rates * age.clamp(min=0))).sum(dim=0).tril(diagonal=-1)
        response = tails + (1 - self.tail) * torch.eye(views, dtype=torch.float64)
        if self.settled:
            response[:, 0] += 1 - response.sum(dim=1)
        return response
