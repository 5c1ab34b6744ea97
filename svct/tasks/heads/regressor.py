"""The head that measures lesions."""

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from svct.errors import InputError
from svct.tasks.case import Case
from svct.tasks.heads.base import as_channels, check_pairs
from svct.tasks.heads.map_head import MapHead
from svct.tasks.heads.scores import Statistic, Values, mean_of

MEASURED = ("diameter_mm", "area_mm2", "attenuation_hu")
"""What is measured: the longest diameter, the area, and the mean CT number."""

RIDGE = 0.1
"""Penalty of the regression, as a part of the number of cases it is fitted to."""


class Regressor(MapHead[NDArray[np.float64]]):
    """Diameter, area and CT number of the lesion in each image.

    Args:
        width: See `MapHead`; likewise `steps`, `learning_rate` and `weight_decay`.

    Notes:
        Ridge regression (Hoerl and Kennard 1970, Technometrics 12:55) of the logarithms of diameter and area and of the
        CT number on what a lesion map shows: soft area, spread, peak, and the mean CT number under the map and around.
        The mean of a logarithm is not the logarithm of the mean: Duan's smearing puts that right (1983, J. Am. Stat.
        Assoc. 78:605). The map is fitted to three quarters of the cases with the finding and all without it, the
        regression to the rest: a map flatters the cases that it was fitted to. It is about lesions that are there.
    """

    name = "regressor"
    main = "diameter_explained"

    def __init__(
        self, *, width: int = 32, steps: int = 600, learning_rate: float = 4e-3, weight_decay: float = 1e-2
    ) -> None:
        super().__init__(width=width, steps=steps, learning_rate=learning_rate, weight_decay=weight_decay)
        self._linear: dict[str, Tensor] = {}

    def fit(self, images: Float[Tensor, "n *channel y x"], cases: Sequence[Case], *, seed: int = 0) -> Self:
        """Learn to measure; see `Head.fit`."""
        seen = check_pairs(images, cases).detach().cpu()
        rng = np.random.default_rng(seed)
        ill = rng.permutation([i for i, case in enumerate(cases) if case.present])
        if len(ill) < 8:
            raise InputError(f"{self.name}: expected 8 or more cases with the finding to fit to, got {len(ill)}")
        rest = sorted(ill[: len(ill) // 4].tolist())
        first = sorted(set(range(len(cases))) - set(rest))
        super().fit(seen[first], [cases[i] for i in first], seed=seed)
        with torch.inference_mode():
            signs = self._signs(seen[rest]).double()
        wanted = torch.from_numpy(_to_scale(measured([cases[i] for i in rest])))
        mean, spread = signs.mean(dim=0), signs.std(dim=0).clamp(min=1e-6)
        z = (signs - mean) / spread
        inner = z.T @ z + RIDGE * len(z) * torch.eye(z.shape[1], dtype=z.dtype)
        weights = torch.linalg.solve(inner, z.T @ (wanted - wanted.mean(dim=0)))
        middle = wanted.mean(dim=0)
        left = wanted - middle - z @ weights
        middle[:2] += left[:, :2].exp().mean(dim=0).log()
        self._linear = {
            "mean": mean, "spread": spread, "low": signs.amin(dim=0), "high": signs.amax(dim=0),
            "weights": weights, "middle": middle, "scale": wanted.std(dim=0).clamp(min=1e-6),
        }  # fmt: skip
        return self

    def predict(self, images: Float[Tensor, "n *channel y x"]) -> NDArray[np.float64]:
        """Return what `MEASURED` names, ``(n, 3)``: mm, mm^2 and HU; see `Head.predict`."""
        with torch.inference_mode():
            return _from_scale(torch.cat([self._regressed(part) for part in torch.split(images, 16)]).numpy())

    def loss(self, images: Float[Tensor, "n *channel y x"], cases: Sequence[Case]) -> Float[Tensor, ""]:
        """Return the mean squared error, in the spread of the fit's cases, over the cases with the finding."""
        check_pairs(images, cases)
        ill = [i for i, case in enumerate(cases) if case.present]
        if not ill:
            raise InputError(f"{self.name}: expected a case with the finding, got none of {len(cases)}")
        wanted = torch.from_numpy(_to_scale(measured([cases[i] for i in ill])))
        error = (self._regressed(images[ill]) - wanted) / self._linear["scale"]
        return error.square().mean()

    def statistics(self, predictions: NDArray[np.float64], cases: Sequence[Case]) -> dict[str, Statistic]:
        """Return, over cases with the finding, bias and mean absolute error, and the part of variance explained."""
        found = np.asarray(predictions, np.float64)
        if found.shape != (len(cases), len(MEASURED)):
            raise InputError(f"predictions: expected ({len(cases)}, {len(MEASURED)}) numbers, got {found.shape}")
        present, true = np.array([case.present for case in cases]), measured(cases)
        figures: dict[str, Statistic] = {}
        for column, name in enumerate(MEASURED):
            quantity, unit = name.rsplit("_", 1)
            error = found[:, column] - true[:, column]
            figures[f"{quantity}_bias_{unit}"] = mean_of(error, over=present)
            figures[f"{quantity}_error_{unit}"] = mean_of(np.abs(error), over=present)
            figures[f"{quantity}_explained"] = explained(found[:, column], true[:, column], over=present)
        return figures

    def state(self) -> dict[str, Tensor]:
        """See `Head.state`."""
        return {**super().state(), **{f"linear.{name}": value for name, value in self._linear.items()}}

    def load_state(self, state: Mapping[str, Tensor]) -> Self:
        """See `Head.load_state`."""
        super().load_state({name: value for name, value in state.items() if not name.startswith("linear.")})
        self._linear = {n.removeprefix("linear."): v for n, v in state.items() if n.startswith("linear.")}
        if not self._linear:
            raise InputError(f"{self.name}: expected a regression with the map, got the map alone")
        return self

    def _regressed(self, images: Float[Tensor, "n *channel y x"]) -> Float[Tensor, "n 3"]:
        linear = self._linear
        signs = self._signs(images).double()
        # What lies outside of all that was seen in the fit says no more than the outermost of it.
        inside = torch.minimum(torch.maximum(signs, linear["low"]), linear["high"])
        return (inside - linear["mean"]) / linear["spread"] @ linear["weights"] + linear["middle"]

    def _signs(self, images: Float[Tensor, "n *channel y x"]) -> Float[Tensor, "n 6"]:
        """Return what the map shows: log area, log spread, log of the greatest logit's odds, CT numbers."""
        logits = self.logits(images)
        seen = as_channels(images).to(logits.device)
        p, hu = logits.sigmoid(), (seen[:, 0] - 1) * 1000
        area = p.sum(dim=(-2, -1)) + 1e-3
        rows, columns = (torch.arange(n, dtype=p.dtype) for n in p.shape[-2:])
        spread = torch.zeros_like(area)
        for axis, place in ((-1, columns), (-2, rows)):
            along = p.sum(dim=-2 if axis == -1 else -1)
            middle = (along * place).sum(dim=-1) / area
            spread = spread + (along * (place - middle[:, None]).square()).sum(dim=-1) / area
        ring = torch.nn.functional.max_pool2d(p[:, None], 5, stride=1, padding=2)[:, 0] - p + 1e-6
        within, around = ((w * hu).sum(dim=(-2, -1)) / w.sum(dim=(-2, -1)) for w in (p + 1e-6, ring))
        peak = logits.flatten(1).amax(dim=1)
        return torch.stack([area.log(), (spread + 1e-2).log(), peak, within, around, within - around], dim=1)


def measured(cases: Sequence[Case]) -> Values:
    """Return what `MEASURED` names, ``(case, 3)``; NaN where there is no finding."""
    rows = [
        (
            case.findings[0].size_mm[0],
            case.coverage.sum() * case.record.grid.voxel_mm**2,
            case.findings[0].attenuation_hu,
        )
        if case.present
        else (np.nan,) * 3
        for case in cases
    ]
    return np.array(rows, np.float64)


def explained(found: Values, true: Values, *, over: NDArray[np.bool_]) -> Statistic:
    """Return the statistic that is the part of the variance explained: 1 for no error, 0 for guessing the mean.

    Args:
        found: One per case.
        true: Likewise.
        over: The cases that count.
    """
    filled, guess = np.where(over, true, 0.0), np.where(over, found, 0.0)

    def statistic(times: Values) -> Values:
        weights = times * over
        mean = (weights @ filled) / np.maximum(weights.sum(axis=1), 1)
        error = weights @ (guess - filled) ** 2
        variance = (weights * (filled - mean[:, None]) ** 2).sum(axis=1)
        left: Values = np.divide(error, variance, out=np.full(len(times), np.nan), where=variance > 0)
        return 1 - left

    return statistic


def _to_scale(values: Values) -> Values:
    return np.concatenate([np.log(values[:, :2]), values[:, 2:]], axis=1)


def _from_scale(values: Values) -> Values:
    return np.concatenate([np.exp(values[:, :2]), values[:, 2:]], axis=1)
