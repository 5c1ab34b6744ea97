"""The head that says whether a finding is present."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from svct.errors import InputError
from svct.tasks.case import Case
from svct.tasks.heads.lesion_map import MapHead, map_loss, peaked
from svct.tasks.heads.roc import auc, sensitivity_at
from svct.tasks.heads.scores import Statistic

SPECIFICITIES = (0.8, 0.9, 0.95)
"""At which the sensitivity is stated."""


class LesionClassifier(MapHead[NDArray[np.float64]]):
    """Whether the finding is present anywhere in the image, as a log odds.

    The truth tells it where the finding lies while it is fitted; what it reads later is the image alone.

    Args:
        width: See `MapHead`; likewise `depth`, `epochs` and `learning_rate`.

    Notes:
        The log odds is a log-sum-exp over the map's logits (Pinheiro and Collobert 2015, arXiv 1411.6228), which where
        lesions are rare is that of one pixel or more being covered.
    """

    name = "lesion-classifier"
    main = "auc"

    def objective(self, logits: Float[Tensor, "n y x"], truth: Mapping[str, Tensor]) -> Float[Tensor, ""]:
        """Return cross-entropy of the image's log odds and loss of the map."""
        whole = functional.binary_cross_entropy_with_logits(_pooled(logits), truth["present"])
        return whole + map_loss(logits, peaked(truth["coverage"]))

    def predict(self, images: Float[Tensor, "n *channel y x"]) -> NDArray[np.float64]:
        """Return the log odds that the finding is present, ``(n,)``; see `Head.predict`."""
        return _pooled(self.maps(images)).double().numpy()

    def statistics(self, predictions: NDArray[np.float64], cases: Sequence[Case]) -> dict[str, Statistic]:
        """Return the area under the ROC curve and sensitivities at `SPECIFICITIES`."""
        decisions = np.asarray(predictions, np.float64)
        if decisions.shape != (len(cases),):
            raise InputError(f"predictions: expected one for each of {len(cases)} cases, got {decisions.shape}")
        present = np.array([case.present for case in cases])
        return {
            "auc": auc(decisions, present),
            **{f"sensitivity_at_{s:g}": sensitivity_at(decisions, present, specificity=s) for s in SPECIFICITIES},
        }


def _pooled(logits: Float[Tensor, "n y x"]) -> Float[Tensor, " n"]:
    return torch.logsumexp(logits.flatten(1), dim=1)
