"""What svct's own heads have in common: each stands on a lesion map."""

from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from svct.errors import InputError
from svct.tasks.case import Case
from svct.tasks.heads.base import DifferentiableHead, as_channels, check_pairs
from svct.tasks.heads.filters import sight_count
from svct.tasks.heads.lesion_map import IMAGES, LesionMap, fit_map

Predictions = TypeVar("Predictions")


class MapHead(DifferentiableHead[Predictions]):
    """A head on top of a lesion map.

    Args:
        width: Units of the map's first layer.
        steps: Steps of the fit.
        learning_rate: Greatest of the fit.
        weight_decay: Of the fit.

    Raises:
        InputError: A setting is out of range.
    """

    def __init__(
        self, *, width: int = 32, steps: int = 600, learning_rate: float = 4e-3, weight_decay: float = 1e-2
    ) -> None:
        if min(width, steps) < 1 or not learning_rate > 0 or not weight_decay >= 0:
            raise InputError(
                f"{self.name}: expected width and steps of 1 or more, a positive learning rate and a weight decay of 0 "
                f"or more, got {width}, {steps}, {learning_rate} and {weight_decay}"
            )
        self.width, self.steps, self.learning_rate, self.weight_decay = width, steps, learning_rate, weight_decay
        self._net: LesionMap | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """See `Head.settings`."""
        return {name: getattr(self, name) for name in ("width", "steps", "learning_rate", "weight_decay")}

    def fit(self, images: Float[Tensor, "n *channel y x"], cases: Sequence[Case], *, seed: int = 0) -> Self:
        """Learn the map; see `Head.fit`."""
        seen = check_pairs(images, cases).detach().cpu()
        ill = sum(case.present for case in cases)
        if ill < 2 or len(cases) - ill < 2:
            raise InputError(
                f"{self.name}: expected two or more cases with the finding and without to fit to, got {ill} and "
                f"{len(cases) - ill}"
            )
        coverage = torch.from_numpy(np.stack([case.coverage for case in cases])).float()
        # Pixels that the finding touches without being of it are neither one nor the other.
        self._net = fit_map(seen, torch.maximum(true_masks(cases), coverage / 2), seed=seed, **self.settings)
        return self

    @property
    def net(self) -> LesionMap:
        """The fitted map.

        Raises:
            InputError: The head is not fitted.
        """
        if self._net is None:
            raise InputError(f"{self.name}: expected a fitted head, got one that is not; call fit or load one")
        return self._net

    def logits(self, images: Float[Tensor, "n *channel y x"]) -> Float[Tensor, "n y x"]:
        """Return the map's logits, differentiable in the images.

        Raises:
            InputError: The head is not fitted, or the images have other channels than those of the fit.
        """
        wanted = self.net.mean
        seen = as_channels(images).to(wanted.device)
        if sight_count(seen.shape[1]) != len(wanted):
            raise InputError(
                f"{self.name}: expected as many channels as it was fitted on, got {seen.shape[1]}; give images to a "
                "head of images and features to one of features"
            )
        return torch.cat([self.net(part) for part in torch.split(seen, IMAGES)])

    def state(self) -> dict[str, Tensor]:
        """See `Head.state`."""
        return dict(self.net.state_dict())

    def load_state(self, state: Mapping[str, Tensor]) -> Self:
        """See `Head.load_state`."""
        try:
            count = len(state["mean"])
            channels = next(n for n in range(1, count + 1) if sight_count(n) >= count)
            net = LesionMap(channels, width=self.width)
            net.load_state_dict(state)
        except (KeyError, RuntimeError, StopIteration, TypeError) as error:
            text = " ".join(str(error).split())[:160]
            raise InputError(
                f"{self.name}: expected what a head of these settings learned, got other ({text})"
            ) from error
        self._net = net.eval().requires_grad_(False)
        return self


def true_mask(case: Case) -> NDArray[np.bool_]:
    """Return the pixels of a finding: those covered by more than half, or the one most covered where there is none."""
    if not case.present or case.mask.any():
        return case.mask
    most: NDArray[np.bool_] = case.coverage == case.coverage.max()
    return most


def true_masks(cases: Sequence[Case]) -> Float[Tensor, "n y x"]:
    """Return `true_mask` of each case as numbers."""
    return torch.from_numpy(np.stack([true_mask(case) for case in cases])).float()


def map_loss(logits: Float[Tensor, "n y x"], target: Float[Tensor, "n y x"]) -> Float[Tensor, ""]:
    """Return one less the soft Dice of maps and targets, over all pixels of all images together.

    Notes:
        Milletari et al. 2016, arXiv 1606.04797.
    """
    p = logits.sigmoid()
    return 1 - 2 * (p * target).sum() / (p.square().sum() + target.square().sum()).clamp(min=1e-6)
