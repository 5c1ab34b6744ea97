"""A small network that says which view a patient needs next, from what is known after those taken so far."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float, Float64
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from svct.errors import InputError
from svct.geometry.projector import Projector
from svct.sampling.adaptive import Measure
from svct.sampling.fit import even_sets
from svct.sampling.linear import LinearModel, Posterior, coarsening, linear_model, pooled
from svct.sampling.samplers.base import Choice, Problem

CHANNELS = 4
"""What the network sees of each ray, see `PolicyScanner`."""

STATES = 32
"""States in an optimiser step."""


class PolicyNet(nn.Module):
    """Scores every candidate view from a picture with one row per candidate.

    Convolutions over views and bins, then the same small network for each view: where a patient is turned, the scores
    turn with him. Where the scan closes, the convolutions go on at its other end, mirrored in a parallel beam; what a
    mirror image is worth they have to learn.

    Args:
        channels: Of the hidden layers.
        closed: Whether the first candidate follows the last.
        mirrored: Whether it then shows the same rays from the other side.
    """

    def __init__(self, *, channels: int, closed: bool, mirrored: bool) -> None:
        super().__init__()
        self.closed, self.mirrored = closed, mirrored
        sizes = pairwise([CHANNELS, channels, channels, channels])
        self.rays = nn.ModuleList(nn.Conv2d(a, b, (5, 3), stride=(1, 2), padding=(0, 1)) for a, b in sizes)
        self.score = nn.Sequential(nn.Linear(4 * channels, 2 * channels), nn.GELU(), nn.Linear(2 * channels, 1))

    def forward(self, picture: Float[Tensor, "state channel view bin"]) -> Float[Tensor, "state view"]:
        """Return a score of each candidate: differences are what one brings more than another, dB."""
        x = picture
        for layer in self.rays:
            x = functional.gelu(layer(self._extended(x)))
        rows = torch.cat([x.mean(dim=-1), x.amax(dim=-1)], dim=1)
        rows = torch.cat([rows, rows.mean(dim=-1, keepdim=True).expand_as(rows)], dim=1)
        scores: Tensor = self.score(rows.transpose(1, 2))[..., 0]
        return scores

    def _extended(self, x: Float[Tensor, "state channel view bin"]) -> Float[Tensor, "state channel more bin"]:
        """Return the rows with two more at both ends."""
        if not self.closed:
            return functional.pad(x, (0, 0, 2, 2), mode="replicate")
        before, after = x[..., -2:, :], x[..., :2, :]
        if self.mirrored:
            before, after = before.flip(-1), after.flip(-1)
        return torch.cat([before, x, after], dim=-2)


@dataclass(frozen=True)
class Policy:
    """Learns which view to take next from what every next view brought for training patients.

    Args:
        scouts: Evenly spread views that are taken first, from the first offset.
        walks: Times that each training patient is scanned.
        chance: Share of the views in these scans that are drawn at random instead of the best, so that the network
            learns what to do after a poor choice, too.
        steps: Optimiser steps.
        rate: Learning rate at its top.
        channels: Of the network's hidden layers.
        coarse: Pixels along the longer side of the model's grid.

    Notes:
        After the greedy policy search of Bakker, van Hoof and Welling 2020 (NeurIPS 33, Experimental design for MRI by
        greedy policy search): a view's reward is what it adds at once, less the mean of the others from the same state,
        and greedy was nearly as good as looking further ahead. Shen et al. 2022 (Inverse Probl. Imaging 16:179) choose
        angles and dose of CT by reinforcement learning. Both follow gradients of sampled rewards. Here the linear
        estimator's error of the patient, who is known in training, is worked out for every next view of a state, and
        the network is fitted to these rewards by least squares. What a ray of the fine grid holds and the coarse one
        cannot say counts as noise, measured over the training patients.
    """

    scouts: int = 4
    walks: int = 2
    chance: float = 0.5
    steps: int = 500
    rate: float = 4e-3
    channels: int = 12
    coarse: int = 32

    def prepare(self, problem: Problem, *, seed: int = 0, each: Callable[[], object] | None = None) -> "PolicyScanner":
        """Scan the training patients and fit the network.

        Args:
            problem: With the training patients, who lie as patients may lie; its budget counts the scouts.
            seed: Seed of the noise, of the scans and of the network.
            each: Called after each scan.

        Raises:
            InputError: More scouts than views, or groups.
        """
        if not 1 <= self.scouts < problem.budget:
            raise InputError(f"scouts: expected 1 to {problem.budget - 1}, less than the views, got {self.scouts}")
        if problem.rules is not None and problem.rules.groups:
            raise InputError(
                f"groups: expected none, since views are taken one by one here, got {problem.rules.groups[:2]}"
            )
        scouts = list(even_sets(problem.candidates, self.scouts, problem.rules)[0])
        model = linear_model(problem, coarse=self.coarse)
        small = pooled(problem.images, coarsening(problem.A, self.coarse)).flatten(1).double()
        ideal = coarse_data(model, problem.A(problem.images), coarsening(problem.A, self.coarse))
        lost = (ideal - torch.einsum("vbp,np->nvb", model.rows, small)).square().mean(dim=0)
        model = replace(model, photon_noise=model.photon_noise + lost)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = PolicyNet(channels=self.channels, **_ends(problem.A))
        seen = model.rows[scouts].flatten(0, 1)
        cross = seen @ model.prior
        gain = torch.linalg.solve(cross @ seen.T + torch.diag(model.noise(1.0, scouts).flatten()), cross).T
        scanner = PolicyScanner(self, problem, model, small.mean(dim=0), Posterior(model, scouts), gain, scouts, net)
        rng = np.random.default_rng(seed)
        states: list[tuple[Tensor, Tensor]] = []
        for walk in range(self.walks):
            y = problem.acquisition.measure(problem.A(problem.images), seed=1_000_003 * seed + walk)
            for data, truth in zip(y, small, strict=True):
                states += self._walk(scanner, scanner.coarse_data(data), truth, rng)
                if each:
                    each()
        self._fit(net, states, seed=seed)
        return scanner

    def _walk(
        self,
        scanner: "PolicyScanner",
        y: Float64[Tensor, "view bin"],
        truth: Float64[Tensor, " pixel"],
        rng: np.random.Generator,
    ) -> list[tuple[Tensor, Tensor]]:
        """Scan a patient; return what was seen before each choice, and the gain of every candidate, NaN if not free."""
        weights, found = scanner.model.importance, []
        state = scanner.begin(y[scanner.scouts])
        while len(state.taken) < scanner.problem.budget:
            missed = truth - state.image
            after = missed - state.posterior.updates(y - scanner.model.rows @ state.image)
            gains = 10 * ((weights * missed.square()).sum() / (weights * after.square()).sum(dim=1)).log10()
            free = scanner.free(state.taken)
            gains[torch.from_numpy(~free)] = math.nan
            found.append((scanner.picture(state), gains.float()))
            drawn = rng.uniform() < self.chance
            view = int(rng.choice(np.flatnonzero(free)) if drawn else np.nanargmax(gains.numpy()))
            scanner.take(state, view, y[view])
        return found

    def _fit(self, net: PolicyNet, states: list[tuple[Tensor, Tensor]], *, seed: int) -> None:
        pictures, gains = (torch.stack(part) for part in zip(*states, strict=True))
        gains = gains - gains.nanmean(dim=1, keepdim=True)
        random = torch.Generator().manual_seed(seed)
        optimiser = torch.optim.AdamW(net.parameters(), weight_decay=1e-2)
        plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, self.rate, total_steps=self.steps)
        for _ in range(self.steps):
            some = torch.randint(len(states), (STATES,), generator=random)
            known = gains[some].isfinite()
            scores = net(pictures[some]).where(known, torch.nan)
            wrong = (scores - scores.nanmean(dim=1, keepdim=True) - gains[some])[known]
            optimiser.zero_grad()
            wrong.square().mean().backward()
            optimiser.step()
            plan.step()
        net.eval().requires_grad_(False)


@dataclass(eq=False)
class State:
    """What is known of a patient while he is scanned.

    Args:
        taken: Views taken so far, in their order.
        y: Their log data on the coarse detector.
        image: Linear MMSE reconstruction from them on the coarse grid, 1/mm.
        posterior: What is still unknown.
    """

    taken: list[int]
    y: Float64[Tensor, "taken bin"]
    image: Float64[Tensor, " pixel"]
    posterior: Posterior


@dataclass(frozen=True, eq=False)
class PolicyScanner:
    """Ready to choose views for one patient after another; built by `Policy.prepare`.

    The network sees, for each ray of each candidate, the line integral through the reconstruction so far and by how
    much the data of a taken view differ from it, both over the mean of the scouts' largest; and whether the view is
    taken, and how far it is from the nearest that is.

    Args:
        settings: The settings.
        problem: What is asked.
        model: The linear model that reconstructs.
        mean: The mean training patient on its grid, 1/mm.
        scouted: What is unknown after the scouts, the same for all patients.
        scout_gain: What each of the scouts' rays changes of the image, the same for all patients.
        scouts: The views that are taken first.
        net: The network.
    """

    settings: Policy
    problem: Problem
    model: LinearModel
    mean: Float64[Tensor, " pixel"]
    scouted: Posterior
    scout_gain: Float64[Tensor, "pixel ray"]
    scouts: list[int]
    net: PolicyNet

    def choose(self, measure: Measure) -> Choice:
        """Measure the scouts of a patient, then one view after another where the network's score is highest."""
        state = self.begin(self.coarse_data(measure(self.scouts)))
        while len(state.taken) < self.problem.budget:
            with torch.inference_mode():
                scores = self.net(self.picture(state)[None])[0].numpy()
            view = int(np.where(self.free(state.taken), scores, -np.inf).argmax())
            self.take(state, view, self.coarse_data(measure([view]))[0])
        return Choice(tuple(sorted(state.taken)))

    def begin(self, y: Float64[Tensor, "scout bin"]) -> State:
        """Return what is known after the scouts, from their coarse data."""
        surprise = y - self.model.rows[self.scouts] @ self.mean
        image = self.mean + self.scout_gain @ surprise.flatten()
        return State(list(self.scouts), y, image, self.scouted.copy())

    def take(self, state: State, view: int, y: Float64[Tensor, " bin"]) -> None:
        """Add a view's coarse data to what is known."""
        state.image = state.image + state.posterior.update(view, y - self.model.rows[view] @ state.image)
        state.posterior.take(view)
        state.taken.append(view)
        state.y = torch.cat([state.y, y[None]])

    def free(self, taken: list[int]) -> NDArray[np.bool_]:
        """Tell which candidates may come next, ``(candidate,)``."""
        if self.problem.rules is not None:
            return self.problem.rules.allowed_mask(taken, views=self.problem.budget)
        mask = np.ones(self.problem.candidates, dtype=bool)
        mask[taken] = False
        return mask

    def picture(self, state: State) -> Float[Tensor, "channel view bin"]:
        """Return what the network sees."""
        count = self.problem.candidates
        expected = self.model.rows @ state.image
        differs = torch.zeros_like(expected)
        differs[state.taken] = state.y - expected[state.taken]
        rays = torch.stack([expected, differs]) / state.y[: len(self.scouts)].amax(dim=1).mean().clamp(min=1e-6)
        apart = np.abs(np.subtract.outer(np.arange(count), state.taken))
        if self.net.closed:
            apart = np.minimum(apart, count - apart)
        near = torch.from_numpy(apart.min(axis=1) * (len(state.taken) / count))
        lanes = torch.stack([(near == 0).double(), near])
        return torch.cat([rays, lanes[:, :, None].expand_as(rays)]).float()

    def coarse_data(self, y: Float[Tensor, "view col"]) -> Float64[Tensor, "view bin"]:
        """Return log data on the model's detector."""
        return coarse_data(self.model, y, coarsening(self.problem.A, self.settings.coarse))


def coarse_data(
    model: LinearModel, y: Float[Tensor, "*patient view col"], factor: int
) -> Float64[Tensor, "*patient view bin"]:
    """Return log data on the model's detector, each bin the mean of the `factor` fine ones it is wide."""
    missing = model.rows.shape[1] * factor - y.shape[-1]
    return functional.avg_pool1d(functional.pad(y, (missing // 2, missing - missing // 2)), factor).double()


def _ends(A: Projector) -> dict[str, bool]:
    """Tell whether a scan closes, and whether mirrored."""
    angles, turn = np.asarray(A.scan.angles), 2 * math.pi if A.scan.divergent else math.pi
    step = float(np.diff(angles).mean())
    return {"closed": bool(abs(angles[0] + turn - angles[-1] - step) < 0.5 * step), "mirrored": not A.scan.divergent}
