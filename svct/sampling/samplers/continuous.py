"""Views at continuous angles, moved down the slope through geometry and backbone within a trust region."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Float64
from numpy.typing import NDArray
from torch import Tensor

from svct.geometry.projector import Projector
from svct.physics.acquisition import Acquisition
from svct.recon.unrolled import UnrolledNet
from svct.recon.weights import arcs_between
from svct.sampling.fit import even_sets, nearest
from svct.sampling.fixed import ViewSet
from svct.sampling.samplers.base import Choice, Problem


@dataclass(frozen=True)
class Continuous:
    """Angles that move together by the gradient of the error, as far as that is borne out.

    Args:
        steps: Steps of the search at most; each takes a gradient and a trial of where it leads.
        patients: Training patients of each task; the same, with the same noise, in every step.
        start: Views to start from. Default: equidistant ones of the first offset.
        reach: Farthest that an angle moves in the first step, over the mean spacing.

    Notes:
        The error over the same patients and the same noise is a smooth function of the angles (sample average
        approximation with common random numbers, Kleywegt et al. 2002, SIAM J. Optim. 12:479). A step goes down its
        slope until the angle with the steepest slope has moved by the radius; it is kept where the mean gain over the
        patients exceeds its standard error; the radius doubles where three quarters of what the slope promised came
        true, and halves where less than a quarter did (Nocedal and Wright 2006, Numerical Optimization, chapter 4).
        The search ends when the radius falls below half of the candidates' spacing, and the angles go to the nearest
        free candidates. The gradient by the angles is that of `svct.geometry.Projector.at`, through data, backbone and
        arc weights, after J-MoDL (Aggarwal and Jacob 2020, arXiv 1911.02945), who learn sample positions alike.
    """

    steps: int = 20
    patients: int = 12
    start: ViewSet = ()
    reach: float = 0.15
    name: str = "continuous"

    def choose(self, problem: Problem, *, seed: int = 0, each: Callable[[], object] | None = None) -> Choice:
        """Choose views; `each` is called once per reconstructed patient."""
        scan, budget = problem.A.scan, problem.budget
        turn = 2 * math.pi if scan.divergent else math.pi
        places = torch.tensor(scan.angles, dtype=torch.float64)
        asked = [_Asked(part, part.require_net(self.name), self.patients, seed) for part in problem.parts]
        angles = places[list(self.start or even_sets(problem.candidates, budget, problem.rules)[0])]
        count = min(len(one.truth) for one in asked)

        def tick(times: int) -> None:
            for _ in range(times * count * len(asked) if each else 0):
                each()  # type: ignore[misc]

        def errors(at: Float64[Tensor, " view"]) -> Float[Tensor, " patient"]:
            """Return ln RMSE of patient i, the mean over tasks."""
            return torch.stack([one.error(at, turn)[:count] for one in asked]).mean(dim=0)

        radius = self.reach * turn / budget
        for _ in range(self.steps):
            if radius < turn / problem.candidates / 2:
                break
            free = angles.clone().requires_grad_(True)
            before = errors(free)
            (slope,) = torch.autograd.grad(before.mean(), free)
            steepest = float(slope.abs().max())
            tick(3)
            if not math.isfinite(steepest) or steepest == 0:
                break
            tried = angles - radius * slope / steepest
            with torch.inference_mode():
                gains = before.detach() - errors(tried)
            tick(1)
            promised = radius * float(slope.square().sum()) / steepest
            gain = float(gains.mean())
            if gain > float(gains.std()) / math.sqrt(len(gains)):
                angles = tried
            radius *= 2.0 if gain > 0.75 * promised else 0.5 if gain < 0.25 * promised else 1.0
        return Choice(nearest(problem.rules, nearest_free((angles % turn).numpy(), places.numpy() % turn, turn)))


class _Asked:
    """The patients of one task with the noise that they are always measured with."""

    def __init__(self, problem: Problem, net: UnrolledNet, patients: int, seed: int) -> None:
        self.problem, self.net = problem, net
        self.truth = problem.images[:patients]
        generator = torch.Generator().manual_seed(seed)
        shape = (len(self.truth), *problem.A[list(range(problem.budget))].range_shape)
        self.noise = torch.randn(shape, generator=generator)

    def error(self, angles: Float64[Tensor, " view"], turn: float) -> Float[Tensor, " patient"]:
        """Return ln RMSE at any angles, differentiable in them."""
        scan = self.problem.A.scan[list(range(len(angles)))]
        moved = replace(scan, angles=angles.detach().tolist())
        whole = self.problem.A
        A = Projector(moved, whole.grid, whole.backend, model=whole.model).at(angles=angles)
        ideal = A(self.truth)
        y = ideal + self.noise * noise_level(ideal.detach(), self.problem.acquisition)
        order = torch.argsort(angles.detach() % turn)
        gaps = (angles[order].roll(-1) - angles[order]) % turn
        images = self.net(y, A, view_weights=arcs_between(order, gaps).float())
        error: Tensor = (images - self.truth).square().mean(dim=(-2, -1))
        return 0.5 * error.log()


def noise_level(ideal: Float[Tensor, "*batch view col"], acquisition: Acquisition) -> Float[Tensor, "*batch view col"]:
    """Return the standard deviation of log data at mean flux, as in `svct.sampling.linear.LinearModel`."""
    flux = float(torch.as_tensor(acquisition.photons, dtype=torch.float64).mean())
    behind = ideal.exp() / flux
    return (behind + (acquisition.electronic_noise * behind) ** 2).sqrt().clamp(max=1.0)


def nearest_free(angles: NDArray[np.float64], places: NDArray[np.float64], turn: float) -> ViewSet:
    """Return the candidates nearest to some angles, each taken once, the closest pairs first.

    Args:
        angles: Wished angles, radians.
        places: The candidates' angles.
        turn: The whole circle.

    Example:
        >>> nearest_free(np.array([0.1, 0.2]), np.array([0.0, 0.15, 1.0]), np.pi)
        (0, 1)
    """
    apart = np.abs((angles[:, None] - places + turn / 2) % turn - turn / 2)
    taken: dict[int, int] = {}
    for pair in np.argsort(apart, axis=None, kind="stable"):
        wish, place = divmod(int(pair), len(places))
        if wish not in taken and place not in taken.values():
            taken[wish] = place
    return tuple(sorted(taken.values()))
