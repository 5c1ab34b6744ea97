"""The head that outlines lesions."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from svct.errors import InputError
from svct.tasks.case import Case
from svct.tasks.heads.base import check_pairs
from svct.tasks.heads.map_head import MapHead, map_loss, true_mask, true_masks
from svct.tasks.heads.overlap import dice, surface_distance_mm
from svct.tasks.heads.scores import Statistic, mean_of


class Segmenter(MapHead[NDArray[np.float64]]):
    """Which pixels a lesion covers.

    Args:
        width: See `MapHead`; likewise `steps`, `learning_rate` and `weight_decay`.
    """

    name = "segmenter"
    main = "dice"

    def loss(self, images: Float[Tensor, "n *channel y x"], cases: Sequence[Case]) -> Float[Tensor, ""]:
        """Return one less the map's soft Dice; see `DifferentiableHead.loss`."""
        check_pairs(images, cases)
        return map_loss(self.logits(images), true_masks(cases))

    def predict(self, images: Float[Tensor, "n *channel y x"]) -> NDArray[np.float64]:
        """Return maps of lesions, 0 to 1, their edges at 0.5, ``(n, ny, nx)``; see `Head.predict`."""
        with torch.inference_mode():
            return self.logits(images).double().sigmoid().numpy()

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
