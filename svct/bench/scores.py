"""How a network does beside FBP and TV on patients that no training saw."""

from dataclasses import dataclass

import torch
from torch import nn

from svct.bench.backbone import scanned_for
from svct.bench.recon_methods import mean_psnr
from svct.geometry.projector import Projector
from svct.recon.fbp import fbp
from svct.recon.tv import tv
from svct.sampling.fixed import equidistant_sets
from svct.tasks.task import load_task, task_names

TV_STRENGTHS = (0.05, 0.1, 0.2)
"""TV gets the best of these on the test patients themselves."""


@dataclass(frozen=True)
class Score:
    """Mean PSNR over patients of one task, range 2000 HU, dB.

    Args:
        task: The task.
        views: Equidistant views.
        patients: Test patients.
        fbp_db: FBP with the ramp filter or Hann window, whichever is better.
        tv_db: TV with the best of `TV_STRENGTHS`.
        network_db: The network.
    """

    task: str
    views: int
    patients: int
    fbp_db: float
    tv_db: float
    network_db: float


def score_network(net: nn.Module, *, views: int = 24, patients: int = 16, seed: int = 0) -> list[Score]:
    """Reconstruct test patients of every task with FBP, TV and a trained network.

    Args:
        net: The network.
        views: Equidistant views to take.
        patients: How many patients of each test split.
        seed: Seed of the noise.
    """
    scores = []
    for name in task_names():
        task = load_task(name)
        truth = task.cohort.images(task.cohort.split("test")[:patients])
        A = Projector(task.scan, task.grid)[list(equidistant_sets(len(task.scan), views)[0])]
        y = scanned_for(task, task.acquisition, A, truth, seed=seed)
        with torch.inference_mode():
            images = {
                "fbp": [fbp(y, A, filter=f) for f in ("ramp", "hann")],
                "tv": [tv(y, A, strength=s) for s in TV_STRENGTHS],
                "network": [torch.cat([net(part, A) for part in torch.split(y, 8)])],
            }
        best = {method: max(mean_psnr(xs, truth) for xs in results) for method, results in images.items()}
        scores.append(Score(name, views, len(truth), best["fbp"], best["tv"], best["network"]))
    return scores
