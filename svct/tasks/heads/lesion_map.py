"""A small network that says of each pixel whether a lesion covers it."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from svct.tasks.heads.filters import sight_count, sights

IMAGES = 16
"""How many images are looked at together."""
AT_RANDOM, HARD = 400, 60
"""Pixels of each image, at random and then of those that are wrongly taken for a lesion, that are learned from."""
ROUNDS = 3
"""How often the wrongly taken pixels are looked for."""


class LesionMap(nn.Module):
    """Logits of the lesion's coverage of each pixel.

    Args:
        channels: Of what it reads: 1 for images.
        width: Units of its first layer; half as many in the second.

    Notes:
        Two hidden layers on the `sights` of a pixel, so that little is to be learned.
    """

    mean: Tensor
    spread: Tensor
    threshold: Tensor

    def __init__(self, channels: int, *, width: int) -> None:
        super().__init__()
        count, half = sight_count(channels), max(width // 2, 1)
        self.layers = nn.Sequential(
            nn.Linear(count, width), nn.SiLU(), nn.Linear(width, half), nn.SiLU(), nn.Linear(half, 1)
        )
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("spread", torch.ones(count))
        self.register_buffer("threshold", torch.zeros(()))

    def forward(self, seen: Float[Tensor, "n channel y x"]) -> Float[Tensor, "n y x"]:
        """Return the logits."""
        return self.of_sights(sights(seen).movedim(1, -1)) - self.threshold

    def of_sights(self, rows: Float[Tensor, "*pixel sight"]) -> Float[Tensor, "*pixel"]:
        """Return the logits of pixels, before the threshold is taken off."""
        logits: Tensor = self.layers((rows - self.mean) / self.spread)
        return logits[..., 0]


def fit_map(
    seen: Float[Tensor, "n channel y x"],
    target: Float[Tensor, "n y x"],
    *,
    width: int,
    steps: int,
    learning_rate: float,
    weight_decay: float,
    seed: int,
) -> LesionMap:
    """Learn a map from pixels: those of lesions, some at random, and those taken for a lesion where none is.

    Args:
        seen: The image in units of water's attenuation, and further channels.
        target: Above 0.5 where a pixel is of a lesion, 0 where it is not; nothing is learned from others.
        width: See `LesionMap`.
        steps: Steps of the optimiser.
        learning_rate: Greatest.
        weight_decay: Of the optimiser.
        seed: Of all chance.

    Notes:
        AdamW with a one-cycle rate (Smith and Topin 2018, arXiv 1708.07120) on cross-entropy, lesion pixels counting as
        much as half of the others; hard examples in rounds (Felzenszwalb et al. 2010, IEEE TPAMI 32:1627). At last the
        threshold is taken at which the training cases' masks agree best with the target (Dice).
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = LesionMap(seen.shape[1], width=width)
    lesion, others = _pools(seen, target, generator)
    net.mean.copy_(others.mean(dim=0))
    net.spread.copy_(others.std(dim=0).clamp(min=1e-6))
    optimiser = torch.optim.AdamW(net.parameters(), lr=learning_rate, weight_decay=weight_decay)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, total_steps=steps)
    hard = others
    for step in range(steps):
        if step and ROUNDS * step // steps > ROUNDS * (step - 1) // steps:
            hard = _taken_wrongly(net, seen, target)
        pools = [(lesion, 256), (others, 256), (hard, 256)]
        rows = torch.cat([pool[torch.randint(len(pool), (n,), generator=generator)] for pool, n in pools])
        wanted = torch.cat([torch.ones(256), torch.zeros(512)])
        loss = functional.binary_cross_entropy_with_logits(net.of_sights(rows), wanted)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        rate.step()
    net.threshold.copy_(_best_threshold(net, seen, target))
    return net.eval().requires_grad_(False)


def _pools(
    seen: Float[Tensor, "n channel y x"], target: Float[Tensor, "n y x"], generator: torch.Generator
) -> tuple[Float[Tensor, "lesion sight"], Float[Tensor, "other sight"]]:
    """Return the sights of all pixels that are mostly lesion, and of some that are none, seldom in the air."""
    lesion, others = [], []
    for part, share in zip(torch.split(seen, IMAGES), torch.split(target, IMAGES), strict=True):
        rows = sights(part).movedim(1, -1)
        lesion.append(rows[share > 0.5])
        likely = torch.where(part[:, 0] > 0.05, 1.0, 0.05) * (share == 0)
        chosen = torch.multinomial(likely.flatten(1), AT_RANDOM, replacement=True, generator=generator)
        others += [image.flatten(0, 1)[which] for image, which in zip(rows, chosen, strict=True)]
    return torch.cat(lesion), torch.cat(others)


@torch.no_grad()
def _taken_wrongly(
    net: LesionMap, seen: Float[Tensor, "n channel y x"], target: Float[Tensor, "n y x"]
) -> Float[Tensor, "pixel sight"]:
    """Return the sights of the pixels of each image that look most like a lesion and are none."""
    hard = []
    for part, share in zip(torch.split(seen, IMAGES), torch.split(target, IMAGES), strict=True):
        rows = sights(part).movedim(1, -1)
        logits = net.of_sights(rows).masked_fill(share > 0, -torch.inf).flatten(1)
        chosen = logits.topk(min(HARD, logits.shape[1]), dim=1).indices
        hard += [image.flatten(0, 1)[which] for image, which in zip(rows, chosen, strict=True)]
    return torch.cat(hard)


@torch.no_grad()
def _best_threshold(
    net: LesionMap, seen: Float[Tensor, "n channel y x"], target: Float[Tensor, "n y x"]
) -> Float[Tensor, ""]:
    """Return the threshold at which mean Dice is highest over the images with a lesion."""
    ill = target.flatten(1).amax(dim=1) > 0.5
    masks = target[ill] > 0.5
    logits = torch.cat([net(part) for part in torch.split(seen[ill], IMAGES)])
    tried = torch.quantile(logits[masks], torch.linspace(0.02, 0.9, 23))
    taken = [logits > level for level in tried]
    dice = [
        (2 * (mask & masks).sum(dim=(1, 2)) / (mask.sum(dim=(1, 2)) + masks.sum(dim=(1, 2)))).mean() for mask in taken
    ]
    return tried[int(torch.stack(dice).argmax())]
