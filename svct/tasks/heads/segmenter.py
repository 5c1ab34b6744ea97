"""The head that outlines lesions."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from svct.errors import InputError
from svct.tasks.case import Case
from svct.tasks.heads.lesion_map import MapHead, map_loss
from svct.tasks.heads.overlap import dice, surface_distance_mm
from svct.tasks.heads.scores import Statistic, mean_of


class Segmenter(MapHead[NDArray[np.float64]]):
    """Which pixels a lesion covers.

    Args:
        width: See `MapHead`; likewise `depth`, `epochs` and `learning_rate`.
    """

    name = "segmenter"
    main = "dice"

    def truth(self, cases: Sequence[Case]) -> dict[str, Tensor]:
        """Return the true masks; see `MapHead.truth`."""
        masks = torch.from_numpy(np.stack([true_mask(case) for case in cases])).float()
        return {**super().truth(cases), "mask": masks}

    def objective(self, logits: Float[Tensor, "n y x"], truth: Mapping[str, Tensor]) -> Float[Tensor, ""]:
        """Return the loss of the map."""
        return map_loss(logits, truth["mask"])

    def predict(self, images: Float[Tensor, "n *channel y x"]) -> NDArray[np.float64]:
        """Return the probability that a lesion covers each pixel, ``(n, ny, nx)``; see `Head.predict`."""
        return self.maps(images).sigmoid().double().numpy()

    def statistics(self, predictions: NDArray[np.float64], cases: Sequence[Case]) -> dict[str, Statistic]:
        """Return mean Dice, surface distance of what was found, the part missed, and false area where nothing is."""
        masks = np.asarray(predictions) > 0.5
        if len(masks) != len(cases) or any(m.shape != c.coverage.shape for m, c in zip(masks, cases, strict=True)):
            raise InputError(f"predictions: expected one image for each of {len(cases)} cases, got {masks.shape}")
        pairs = list(zip(masks, cases, strict=True))
        present = np.array([case.present for case in cases])
        area = [float(mask.sum()) * case.record.grid.voxel_mm**2 for mask, case in pairs]
        surface = [
            surface_distance_mm(mask, true_mask(case), voxel_mm=case.record.grid.voxel_mm)
            if case.present
            else float("nan")
            for mask, case in pairs
        ]
        return {
            "dice": mean_of([dice(mask, true_mask(case)) for mask, case in pairs], over=present),
            "surface_distance_mm": mean_of(surface),
            "missed": mean_of([float(not mask.any()) for mask in masks], over=present),
            "false_area_mm2": mean_of(area, over=~present),
        }


def true_mask(case: Case) -> NDArray[np.bool_]:
    """Return the pixels of a finding: those covered by more than half, or the one most covered where there is none."""
    if not case.present or case.mask.any():
        return case.mask
    most: NDArray[np.bool_] = case.coverage == case.coverage.max()
    return most
