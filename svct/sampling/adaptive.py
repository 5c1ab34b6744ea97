"""Views chosen for one patient while he is scanned."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Float64
from numpy.typing import NDArray
from scipy.ndimage import rotate
from torch import Tensor

from svct.errors import InputError
from svct.sampling.fit import even_sets
from svct.sampling.linear import LinearModel, Posterior, coarsening, linear_model, pooled
from svct.sampling.samplers.base import Choice, Problem
from svct.sampling.samplers.designed import greedy, taken_error

Measure = Callable[[list[int]], Float[Tensor, "view col"]]
"""Takes candidate views, returns the patient's log data of them."""


@dataclass(frozen=True)
class Adaptive:
    """Sequential A-optimal views after a few even ones that show how this patient lies.

    Args:
        scouts: Evenly spread views that are taken first, from the first offset.
        turns_deg: Angles that every training patient is turned by, degrees: how patients may lie.
        fewest: Patients that the prior after the scouts counts at least, as 1 / sum of squared weights.
        shrinkage: Share of the covariance of all training patients in that prior.
        coarse: Pixels along the longer side of the model's grid.

    Notes:
        The training patients, each at every turn, are an ensemble of the prior (Evensen 2009, Data Assimilation,
        chapter 4). Each is weighted by the likelihood of the scouts, tempered so that no handful takes all; mean and
        covariance of the weighted ensemble then make the prior of a greedy design, as in Burger et al. 2021, arXiv
        2006.12579, which a fixed design has no scout for.
    """

    scouts: int = 4
    turns_deg: tuple[float, ...] = (-20.0, -15.0, -10.0, -5.0, 0.0, 5.0, 10.0, 15.0, 20.0)
    fewest: float = 30.0
    shrinkage: float = 0.1
    coarse: int = 32

    def prepare(self, problem: Problem) -> "Scanner":
        """Build what does not depend on the patient.

        Args:
            problem: With the training patients; its budget counts the scouts.

        Raises:
            InputError: More scouts than views.
        """
        if not 1 <= self.scouts < problem.budget:
            raise InputError(f"scouts: expected 1 to {problem.budget - 1}, less than the views, got {self.scouts}")
        turned = [
            rotate(problem.images.numpy(), turn, axes=(-2, -1), reshape=False, order=1) for turn in self.turns_deg
        ]
        ensemble = torch.from_numpy(np.concatenate(turned))
        model = linear_model(replace(problem, images=ensemble[:: len(self.turns_deg)]), coarse=self.coarse)
        factor = coarsening(problem.A, self.coarse)
        if problem.rules is not None and problem.rules.groups:
            raise InputError(
                f"groups: expected none, since views are taken one by one here, got {problem.rules.groups[:2]}"
            )
        scouts = list(even_sets(problem.candidates, self.scouts, problem.rules)[0])
        return Scanner(self, problem, model, pooled(ensemble, factor).double(), scouts, problem.A[scouts](ensemble))


@dataclass(frozen=True, eq=False)
class Scanner:
    """Ready to choose views for one patient after another; built by `Adaptive.prepare`.

    Args:
        settings: The settings.
        problem: What is asked.
        model: The model whose prior is replaced for each patient.
        ensemble: Turned training patients on the model's grid, 1/mm.
        scouts: The views that are taken first.
        expected: Their ideal log data for the ensemble.
    """

    settings: Adaptive
    problem: Problem
    model: LinearModel
    ensemble: Float64[Tensor, "member y x"]
    scouts: list[int]
    expected: Float[Tensor, "member view col"]

    def choose(self, measure: Measure) -> Choice:
        """Measure the scouts of a patient and choose the other views for him."""
        weights = torch.from_numpy(self.weights(measure(self.scouts).numpy()))
        state = Posterior(replace(self.model, prior=self._prior(weights)), self.scouts)
        rules, budget = self.problem.rules, self.problem.budget
        free = None if rules is None else lambda taken: rules.allowed_mask(taken, views=budget)
        chosen = greedy(state, self.scouts, budget, taken_error, free=free)
        return Choice(tuple(sorted(chosen)))

    def weights(self, y: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the weight of each member of the ensemble after the scouts' log data, ``(member,)``, of sum 1."""
        misfit = (np.exp(-y) * (self.expected.numpy() - y) ** 2).sum(axis=(1, 2)).astype(np.float64)
        misfit -= misfit.min()
        low, high = 0.0, 1e12
        for _ in range(200):  # the coldest temper that leaves enough members
            middle = np.sqrt(max(low, 1e-12) * high)
            likely = np.exp(-middle * misfit)
            enough = likely.sum() ** 2 / (likely**2).sum() >= min(self.settings.fewest, len(misfit) / 2)
            low, high = (middle, high) if enough else (low, middle)
        likely = np.exp(-low * misfit)
        return np.asarray(likely / likely.sum())

    def _prior(self, weights: Float64[Tensor, " member"]) -> Float64[Tensor, "pixel pixel"]:
        flat = self.ensemble.flatten(1)
        centred = (flat - weights @ flat) * weights.sqrt()[:, None]
        sample = centred.T @ centred / (1 - weights.square().sum())
        return (1 - self.settings.shrinkage) * sample + self.settings.shrinkage * self.model.prior
