"""Diagnostic readers that a search of views can go by: a head's loss, an observer's d', or either with image error."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor
from torch.nn import functional

from svct.bench.diagnosis_readers import PlaceReader, make_reader, regions_of
from svct.errors import InputError, unknown_name
from svct.metrics import RANGE
from svct.sampling.trial import Reading
from svct.tasks.case import Case
from svct.tasks.heads.base import DifferentiableHead, head_names, make_head
from svct.tasks.observers import ChannelisedHotelling

OBSERVER, LINEAR = "cho", "linear"
"""Drivers that are no heads: the channelised Hotelling observer, and detectability in the linear-Gaussian model."""

Images = Float[Tensor, "case y x"]


def driver_names() -> list[str]:
    """Return the names of all that can drive a sampler."""
    found = [name for name in head_names() if isinstance(make_head(name), DifferentiableHead)]
    return [OBSERVER, LINEAR, *found]


class ImageError:
    """Goes by the error of the image as a whole: PSNR with a range of 2000 HU, dB, and ln RMSE."""

    def worth(self, images: Images, truth: Images) -> Tensor:
        """Return the PSNR of every image, dB; see `Reading.worth`."""
        error = (images - truth).double().square().mean(dim=(-2, -1))
        return 10 * torch.log10(RANGE**2 / error)

    def loss(self, images: Images, truth: Images, patients: Int[Tensor, " case"]) -> Float[Tensor, ""]:
        """Return the mean ln RMSE; see `Reading.loss`."""
        return 0.5 * (images - truth).square().mean(dim=(-2, -1)).log().mean()


@dataclass(frozen=True, eq=False)
class HeadReading:
    """Goes by the loss of a fitted head, which stays as it is.

    Args:
        head: The head.
        cases: The truth of the patients, in their order.
    """

    head: DifferentiableHead[object]
    cases: Sequence[Case]

    def worth(self, images: Images, truth: Images) -> Tensor:
        """Return less the loss of each image; see `Reading.worth`."""
        with torch.no_grad():
            losses = [self.head.loss(x[None], [case]) for x, case in zip(images, self.cases, strict=True)]
        return -torch.stack(losses).double()

    def loss(self, images: Images, truth: Images, patients: Int[Tensor, " case"]) -> Float[Tensor, ""]:
        """Return the head's loss; see `Reading.loss`."""
        return self.head.loss(images, [self.cases[i] for i in patients.tolist()])


@dataclass(frozen=True, eq=False)
class ObserverReading:
    """Goes by the d' of a channelised Hotelling observer that is told the place and fitted anew to any images.

    Args:
        reader: The observer fitted on equidistant views, frozen, whose decisions have the gradient.
        middle: The decision halfway between the means of its two kinds of training images.
        cases: The truth of the patients, in their order.

    Notes:
        The worth of patient i is his jackknife pseudo-value n d' - (n - 1) d'_(i): their mean is d' less most of the
        bias of few cases, and their spread gives its standard error (Efron and Tibshirani 1993, chapter 11). The loss
        is the cross-entropy of the decision less `middle`: for Gaussian channels of one covariance the Hotelling
        decision is the logarithm of the likelihood ratio (Barrett and Myers 2004, section 13.2.8).
    """

    reader: PlaceReader
    middle: float
    cases: Sequence[Case]

    def worth(self, images: Images, truth: Images) -> Tensor:
        """Return the pseudo-value of d' of each patient; see `Reading.worth`."""
        observer = self.reader.observer
        if not isinstance(observer, ChannelisedHotelling):
            raise InputError(f"ObserverReading: expected a fitted channelised Hotelling observer, got {observer!r}")
        seen = regions_of(images, self.cases, self.reader.side).double()
        outputs = torch.einsum("nyx,cyx->nc", seen, observer.channels.double())
        return pseudo_values(outputs, torch.tensor([case.present for case in self.cases]))

    def loss(self, images: Images, truth: Images, patients: Int[Tensor, " case"]) -> Float[Tensor, ""]:
        """Return the cross-entropy of the frozen observer; see `Reading.loss`."""
        observer = self.reader.observer
        if observer is None:
            raise InputError("ObserverReading: expected a fitted observer, got a new one; call fit first")
        cases = [self.cases[i] for i in patients.tolist()]
        odds = observer.decide(regions_of(images, cases, self.reader.side)) - self.middle
        present = torch.tensor([float(case.present) for case in cases], dtype=odds.dtype)
        return functional.binary_cross_entropy_with_logits(odds, present)


@dataclass(frozen=True, eq=False)
class MixedReading:
    """Goes by a reader and the image error, each in units of its spread over patients.

    Args:
        reading: The reader.
        share: Part of the image error, 0 to 1.
        spread: Standard deviation over patients of the reader's worth in equidistant views.
        spread_db: That of PSNR, dB.

    Raises:
        InputError: A share outside 0 to 1, or a spread that is not positive.
    """

    reading: Reading
    share: float
    spread: float
    spread_db: float

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1 or not min(self.spread, self.spread_db) > 0:
            raise InputError(
                f"MixedReading: expected a share of 0 to 1 and positive spreads, got {self.share}, {self.spread} and "
                f"{self.spread_db}"
            )

    def worth(self, images: Images, truth: Images) -> Tensor:
        """Return the weighted mean of both; see `Reading.worth`."""
        read, error = self.reading.worth(images, truth), ImageError().worth(images, truth)
        return (1 - self.share) * read / self.spread + self.share * error / self.spread_db

    def loss(self, images: Images, truth: Images, patients: Int[Tensor, " case"]) -> Float[Tensor, ""]:
        """Return the weighted mean of both losses; see `Reading.loss`."""
        # ln RMSE is PSNR in other units: 20 / ln 10 dB each.
        error = ImageError().loss(images, truth, patients) * 8.685889638 / self.spread_db
        return (1 - self.share) * self.reading.loss(images, truth, patients) / self.spread + self.share * error


def fit_reading(driver: str, images: Images, cases: Sequence[Case], *, seed: int) -> HeadReading | ObserverReading:
    """Fit a driver to reconstructions from equidistant views, of the patients that the search learns from.

    Args:
        driver: ``"cho"``, or the name of a differentiable head; see `driver_names`.
        images: 1/mm, one per case.
        cases: Their truth.
        seed: Of the fit.

    Returns:
        The reading of these cases; `reading_of` gives that of others.

    Raises:
        UnknownNameError: No such driver.
        InputError: Cases that nothing can be learned from.
    """
    if driver not in driver_names():
        raise unknown_name("driver", driver, driver_names())
    if driver in (OBSERVER, LINEAR):
        reader = make_reader(OBSERVER)
        assert isinstance(reader, PlaceReader)
        decisions = torch.from_numpy(reader.fit(images, cases).decide(images, cases))
        present = torch.tensor([case.present for case in cases])
        middle = float(decisions[present].mean() + decisions[~present].mean()) / 2
        return ObserverReading(reader, middle, cases)
    head = make_head(driver)
    assert isinstance(head, DifferentiableHead)
    return HeadReading(head.fit(images, cases, seed=seed), cases)


def reading_of(reading: HeadReading | ObserverReading, cases: Sequence[Case]) -> HeadReading | ObserverReading:
    """Return the same reader for other patients."""
    if isinstance(reading, HeadReading):
        return HeadReading(reading.head, cases)
    return ObserverReading(reading.reader, reading.middle, cases)


def pseudo_values(outputs: Float64[Tensor, "case channel"], present: Tensor) -> Float64[Tensor, " case"]:
    """Return the jackknife pseudo-value of d' of each case, ``(case,)``.

    Args:
        outputs: Channel outputs.
        present: Whether the signal is there.

    Raises:
        InputError: Fewer than three cases of either kind.
    """
    if min(int(present.sum()), int((~present).sum())) < 3:
        raise InputError(
            f"d': expected three or more cases of either kind, got {int(present.sum())} with the finding and "
            f"{int((~present).sum())} without"
        )
    whole, count = _detectability(outputs, present), len(outputs)
    kept = [torch.arange(count) != i for i in range(count)]
    return torch.stack([count * whole - (count - 1) * _detectability(outputs[k], present[k]) for k in kept])


def _detectability(outputs: Float64[Tensor, "case channel"], present: Tensor) -> Float64[Tensor, ""]:
    """Return d' of the Hotelling observer, sqrt(s^T K^-1 s) with the mean signal s and the mean covariance K."""
    ill, well = outputs[present], outputs[~present]
    signal = ill.mean(dim=0) - well.mean(dim=0)
    covariance = (torch.cov(ill.T) + torch.cov(well.T)) / 2
    weights = torch.linalg.lstsq(covariance, signal[:, None], driver="gelsd").solution[:, 0]
    found: Tensor = (signal @ weights).clamp(min=0).sqrt()
    return found
