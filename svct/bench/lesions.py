"""Faint discs put into patients, and how well an observer tells them from none."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from svct.errors import InputError
from svct.tasks.observers.channels import laguerre_gauss_channels
from svct.tasks.observers.linear import ChannelisedHotelling
from svct.units import MU_WATER

SIDE = 15
"""Pixels along a side of the region that the observer looks at."""

SOFT = (0.85 * MU_WATER, 1.15 * MU_WATER)
"""Attenuation around a lesion: soft tissue, 1/mm."""


@dataclass(frozen=True, eq=False)
class Lesions:
    """Discs of one size and contrast at known places of patients.

    Args:
        absent: Patients without lesions ``(n, ny, nx)``, 1/mm.
        present: The same with all their lesions.
        places: Row and column of each lesion, ``(n, m, 2)``.
    """

    absent: Float[Tensor, "patient y x"]
    present: Float[Tensor, "patient y x"]
    places: NDArray[np.int64]

    def decisions(
        self,
        observer: ChannelisedHotelling,
        present: Float[Tensor, "patient y x"],
        absent: Float[Tensor, "patient y x"],
    ) -> Float[Tensor, "2 patient lesion"]:
        """Return the observer's decision variables with and without each lesion, from reconstructions, 1/mm."""
        read = [observer.decide(self.regions(images)) for images in (present, absent)]
        return torch.stack(read).reshape(2, *self.places.shape[:2])

    def regions(self, images: Float[Tensor, "patient y x"]) -> Float[Tensor, "region row col"]:
        """Return the regions around the lesions, of each patient in turn, in units of water."""
        half = SIDE // 2
        return torch.stack(
            [
                image[row - half : row + half + 1, col - half : col + half + 1] / MU_WATER
                for image, found in zip(images, self.places, strict=True)
                for row, col in found.tolist()
            ]
        )


def put_lesions(
    images: Float[Tensor, "patient y x"],
    *,
    count: int = 4,
    pixels: float = 5.0,
    contrast_hu: float = 150.0,
    seed: int = 0,
) -> Lesions:
    """Put discs into the soft tissue of patients, apart from each other.

    Args:
        images: Patients, 1/mm.
        count: Lesions of each patient.
        pixels: Their diameter, pixels.
        contrast_hu: Their contrast, HU.
        seed: Of their places.

    Raises:
        InputError: A patient has no room for them.
    """
    rng = np.random.default_rng(seed)
    half = SIDE // 2
    row, col = np.mgrid[: images.shape[1], : images.shape[2]]
    present, places = images.clone(), []
    for i, image in enumerate(images.numpy()):
        soft = (image > SOFT[0]) & (image < SOFT[1])
        free = _all_around(soft, half // 2)
        free[:half], free[-half:], free[:, :half], free[:, -half:] = False, False, False, False
        found: list[tuple[int, int]] = []
        while len(found) < count:
            rows, cols = np.nonzero(free)
            if not len(rows):
                raise InputError(
                    f"lesions: expected room for {count} in soft tissue, patient {i} has it for {len(found)}"
                )
            at = int(rng.integers(len(rows)))
            place = (int(rows[at]), int(cols[at]))
            distance = np.hypot(row - place[0], col - place[1])
            inside = torch.from_numpy(np.clip(pixels / 2 + 0.5 - distance, 0, 1)).float()
            present[i] += inside * (contrast_hu / 1000 * MU_WATER)
            free &= distance > SIDE
            found.append(place)
        places.append(found)
    return Lesions(images, present, np.asarray(places))


def fit_observer(
    lesions: Lesions,
    present: Float[Tensor, "patient y x"],
    absent: Float[Tensor, "patient y x"],
    *,
    pixels: float = 5.0,
) -> ChannelisedHotelling:
    """Fit a Hotelling observer with five Laguerre-Gauss channels to reconstructions of patients with known lesions."""
    channels = laguerre_gauss_channels((SIDE, SIDE), width_mm=1.5 * pixels, voxel_mm=1.0, count=5)
    return ChannelisedHotelling(channels).fit(lesions.regions(present), lesions.regions(absent))


def cross_read(
    lesions: Lesions, present: Float[Tensor, "patient y x"], absent: Float[Tensor, "patient y x"]
) -> Float[Tensor, "2 patient lesion"]:
    """Return the decision variables of each half of the patients, of an observer fitted to the other half."""
    half = len(present) // 2
    parts = [
        (Lesions(lesions.absent[s], lesions.present[s], lesions.places[s]), present[s], absent[s])
        for s in (slice(half), slice(half, None))
    ]
    read = []
    for fit, other in (parts[::-1], parts):
        observer = fit_observer(*fit)
        known = fit[0].decisions(observer, *fit[1:]).mean(dim=(1, 2))
        # the two observers have scales of their own
        read.append((other[0].decisions(observer, *other[1:]) - known[1]) / (known[0] - known[1]))
    return torch.cat(read, dim=1)


def detectability(decisions: Float[Tensor, "2 patient lesion"]) -> float:
    """Return d', the distance of the mean decisions over the root of their mean variance.

    Notes:
        Barrett and Myers 2004, Foundations of Image Science, section 13.2.12.
    """
    present, absent = decisions.flatten(1).double()
    return float((present.mean() - absent.mean()) / ((present.var() + absent.var()) / 2).sqrt())


def detectability_gain(
    ours: Float[Tensor, "2 patient lesion"], theirs: Float[Tensor, "2 patient lesion"], *, seed: int = 0
) -> tuple[float, float, float]:
    """Return d' minus the baseline's d', and the ends of its 95 % bootstrap interval over patients."""
    rng = np.random.default_rng(seed)
    gains = []
    for _ in range(2000):
        who = torch.from_numpy(rng.integers(ours.shape[1], size=ours.shape[1]))
        gains.append(detectability(ours[:, who]) - detectability(theirs[:, who]))
    low, high = np.quantile(gains, [0.025, 0.975]).tolist()
    return detectability(ours) - detectability(theirs), low, high


def _all_around(where: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Return the pixels whose neighbours up to some pixels away are all true."""
    from scipy.ndimage import minimum_filter

    return np.asarray(minimum_filter(where, size=2 * reach + 1, mode="constant", cval=0))
