"""Why these views: what each angle tells, what is in its way, which edges it sees, and what is lost without it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d
from torch import Tensor

from svct.bench.compare import paired_gain
from svct.errors import InputError
from svct.geometry.projector import Projector
from svct.metrics import RANGE
from svct.recon.unrolled import UnrolledNet
from svct.sampling.fit import thinned
from svct.sampling.gain import Gain
from svct.sampling.linear import LinearModel, Posterior, linear_model
from svct.sampling.samplers.base import Choice, Problem
from svct.sampling.samplers.designed import taken_error
from svct.sampling.trial import Trial, measure_trial
from svct.tasks.task import Task

EDGE_BINS = 60
"""Directions that edges are sorted into, over half a turn."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """What speaks for and against each angle of a task, and for each view of a schedule.

    Args:
        task: Name of the task.
        angles_deg: Source angles that were looked at, ``(angle,)``, degrees; the schedule's are among them.
        views_deg: Source angles of the schedule, ascending, degrees.
        loads: Load of each view over the mean.
        alone_db: What a view at each angle brings as the only one, ``(angle,)``, dB of expected error in the linear
            model.
        added_db: What a view of mean load at each angle brings on top of the schedule, ``(angle,)``, dB.
        kept_db: What each view of the schedule brings on top of the others, in its order, dB.
        mean_line: Mean line integral of the rays that meet the patient, over patients, ``(angle,)``.
        most_line: Largest line integral, mean over patients, ``(angle,)``.
        edges_deg: Directions of edges, as the angle whose rays run along them, 0 to 180 degrees.
        edges: Share of all edges at each direction over the mean share: 1 where no direction is preferred.
        lost: What each view's absence costs through the backbone, paired over patients; empty where not measured.
        tried_deg: Angles that were added through the backbone.
        gained: What each of them brings, paired over patients.
        image: Mean of the patients, ``(ny, nx)``, 1/mm.
        patients: How many patients `lost` and `gained` were measured on.
        divergent: Whether the source stands at (sin t, -cos t), as in a fan beam, or rays come from (-sin t, cos t).
    """

    task: str
    angles_deg: tuple[float, ...]
    views_deg: tuple[float, ...]
    loads: tuple[float, ...]
    alone_db: tuple[float, ...]
    added_db: tuple[float, ...]
    kept_db: tuple[float, ...]
    mean_line: tuple[float, ...]
    most_line: tuple[float, ...]
    edges_deg: tuple[float, ...]
    edges: tuple[float, ...]
    lost: tuple[Gain, ...]
    tried_deg: tuple[float, ...]
    gained: tuple[Gain, ...]
    image: Float[Tensor, "y x"]
    patients: int
    divergent: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the image, plain JSON."""
        values = asdict(replace(self, image=torch.zeros(1, 1)))
        return {**{name: value for name, value in values.items() if name != "image"}, "summary": self.summary()}

    def summary(self) -> dict[str, float]:
        """Return means over the schedule's views, each over the mean of all angles; above 1, the views favour it."""
        at = [int(np.argmin(np.abs(np.array(self.angles_deg) - view))) for view in self.views_deg]
        weights = np.array(self.loads) / sum(self.loads)
        found = {}
        for name in ("alone_db", "mean_line", "most_line"):
            values = np.array(getattr(self, name))
            found[name] = float((values[at] * weights).sum() / values.mean())
        edges = np.interp(np.array(self.views_deg) % 180, self.edges_deg, self.edges, period=180)
        found["edges"] = float((edges * weights).sum())
        return found


def explain(
    task: Task,
    views: list[int],
    *,
    loads: tuple[float, ...] = (),
    net: UnrolledNet | None = None,
    train: int = 160,
    patients: int = 12,
    tried: int = 0,
    seed: int = 0,
    each: Callable[[int], object] = lambda _: None,
) -> Explanation:
    """Explain the views of a schedule.

    Args:
        task: The task.
        views: Indices of the views among the task's candidates.
        loads: Load of each over the mean. Default: 1.
        net: The frozen backbone; without one nothing is measured through it.
        train: Training patients for the linear model, attenuation and edges.
        patients: Test patients who are reconstructed.
        tried: How many angles, evenly spread, are added through the backbone.
        seed: Seed of the noise.
        each: Called with the number of images after each step.

    Raises:
        InputError: A view occurs twice, or there are too few patients.
    """
    order = sorted(range(len(views)), key=views.__getitem__)
    choice = Choice(tuple(views[i] for i in order), tuple(loads[i] for i in order) if loads else ())
    split = task.cohort.split("train")[:train]
    images = task.cohort.images(split)
    A = Projector(task.scan, task.grid)
    problem = Problem(A, task.acquisition, len(views), images)
    coarse = set(thinned(None, candidates=len(task.scan), budget=len(views), most=120))
    shown = sorted(coarse | set(choice.views))
    model = linear_model(problem.among(shown))
    at = [shown.index(view) for view in choice.views]
    alone, added, kept = marginal_values(model, at, choice.loads)
    lines = line_integrals(A[shown], images)
    edges = edge_histogram(images)
    lost, gained, places = [], [], []
    if net is not None:
        trial = _measured(task, A, choice, net, patients, seed)
        load = dict(zip(choice.views, choice.loads, strict=True))
        whole = _psnr(trial, load).tolist()
        for view in choice.views:
            less = _psnr(trial, {v: m for v, m in load.items() if v != view})
            lost.append(paired_gain(whole, less.tolist(), baseline=f"without view {view}"))
            each(patients)
        free = [view for view in shown if view not in choice.views]
        places = [free[i * len(free) // tried] for i in range(min(tried, len(free)))]
        for view in places:
            more = _psnr(trial, {**load, view: 1.0})
            gained.append(paired_gain(more.tolist(), whole, baseline="the schedule's views"))
            each(patients)
    angles = np.rad2deg(task.scan.angles)
    return Explanation(
        task=task.name,
        angles_deg=tuple(angles[shown].tolist()),
        views_deg=tuple(angles[list(choice.views)].tolist()),
        loads=choice.loads,
        alone_db=tuple(alone.tolist()),
        added_db=tuple(added.tolist()),
        kept_db=tuple(kept.tolist()),
        mean_line=tuple(lines[0].tolist()),
        most_line=tuple(lines[1].tolist()),
        edges_deg=tuple((np.arange(EDGE_BINS) * 180 / EDGE_BINS).tolist()),
        edges=tuple(edges.tolist()),
        lost=tuple(lost),
        tried_deg=tuple(angles[places].tolist()),
        gained=tuple(gained),
        image=images.mean(dim=0),
        patients=patients if net is not None else 0,
        divergent=task.scan.divergent,
    )


def marginal_values(
    model: LinearModel, views: list[int], loads: tuple[float, ...] = ()
) -> tuple[Float64[Tensor, " view"], Float64[Tensor, " view"], Float64[Tensor, " chosen"]]:
    """Return what single views are worth in the linear model, dB of expected error.

    Args:
        model: The model.
        views: Views of the schedule.
        loads: Their loads over the mean. Default: 1.

    Returns:
        What each candidate at mean load brings alone; on top of the schedule; and what each view of the schedule
        brings on top of the others.

    Notes:
        Taking a view lowers the expected error E to E - g, worth -10 log10(1 - g / E); see
        `svct.sampling.samplers.designed.taken_error`.
    """
    shares = loads or (1.0,) * len(views)
    state = Posterior(model)
    alone = _in_db(state, taken_error(state, 1.0))
    for view, load in zip(views, shares, strict=True):
        state.take(view, load)
    added = _in_db(state, taken_error(state, 1.0))
    kept = []
    for view, load in zip(views, shares, strict=True):
        state.drop(view, load)
        kept.append(_in_db(state, taken_error(state, load))[view])
        state.take(view, load)
    return alone, added, torch.stack(kept)


def line_integrals(
    A: Projector, images: Float[Tensor, "patient y x"]
) -> tuple[Float[Tensor, " view"], Float[Tensor, " view"]]:
    """Return the mean and the largest line integral of each view, means over patients.

    Args:
        A: The projector.
        images: Patients, 1/mm.

    Returns:
        Mean over the rays that meet the patient: those of more than a hundredth of his largest line integral; and the
        largest.
    """
    lines = A(images)
    most = lines.amax(dim=-1)
    meets = lines > 0.01 * most.amax(dim=-1)[:, None, None]
    mean = (lines * meets).sum(dim=-1) / meets.sum(dim=-1).clamp(min=1)
    return mean.mean(dim=0), most.mean(dim=0)


def edge_histogram(images: Float[Tensor, "patient y x"], *, smoothing: float = 1.0) -> NDArray[np.float64]:
    """Return how many edges run along each direction, over the mean of all directions, ``(EDGE_BINS,)``.

    Args:
        images: Patients.
        smoothing: Standard deviation over which gradients are taken, pixels; the tensor is averaged over twice that.

    Notes:
        The structure tensor J is the smoothed outer product of the gradient (Bigun and Granlund 1987, ICCV). An edge
        runs along the eigenvector of the smaller eigenvalue and counts by the difference of both, so that corners and
        noise count little. Its direction is told as the view angle t whose rays, along (sin t, -cos t), run along it;
        of a fan beam, the central ray.
    """
    width = 180 / EDGE_BINS
    total = np.zeros(EDGE_BINS)
    for image in images.numpy():
        dy = gaussian_filter(image, smoothing, order=(1, 0))
        dx = gaussian_filter(image, smoothing, order=(0, 1))
        xx, yy, xy = (gaussian_filter(product, 2 * smoothing) for product in (dx * dx, dy * dy, dx * dy))
        across = 0.5 * np.arctan2(2 * xy, xx - yy)  # of the gradient, from +x towards later rows
        weight = np.hypot(xx - yy, 2 * xy)
        angle = -np.rad2deg(across)  # rows go downwards, and view angles upwards from +x
        bins = np.round(angle / width).astype(int).ravel() % EDGE_BINS
        total += np.bincount(bins, weight.ravel(), EDGE_BINS)
    smooth = gaussian_filter1d(total, 1.0, mode="wrap")
    return np.asarray(smooth / max(smooth.mean(), 1e-300))


def _in_db(state: Posterior, taken: Float64[Tensor, " view"]) -> Float64[Tensor, " view"]:
    left = (state.model.importance * state.covariance.diagonal()).sum()
    return -10 * torch.log10((1 - taken / left).clamp(min=1e-12))


def _measured(task: Task, A: Projector, choice: Choice, net: UnrolledNet, patients: int, seed: int) -> Trial:
    """Measure test patients once with every candidate: those of the schedule at their load, others at the mean."""
    chosen = task.cohort.split("test")[:patients]
    if not 2 <= patients <= len(chosen):
        raise InputError(f"patients: expected 2 to {len(task.cohort.split('test'))}, got {patients}")
    flux = np.broadcast_to(np.asarray(task.acquisition.photons, dtype=np.float64), len(task.scan)).copy()
    flux[list(choice.views)] *= choice.loads
    acquisition = replace(task.acquisition, photons=tuple(flux.tolist()))
    return measure_trial(task.cohort.images(chosen), A, acquisition, net=net, seed=seed)


def _psnr(trial: Trial, loads: dict[int, float]) -> Float64[Tensor, " patient"]:
    """Return the PSNR of every patient from the views that stand in `loads` with the loads they were measured at."""
    views = sorted(loads)
    if len(set(loads.values())) == 1:
        return trial.psnr(tuple(views)).double()
    shares = torch.tensor([loads[view] for view in views])
    with torch.inference_mode():
        images = trial.net(trial.y[:, views], trial.A[views], view_loads=shares / shares.mean())
    error = (images - trial.truth).double().square().mean(dim=(-2, -1))
    return 10 * torch.log10(RANGE**2 / error)
