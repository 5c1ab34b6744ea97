"""Linear observers: a template, fitted to regions with and without the signal, and its product with a region."""

from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError


class LinearObserver(Protocol):
    """What every observer here can do."""

    def fit(self, present: Float[Tensor, "n y x"], absent: Float[Tensor, "m y x"]) -> "LinearObserver":
        """Learn the template from regions with and without the signal; return the observer."""

    def decide(self, regions: Float[Tensor, "n y x"]) -> Float[Tensor, " n"]:
        """Return the decision variable of each region, the larger the surer that the signal is there."""


class Hotelling:
    """The ideal linear observer on the pixels of a region.

    Args:
        shrinkage: Part of the covariance, 0 to 1, that is replaced by a multiple of the identity. Default: the amount
            that Ledoit and Wolf find best for the number of regions.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> noise = torch.randn(400, 8, 8)
        >>> observer = Hotelling().fit(noise[:200] + 0.5, noise[200:])
        >>> bool(observer.decide(torch.randn(50, 8, 8) + 0.5).mean() > observer.decide(torch.randn(50, 8, 8)).mean())
        True

    Notes:
        t = w^T g with w = S^-1 (g1 - g0), the difference of the mean regions and S the mean of the two classes'
        covariances (Barrett and Myers 2004, Foundations of Image Science, section 13.2.12). Shrinkage after Ledoit and
        Wolf 2004 (J. Multivar. Anal. 88:365).
    """

    def __init__(self, *, shrinkage: float | None = None) -> None:
        if shrinkage is not None and not 0 <= shrinkage <= 1:
            raise InputError(f"shrinkage: expected 0 to 1, got {shrinkage}")
        self.shrinkage = shrinkage
        self.template: Tensor | None = None

    def fit(self, present: Float[Tensor, "n y x"], absent: Float[Tensor, "m y x"]) -> "Hotelling":
        """Learn the template.

        Args:
            present: Regions with the signal, in any unit.
            absent: Regions without it, of the same size.

        Raises:
            InputError: Fewer than two regions of either kind, or regions of different sizes.
        """
        classes = _flat(present, absent)
        self.template = _prewhitened(*classes, self.shrinkage).reshape(present.shape[1:])
        return self

    def decide(self, regions: Float[Tensor, "n y x"]) -> Float[Tensor, " n"]:
        """Return the decision variables.

        Raises:
            InputError: The observer is not fitted, or the regions have another size.
        """
        return _decide(self.template, regions)


class ChannelisedHotelling:
    """The Hotelling observer on the outputs of channels.

    Args:
        channels: Such as `gabor_channels` gives, ``(channels, ny, nx)``.
        internal_noise: Noise of the observer itself: standard deviation of each channel as a part of the background's.
        seed: Of that noise.

    Notes:
        Myers and Barrett 1987 (J. Opt. Soc. Am. A 4:2447); internal noise in proportion to the channel's own (Brankov
        2013, Phys. Med. Biol. 58:7159), in the fit as a variance, in a decision as a draw.
    """

    def __init__(self, channels: Float[Tensor, "channel y x"], *, internal_noise: float = 0.0, seed: int = 0) -> None:
        if channels.ndim != 3 or internal_noise < 0:
            raise InputError(
                f"ChannelisedHotelling: expected channels (n, ny, nx) and noise of 0 or more, got shape "
                f"{tuple(channels.shape)} and {internal_noise}"
            )
        self.channels, self.internal_noise, self.seed = channels, internal_noise, seed
        self.template: Tensor | None = None
        self._spread: Tensor | None = None
        self._weights: Tensor | None = None

    def fit(self, present: Float[Tensor, "n y x"], absent: Float[Tensor, "m y x"]) -> "ChannelisedHotelling":
        """Learn the template, see `Hotelling.fit`."""
        seen = [self._outputs(regions) for regions in (present, absent)]
        _flat(*(regions[:, None] for regions in seen))
        self._spread = self.internal_noise * seen[1].std(dim=0)
        covariance = (torch.cov(seen[0].T) + torch.cov(seen[1].T)) / 2 + torch.diag(self._spread**2)
        signal = seen[0].mean(dim=0) - seen[1].mean(dim=0)
        self._weights = torch.linalg.lstsq(covariance, signal[:, None], driver="gelsd").solution[:, 0]
        self.template = torch.einsum("c,cyx->yx", self._weights, self.channels.double())
        return self

    def decide(self, regions: Float[Tensor, "n y x"]) -> Float[Tensor, " n"]:
        """Return the decision variables, see `Hotelling.decide`."""
        decisions = _decide(self.template, regions)
        if self.internal_noise and self._spread is not None and self._weights is not None:
            generator = torch.Generator().manual_seed(self.seed)
            noise = torch.randn(len(regions), len(self._spread), generator=generator, dtype=torch.float64)
            decisions = decisions + (noise * self._spread) @ self._weights
        return decisions

    def _outputs(self, regions: Float[Tensor, "n y x"]) -> Float[Tensor, "n channel"]:
        if regions.shape[1:] != self.channels.shape[1:]:
            raise InputError(
                f"regions: expected {tuple(self.channels.shape[1:])} pixels as the channels have, got "
                f"{tuple(regions.shape[1:])}"
            )
        return torch.einsum("nyx,cyx->nc", regions.double(), self.channels.double())


class NonPrewhitening:
    """Matches regions with the mean signal, as an observer that knows nothing of the noise's correlation.

    Args:
        voxel_mm: Pixel size, mm; wanted for the eye filter.
        eye: Whether to see through the eye's contrast sensitivity.
        magnification: How much larger the image is shown than the object.
        distance_mm: From the eye to the screen.

    Notes:
        w = E^2 (g1 - g0). The eye filter E(f) = f^1.3 exp(-0.04 f^2), f in cycles per degree, scaled to one at its top,
        is that of Burgess 1994 (J. Opt. Soc. Am. A 11:1237) with the constants used for CT by Solomon et al. 2015
        (Med. Phys. 42:6610).
    """

    def __init__(
        self, *, voxel_mm: float = 1.0, eye: bool = True, magnification: float = 1.0, distance_mm: float = 500.0
    ) -> None:
        if voxel_mm <= 0 or magnification <= 0 or distance_mm <= 0:
            raise InputError(
                f"NonPrewhitening: expected positive sizes, got {voxel_mm} mm, {magnification}, {distance_mm} mm"
            )
        self.voxel_mm, self.eye = voxel_mm, eye
        self.degrees_per_mm = magnification * 180 / (torch.pi * distance_mm)
        self.template: Tensor | None = None

    def fit(self, present: Float[Tensor, "n y x"], absent: Float[Tensor, "m y x"]) -> "NonPrewhitening":
        """Learn the template, see `Hotelling.fit`."""
        _flat(present, absent)
        signal = present.double().mean(dim=0) - absent.double().mean(dim=0)
        self.template = self._through_the_eye(signal) if self.eye else signal
        return self

    def decide(self, regions: Float[Tensor, "n y x"]) -> Float[Tensor, " n"]:
        """Return the decision variables, see `Hotelling.decide`."""
        return _decide(self.template, regions)

    def _through_the_eye(self, signal: Float[Tensor, "y x"]) -> Float[Tensor, "y x"]:
        rows, columns = (torch.fft.fftfreq(2 * n, self.voxel_mm, dtype=torch.float64) for n in signal.shape)
        f = torch.hypot(rows[:, None], columns) / self.degrees_per_mm
        top = (1.3 / 0.08) ** 0.5
        response = f**1.3 * torch.exp(-0.04 * f**2) / (top**1.3 * torch.exp(torch.tensor(-0.04 * top**2)))
        padded = torch.fft.fft2(signal, s=(2 * signal.shape[0], 2 * signal.shape[1]))
        seen: Tensor = torch.fft.ifft2(padded * response**2).real[: signal.shape[0], : signal.shape[1]]
        return seen


def _flat(present: Tensor, absent: Tensor) -> tuple[Tensor, Tensor]:
    if present.ndim != 3 or present.shape[1:] != absent.shape[1:] or min(len(present), len(absent)) < 2:
        raise InputError(
            f"observer: expected two or more regions (n, ny, nx) of one size with and without the signal, got shapes "
            f"{tuple(present.shape)} and {tuple(absent.shape)}"
        )
    return present.double().flatten(1), absent.double().flatten(1)


def _prewhitened(present: Tensor, absent: Tensor, shrinkage: float | None) -> Tensor:
    """Solve for the template without forming a covariance larger than the number of regions."""
    signal = present.mean(dim=0) - absent.mean(dim=0)
    centred = torch.cat([(c - c.mean(dim=0)) * (0.5 / (len(c) - 1)) ** 0.5 for c in (present, absent)])
    pixels = centred.shape[1]
    mean = float(centred.square().sum()) / pixels
    if shrinkage is None:
        shrinkage = _ledoit_wolf(present, absent, centred, mean)
    # (d I + (1 - a) C^T C)^-1 s by the identity of Woodbury.
    d = max(shrinkage * mean, 1e-9 * mean, 1e-300)
    inner = centred @ centred.T * (1 - shrinkage) + d * torch.eye(len(centred), dtype=centred.dtype)
    template: Tensor = (signal - (1 - shrinkage) * centred.T @ torch.linalg.solve(inner, centred @ signal)) / d
    return template


def _ledoit_wolf(present: Tensor, absent: Tensor, centred: Tensor, mean: float) -> float:
    samples = torch.cat([c - c.mean(dim=0) for c in (present, absent)])
    n, pixels = samples.shape
    gram = samples @ samples.T
    squares = float(gram.square().sum()) / n**2
    apart = squares - pixels * mean**2
    scatter = float(gram.diagonal().square().sum()) / n**2 - squares / n
    return min(1.0, max(0.0, scatter / apart)) if apart > 0 else 1.0


def _decide(template: Tensor | None, regions: Tensor) -> Tensor:
    if template is None:
        raise InputError("observer: expected one that is fitted, got a new one; call fit first")
    if regions.shape[1:] != template.shape:
        raise InputError(
            f"regions: expected {tuple(template.shape)} pixels as the observer was fitted on, got "
            f"{tuple(regions.shape[1:])}"
        )
    return torch.einsum("nyx,yx->n", regions.double(), template)
