"""What svct's own heads have in common: a small network that says of each pixel whether a lesion covers it."""

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from svct.errors import InputError
from svct.recon.regularisers import CONDITIONS, UNet
from svct.tasks.case import Case
from svct.tasks.heads.base import DifferentiableHead, as_channels, check_pairs

WINDOWS_HU = ((-1000.0, 1000.0), (-1000.0, -400.0), (-160.0, 240.0), (0.0, 100.0))
"""Windows in which the network sees the image, HU: all, lung, soft tissue, brain."""

BATCH = 16
Predictions = TypeVar("Predictions")


class LesionMap(nn.Module):
    """Logits of the lesion's coverage of each pixel.

    Args:
        channels: Of what it reads: 1 for images.
        width: Channels of the finest convolutions.
        depth: Resolutions.

    Notes:
        The U-Net of `svct.recon.regularisers`, which is told of no condition here. The first channel is seen in
        `WINDOWS_HU`, the others less their mean over the cases of the fit, in units of their standard deviation.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, channels: int, *, width: int, depth: int) -> None:
        super().__init__()
        self.net = UNet(len(WINDOWS_HU) + channels - 1, 1, width=width, depth=depth)
        with torch.no_grad():
            self.net.leave.bias.fill_(-4.0)  # lesions are rare among pixels
        self.register_buffer("mean", torch.zeros(channels - 1, 1, 1))
        self.register_buffer("spread", torch.ones(channels - 1, 1, 1))

    def measure(self, seen: Float[Tensor, "n channel y x"]) -> None:
        """Take mean and standard deviation of the further channels from the cases of a fit."""
        for channel, values in enumerate(seen[:, 1:].double().unbind(dim=1)):
            self.mean[channel] = values.mean()
            self.spread[channel] = values.std().clamp(min=1e-6)

    def forward(self, seen: Float[Tensor, "n channel y x"]) -> Float[Tensor, "n y x"]:
        """Return the logits."""
        hu = (seen[:, :1] - 1) * 1000
        windows = [2 * (hu.clamp(low, high) - low) / (high - low) - 1 for low, high in WINDOWS_HU]
        x = torch.cat([*windows, (seen[:, 1:] - self.mean) / self.spread], dim=1)
        logits: Tensor = self.net(x.contiguous(memory_format=torch.channels_last), x.new_zeros(len(x), CONDITIONS))
        return logits[:, 0]


class MapHead(DifferentiableHead[Predictions]):
    """A head on top of a lesion map.

    Args:
        width: Channels of the finest convolutions.
        depth: Resolutions.
        epochs: How often each case is seen in a fit.
        learning_rate: Greatest of the fit.

    Raises:
        InputError: A setting is not positive.

    Notes:
        AdamW with a one-cycle rate (Smith and Topin 2018, arXiv 1708.07120), on images mirrored at random.
    """

    def __init__(self, *, width: int = 12, depth: int = 4, epochs: int = 40, learning_rate: float = 4e-3) -> None:
        if min(width, depth, epochs) < 1 or not learning_rate > 0:
            raise InputError(
                f"{self.name}: expected width, depth and epochs of 1 or more and a positive learning rate, got {width}, "
                f"{depth}, {epochs} and {learning_rate}"
            )
        self.width, self.depth, self.epochs, self.learning_rate = width, depth, epochs, learning_rate
        self._net: LesionMap | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """See `Head.settings`."""
        return {name: getattr(self, name) for name in ("width", "depth", "epochs", "learning_rate")}

    @abstractmethod
    def objective(self, logits: Float[Tensor, "n y x"], truth: Mapping[str, Tensor]) -> Float[Tensor, ""]:
        """Return the loss of a map, the mean over its cases."""

    def truth(self, cases: Sequence[Case]) -> dict[str, Tensor]:
        """Return what the objective is told of the cases, tensors of one row per case."""
        coverage = torch.from_numpy(np.stack([case.coverage for case in cases])).float()
        return {"coverage": coverage, "present": torch.tensor([float(case.present) for case in cases])}

    def fit(self, images: Float[Tensor, "n *channel y x"], cases: Sequence[Case], *, seed: int = 0) -> Self:
        """Learn to read; see `Head.fit`."""
        seen, truth = check_pairs(images, cases).detach(), self.truth(cases)
        ill = int(truth["present"].sum())
        if ill < 2 or len(cases) - ill < 2:
            raise InputError(
                f"{self.name}: expected two or more cases with the finding and without to fit to, got {ill} and "
                f"{len(cases) - ill}"
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = self._build(seen.shape[1])
        net.measure(seen)
        generator = torch.Generator().manual_seed(seed)
        steps = self.epochs * math.ceil(len(seen) / BATCH)
        optimiser = torch.optim.AdamW(net.parameters(), lr=self.learning_rate, weight_decay=1e-3)
        rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, self.learning_rate, total_steps=steps)
        for batch, mirrored in _batches(len(seen), self.epochs, generator):
            part = {
                name: torch.flip(value[batch], mirrored) if value.ndim == 3 else value[batch]
                for name, value in truth.items()
            }
            loss = self.objective(net(torch.flip(seen[batch], mirrored)), part)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rate.step()
        self._net = net.eval().requires_grad_(False)
        return self

    def loss(self, images: Float[Tensor, "n *channel y x"], cases: Sequence[Case]) -> Float[Tensor, ""]:
        """See `DifferentiableHead.loss`."""
        check_pairs(images, cases)
        return self.objective(self.net(self.channels_of(images)), self.truth(cases))

    @property
    def net(self) -> LesionMap:
        """The fitted network.

        Raises:
            InputError: The head is not fitted.
        """
        if self._net is None:
            raise InputError(f"{self.name}: expected a fitted head, got one that is not; call fit or load one")
        return self._net

    def maps(self, images: Float[Tensor, "n *channel y x"]) -> Float[Tensor, "n y x"]:
        """Return the fitted network's logits, without a gradient."""
        seen = self.channels_of(images)
        with torch.inference_mode():
            return torch.cat([self.net(part) for part in torch.split(seen, BATCH)])

    def state(self) -> dict[str, Tensor]:
        """See `Head.state`."""
        return dict(self.net.state_dict())

    def load_state(self, state: Mapping[str, Tensor]) -> Self:
        """See `Head.load_state`."""
        try:
            net = self._build(len(state["mean"]) + 1)
            net.load_state_dict(state)
        except (KeyError, RuntimeError, ValueError) as error:
            text = " ".join(str(error).split())[:160]
            raise InputError(
                f"{self.name}: expected what a head of these settings learned, got other ({text})"
            ) from error
        self._net = net.eval().requires_grad_(False)
        return self

    def _build(self, channels: int) -> LesionMap:
        return LesionMap(channels, width=self.width, depth=self.depth)

    def channels_of(self, images: Float[Tensor, "n *channel y x"]) -> Float[Tensor, "n channel y x"]:
        seen = as_channels(images)
        if seen.shape[1] != self.net.mean.shape[0] + 1:
            raise InputError(
                f"{self.name}: expected {self.net.mean.shape[0] + 1} channels, on which it was fitted, got {seen.shape[1]}"
            )
        return seen


def map_loss(logits: Float[Tensor, "n y x"], target: Float[Tensor, "n y x"]) -> Float[Tensor, ""]:
    """Return how far a map is from a target between 0 and 1, the mean over images.

    Notes:
        Ten times the binary cross-entropy of a pixel, plus one less the soft Dice of the batch (Milletari et al. 2016,
        arXiv 1606.04797).
    """
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none").mean()
    p = logits.sigmoid()
    dice = (2 * (p * target).sum() + 1) / (p.square().sum() + target.square().sum() + 1)
    return 10 * entropy + 1 - dice


def peaked(coverage: Float[Tensor, "n y x"]) -> Float[Tensor, "n y x"]:
    """Return coverage as a part of its greatest in each image: a lesion smaller than a pixel is a lesion as well."""
    return coverage / coverage.amax(dim=(-2, -1), keepdim=True).clamp(min=1e-6)


def _batches(count: int, epochs: int, generator: torch.Generator) -> Iterator[tuple[Tensor, list[int]]]:
    """Yield the cases of each batch, and the axes to mirror it along."""
    for _ in range(epochs):
        for batch in torch.split(torch.randperm(count, generator=generator), BATCH):
            mirrored = torch.randint(2, (2,), generator=generator).tolist()
            yield batch, [axis - 2 for axis, mirror in enumerate(mirrored) if mirror]
