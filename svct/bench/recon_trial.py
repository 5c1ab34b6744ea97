"""One scan of a group of subjects, and how each method does on it."""

import time
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from svct.bench.false_structures import Inserted, Lung, false_structures, insert_nodule, kept_contrast
from svct.bench.recon_methods import reconstruct
from svct.bench.recon_subjects import Group
from svct.geometry.projector import Projector
from svct.metrics import psnr, ssim
from svct.physics.acquisition import Acquisition


@dataclass(frozen=True)
class Scores:
    """How a method did.

    Args:
        setting: What was chosen for it, in words.
        psnr_db: PSNR of each subject, range 2000 HU, dB.
        ssim: SSIM of each subject, the same range.
        seconds: Wall clock per image, of the final reconstruction alone.
        false_structures: In each lung without a lesion.
        kept_contrast: Part of the contrast of a nodule inserted into each such lung.
    """

    setting: str
    psnr_db: tuple[float, ...]
    ssim: tuple[float, ...]
    seconds: float
    false_structures: tuple[int, ...]
    kept_contrast: tuple[float, ...]


class Trial:
    """The subjects, and once more those whose lungs have no lesion with a nodule inserted, scanned with one noise.

    Args:
        group: The subjects.
        A: The projector of the views taken.
        acquisition: Flux and noise.
        seed: Seed of the noise and of the places of the nodules.
    """

    def __init__(self, group: Group, A: Projector, acquisition: Acquisition, *, seed: int) -> None:
        self.group, self.A = group, A
        self.lungs: list[tuple[int, Lung, Inserted]] = []
        for i, (image, lung) in enumerate(zip(group.images, group.lungs, strict=True)):
            if lung is not None and lung.free.any():
                self.lungs.append((i, lung, insert_nodule(image.numpy(), lung, seed=1_000_003 * seed + i)))
        with_nodules = [torch.from_numpy(nodule.image) for _, _, nodule in self.lungs]
        self.images: Float[Tensor, "image y x"] = torch.stack([*group.images, *with_nodules])
        self.y: Float[Tensor, "image view col"] = acquisition.measure(A(self.images), seed=1_000_003 * seed + 10)

    def scores(self, method: str, net: nn.Module | None, *, strength: float, iterations: int) -> Scores:
        """Reconstruct with a method and judge it.

        Args:
            method: Its name.
            net: The network, where the method is one.
            strength: Of TV.
            iterations: Of TV.
        """
        truth = self.group.images
        with torch.inference_mode():
            begin = time.perf_counter()
            found = reconstruct(method, net, self.y, self.A, truth=truth, strength=strength, iterations=iterations)
            seconds = (time.perf_counter() - begin) / len(self.y)
        x = found.images.numpy()
        pairs = list(zip(x, truth.numpy(), strict=False))  # behind them come the images with nodules
        return Scores(
            setting=found.setting,
            psnr_db=tuple(psnr(*pair) for pair in pairs),
            ssim=tuple(ssim(*pair) for pair in pairs),
            seconds=seconds,
            false_structures=tuple(false_structures(*pairs[i], lung) for i, lung, _ in self.lungs),
            kept_contrast=tuple(
                kept_contrast(image, pairs[i][0], nodule, lung)
                for image, (i, lung, nodule) in zip(x[len(truth) :], self.lungs, strict=True)
            ),
        )
