"""The head that says whether a finding is present."""

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from svct.errors import InputError
from svct.tasks.case import Case
from svct.tasks.heads.base import check_pairs
from svct.tasks.heads.map_head import MapHead
from svct.tasks.heads.roc import auc, sensitivity_at
from svct.tasks.heads.scores import Statistic

SPECIFICITIES = (0.8, 0.9, 0.95)
"""At which the sensitivity is stated."""

SHARPNESS = 4.0
"""Of the smooth maximum: the larger the closer to the maximum."""


class LesionClassifier(MapHead[NDArray[np.float64]]):
    """Whether the finding is present anywhere in the image, as a log odds.

    The truth tells it where the finding lies while it is fitted; what it reads later is the image alone.

    Args:
        width: See `MapHead`; likewise `steps`, `learning_rate` and `weight_decay`.

    Notes:
        The greatest logit of the map, as a log-sum-exp (Pinheiro and Collobert 2015, arXiv 1411.6228), then logistic
        regression (Platt 1999). That regression is fitted to the cases of the map, which flatters: the log odds are
        for ranking cases, not for telling risks.
    """

    name = "lesion-classifier"
    main = "auc"
    _line: Tensor

    def fit(self, images: Float[Tensor, "n *channel y x"], cases: Sequence[Case], *, seed: int = 0) -> Self:
        """Learn to read; see `Head.fit`."""
        super().fit(images, cases, seed=seed)
        with torch.inference_mode():
            peaks = self._peaks(images).double()
        self._line = _logistic(peaks.clone(), torch.tensor([float(case.present) for case in cases]).double())
        return self

    def loss(self, images: Float[Tensor, "n *channel y x"], cases: Sequence[Case]) -> Float[Tensor, ""]:
        """Return the cross-entropy of the log odds; see `DifferentiableHead.loss`."""
        check_pairs(images, cases)
        present = torch.tensor([float(case.present) for case in cases]).double()
        return functional.binary_cross_entropy_with_logits(self._log_odds(images), present)

    def predict(self, images: Float[Tensor, "n *channel y x"]) -> NDArray[np.float64]:
        """Return the log odds that the finding is present, ``(n,)``; see `Head.predict`."""
        with torch.inference_mode():
            return self._log_odds(images).numpy()

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

    def state(self) -> dict[str, Tensor]:
        """See `Head.state`."""
        return {**super().state(), "line": self._line}

    def load_state(self, state: Mapping[str, Tensor]) -> Self:
        """See `Head.load_state`."""
        if state.get("line", torch.empty(0)).shape != (2,):
            raise InputError(f"{self.name}: expected the two numbers of its log odds with the map, got none")
        super().load_state({name: value for name, value in state.items() if name != "line"})
        self._line = state["line"]
        return self

    def _log_odds(self, images: Float[Tensor, "n *channel y x"]) -> Float[Tensor, " n"]:
        return self._peaks(images).double() * self._line[0] + self._line[1]

    def _peaks(self, images: Float[Tensor, "n *channel y x"]) -> Float[Tensor, " n"]:
        """Return the map's greatest logit, smoothly."""
        return torch.logsumexp(SHARPNESS * self.logits(images).flatten(1), dim=1) / SHARPNESS


def _logistic(values: Float[Tensor, " n"], present: Float[Tensor, " n"]) -> Float[Tensor, " 2"]:
    """Return slope, at least slightly positive, and offset of a logistic regression on one number."""
    line = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([line], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimiser.zero_grad()
        loss = functional.binary_cross_entropy_with_logits(values * line[0] + line[1], present)
        loss = loss + 1e-3 * line[0].square()
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    found = line.detach()
    return torch.stack([found[0].clamp(min=1e-3), found[1]])
