"""Who reads the images of a study: model observers that are told the place, and heads that are not."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from svct.errors import InputError, unknown_name
from svct.geometry.grid import Grid
from svct.tasks.case import Case
from svct.tasks.heads.base import head_names, make_head
from svct.tasks.heads.scores import Values
from svct.tasks.observers import (
    ChannelisedHotelling,
    Hotelling,
    LinearObserver,
    NonPrewhitening,
    laguerre_gauss_channels,
)

CHANNELS = 6
"""Of the channelised observer."""

Images = Float[Tensor, "case y x"]


class Reader(ABC):
    """What reads images and says how sure it is that the finding is there."""

    @abstractmethod
    def fit(self, images: Images, cases: Sequence[Case]) -> "Reader":
        """Learn to read images, 1/mm, one per case; return the reader."""

    @abstractmethod
    def decide(self, images: Images, cases: Sequence[Case]) -> Values:
        """Return the decision variables, ``(case,)``, the larger the surer."""


class PlaceReader(Reader):
    """A model observer that is told where to look, and looks at the pixels around.

    The region is 2.5 times the mean diameter of the findings plus a pixel wide, and 9 pixels at least.

    Args:
        observer: Makes one for regions of a number of pixels along an edge, a diameter and a pixel size, mm.
    """

    def __init__(self, observer: Callable[[int, float, float], LinearObserver]) -> None:
        self.make = observer
        self.observer: LinearObserver | None = None
        self.side = 0

    def fit(self, images: Images, cases: Sequence[Case]) -> "PlaceReader":
        """Fit the observer to the regions; see `Reader.fit`."""
        voxel = cases[0].record.grid.voxel_mm
        width = float(np.mean([case.record.place.size_mm[0] for case in cases])) + voxel
        self.side = max(9, 2 * math.ceil(1.25 * width / voxel) + 1)
        self.observer = self.make(self.side, width, voxel)
        seen = regions_of(images, cases, self.side)
        present = torch.tensor([case.present for case in cases])
        self.observer.fit(seen[present], seen[~present])
        return self

    def decide(self, images: Images, cases: Sequence[Case]) -> Values:
        """Return the decision variables at the places; see `Reader.decide`."""
        if self.observer is None:
            raise InputError("reader: expected one that is fitted, got a new one; call fit first")
        return np.asarray(self.observer.decide(regions_of(images, cases, self.side)).numpy(), np.float64)


class HeadReader(Reader):
    """A head that says whether the finding is present anywhere in the image.

    Args:
        name: As it is registered.
        seed: Of its fit.

    Raises:
        InputError: The head does not give one decision per image.
    """

    def __init__(self, name: str, *, seed: int = 0) -> None:
        self.head, self.seed = make_head(name), seed
        if self.head.main != "auc":
            raise InputError(
                f"reader {name!r}: expected a head that gives one decision per image, such as lesion-classifier, got "
                f"one that is scored by {self.head.main}; leave it to `svct evaluate`"
            )

    def fit(self, images: Images, cases: Sequence[Case]) -> "HeadReader":
        """Fit the head; see `Reader.fit`."""
        self.head.fit(images, cases, seed=self.seed)
        return self

    def decide(self, images: Images, cases: Sequence[Case]) -> Values:
        """Return what the head predicts; see `Reader.decide`."""
        decisions = np.asarray(self.head.predict(images), np.float64)
        if decisions.shape != (len(cases),):
            raise InputError(
                f"reader {self.head.name!r}: expected one decision per image, {len(cases)}, got {decisions.shape}"
            )
        return decisions


def _channelised(side: int, width_mm: float, voxel_mm: float) -> ChannelisedHotelling:
    channels = laguerre_gauss_channels((side, side), width_mm=width_mm, voxel_mm=voxel_mm, count=CHANNELS)
    return ChannelisedHotelling(channels)


OBSERVERS: dict[str, Callable[[int, float, float], LinearObserver]] = {
    "cho": _channelised,
    "hotelling": lambda side, width_mm, voxel_mm: Hotelling(),
    "npw": lambda side, width_mm, voxel_mm: NonPrewhitening(voxel_mm=voxel_mm),
}
"""Model observers by name: channelised Hotelling, Hotelling on pixels, non-prewhitening with an eye filter."""


def make_reader(name: str, *, seed: int = 0) -> Reader:
    """Make a reader by its name, not fitted.

    Args:
        name: One of `OBSERVERS`, or of a registered head that gives one decision per image.
        seed: Of its fit.

    Raises:
        UnknownNameError: No such reader.
        InputError: A head that gives something else.
    """
    if name in OBSERVERS:
        return PlaceReader(OBSERVERS[name])
    if name not in head_names():
        raise unknown_name("reader", name, [*OBSERVERS, *head_names()])
    return HeadReader(name, seed=seed)


def regions_of(images: Images, cases: Sequence[Case], side: int) -> Float[Tensor, "case row column"]:
    """Return the pixels around the place of each case, edge pixels repeated beyond the image.

    Args:
        images: 1/mm, ``(case, ny, nx)``.
        cases: Their truth.
        side: Pixels along an edge, odd; the pixel that the place lies in is the middle one.
    """
    half, cut = side // 2, []
    for image, case in zip(images, cases, strict=True):
        row, column = pixel_of(case.record.place.centre_mm, case.record.grid)
        rows = torch.arange(row - half, row + half + 1).clamp(0, image.shape[0] - 1)
        columns = torch.arange(column - half, column + half + 1).clamp(0, image.shape[1] - 1)
        cut.append(image[rows][:, columns])
    return torch.stack(cut)


def pixel_of(place_mm: tuple[float, float], grid: Grid) -> tuple[int, int]:
    """Return row and column of the pixel that a place lies in."""
    column = (place_mm[0] - grid.origin_mm[0]) / grid.voxel_mm + (grid.shape[1] - 1) / 2
    row = (grid.origin_mm[1] - place_mm[1]) / grid.voxel_mm + (grid.shape[0] - 1) / 2
    return round(row), round(column)


def chosen(cases: Sequence[Case], which: NDArray[np.intp]) -> list[Case]:
    """Return some of the cases."""
    return [cases[i] for i in which]


def cross_fit(name: str, images: Images, cases: Sequence[Case], fold: NDArray[np.int64], *, seed: int) -> list[Reader]:
    """Return a reader for each fold, fitted on the images of all other folds.

    Args:
        name: See `make_reader`.
        images: One per case.
        cases: Their truth.
        fold: The fold of each case, 0 upwards.
        seed: Of the fits.
    """
    readers = []
    for left_out in range(int(fold.max()) + 1):
        others = np.flatnonzero(fold != left_out)
        readers.append(make_reader(name, seed=seed).fit(images[torch.from_numpy(others)], chosen(cases, others)))
    return readers


def cross_read(readers: Sequence[Reader], images: Images, cases: Sequence[Case], fold: NDArray[np.int64]) -> Values:
    """Return the decision on each case of the reader that was not fitted on its fold, ``(case,)``."""
    decisions = np.empty(len(cases))
    for index, reader in enumerate(readers):
        own = np.flatnonzero(fold == index)
        decisions[own] = reader.decide(images[torch.from_numpy(own)], chosen(cases, own))
    return decisions
