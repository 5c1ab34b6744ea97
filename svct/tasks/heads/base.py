"""What a diagnostic head does: it is fitted to images of cases, reads others, and is scored against their truth."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError
from svct.registry import entry_points_of, load
from svct.tasks.case import Case
from svct.tasks.heads.scores import Figure, Scores, Statistic, draw_patients, figure, patients_of
from svct.units import MU_WATER

GROUP = "svct.heads"
"""Entry-point group: each entry is a `Head` class that can be made without arguments."""

Predictions = TypeVar("Predictions")


class Head(ABC, Generic[Predictions]):
    """A diagnostic reader of reconstructions, on top of frozen parts.

    A head is made with its settings, fitted once, and then reads any number of images. What it reads is either images,
    float32 ``(n, ny, nx)`` in 1/mm, or features such as `UnrolledNet.features` gives, ``(n, channel, ny, nx)``, whose
    first channel is the image in units of water's attenuation; it reads only what it was fitted on.
    """

    name: ClassVar[str]
    """As it is registered, such as ``"lesion-classifier"``."""
    main: ClassVar[str]
    """The figure to plot and to compare."""

    @property
    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """What the head was made with, plain data: ``type(head)(**head.settings)`` makes another."""

    @abstractmethod
    def fit(self, images: Float[Tensor, "n *channel y x"], cases: Sequence[Case], *, seed: int = 0) -> Self:
        """Learn to read.

        Args:
            images: Images or features, one per case.
            cases: Their truth.
            seed: Of all chance in it; the same seed gives the same head to the last bit.

        Raises:
            InputError: Images that do not fit the cases, or cases that nothing can be learned from.
        """

    @abstractmethod
    def predict(self, images: Float[Tensor, "n *channel y x"]) -> Predictions:
        """Read images.

        Args:
            images: Of the kind and channels that the head was fitted on.

        Raises:
            InputError: The head is not fitted, or the images are of another kind.
        """

    @abstractmethod
    def statistics(self, predictions: Predictions, cases: Sequence[Case]) -> dict[str, Statistic]:
        """Return every figure of merit as a function of how often each case counts.

        Raises:
            InputError: Predictions that do not fit the cases.
        """

    @abstractmethod
    def state(self) -> dict[str, Tensor]:
        """Return what was learned, by name.

        Raises:
            InputError: The head is not fitted.
        """

    @abstractmethod
    def load_state(self, state: Mapping[str, Tensor]) -> Self:
        """Take what `state` gave.

        Raises:
            InputError: Tensors that do not fit the settings.
        """

    def judge(
        self,
        predictions: Predictions,
        cases: Sequence[Case],
        *,
        confidence: float = 0.95,
        resamples: int = 1000,
        seed: int = 0,
    ) -> Scores:
        """Score predictions.

        Args:
            predictions: What `predict` gave.
            cases: The truth, one case for each.
            confidence: Coverage of the intervals.
            resamples: Bootstrap draws of patients.
            seed: Of the draws.

        Raises:
            InputError: Predictions that do not fit the cases, or cases of fewer than two patients.
        """
        statistics = self.statistics(predictions, cases)
        patients = patients_of(cases)
        times = draw_patients(patients, resamples=resamples, seed=seed)
        figures: dict[str, Figure] = {n: figure(s, times, confidence=confidence) for n, s in statistics.items()}
        return Scores(self.name, self.main, figures, len(cases), len(np.unique(patients)), confidence, seed)

    def score(
        self,
        images: Float[Tensor, "n *channel y x"],
        cases: Sequence[Case],
        *,
        confidence: float = 0.95,
        resamples: int = 1000,
        seed: int = 0,
    ) -> Scores:
        """Read images and score what was read; see `judge`.

        Given `svct.tasks.heads.controls.shuffled` or `blank` images it gives the floor, given the truth the ceiling.
        """
        predictions = self.predict(images)
        return self.judge(predictions, cases, confidence=confidence, resamples=resamples, seed=seed)


class DifferentiableHead(Head[Predictions]):
    """A head whose loss has a gradient to the images, which may drive a sampler."""

    @abstractmethod
    def loss(self, images: Float[Tensor, "n *channel y x"], cases: Sequence[Case]) -> Float[Tensor, ""]:
        """Return how wrong the fitted head is on images, the mean over cases; differentiable in the images."""


def head_names() -> list[str]:
    """Return the names of all registered heads."""
    return sorted(entry_points_of(GROUP))


def make_head(name: str, settings: Mapping[str, Any] | None = None) -> Head[Any]:
    """Make a head by its name, not fitted.

    Args:
        name: As it is registered.
        settings: What its class takes. Default: its own.

    Raises:
        UnknownNameError: No such head; the message lists those that exist.
        InputError: What is registered is no head of that name, or it does not take these settings.

    Example:
        >>> make_head("lesion-classifier").main
        'auc'
    """
    kind = load(GROUP, "head", name)
    if not (isinstance(kind, type) and issubclass(kind, Head)) or kind.name != name:
        raise InputError(f"{GROUP} {name}: expected a Head class of that name, got {kind!r}; mend the package")
    try:
        return kind(**(settings or {}))
    except TypeError as error:
        raise InputError(f"head {name!r}: expected the settings that it takes, got others ({error})") from error


def check_pairs(images: Float[Tensor, "n *channel y x"], cases: Sequence[Case]) -> Float[Tensor, "n channel y x"]:
    """Return images or features as channels, after checking that they fit the cases.

    Raises:
        InputError: Another number of images than cases, another size than their grids, or values that are not finite.
    """
    seen = as_channels(images)
    if len(seen) != len(cases):
        raise InputError(f"images: expected one for each of {len(cases)} cases, got {len(seen)}")
    for case in cases:
        if tuple(seen.shape[-2:]) != case.coverage.shape:
            raise InputError(
                f"images: expected the cases' grid {case.coverage.shape}, got {tuple(seen.shape[-2:])}; "
                "reconstruct on that grid"
            )
    return seen


def as_channels(images: Float[Tensor, "n *channel y x"]) -> Float[Tensor, "n channel y x"]:
    """Return images (1/mm) or features as channels, the first of them the image in units of water's attenuation.

    Raises:
        InputError: Another number of axes, or values that are not finite.
    """
    if images.ndim not in (3, 4) or not len(images):
        raise InputError(
            f"images: expected (n, ny, nx) in 1/mm or features (n, channel, ny, nx), got shape {tuple(images.shape)}"
        )
    if not bool(torch.isfinite(images.detach()).all()):
        raise InputError("images: expected finite values, got NaN or infinity")
    return images.float() if images.ndim == 4 else images.float()[:, None] / MU_WATER
