"""What it costs in image quality that a device takes other angles than those asked for."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError
from svct.geometry.projector import Projector
from svct.geometry.scan import Scan, scan_from_dict
from svct.metrics import RANGE
from svct.recon.fbp import fbp
from svct.recon.networks import load_backbone
from svct.sampling.schedule import Schedule
from svct.tasks.task import Task


@dataclass(frozen=True)
class SnapCost:
    """PSNR of one method's images, mean over patients, dB.

    Args:
        method: ``"fbp"`` or ``"unrolled"``.
        asked_db: Measured and reconstructed at the angles asked for.
        told_db: Measured at the device's angles and reconstructed with these.
        untold_db: Measured at the device's angles but reconstructed as if at those asked for.
        worst_told_db: The patient who loses most by the first: ``told - asked``.
        noise_db: How much another draw of the noise alone changes `asked_db`; a smaller cost is none that can be told.
    """

    method: str
    asked_db: float
    told_db: float
    untold_db: float
    worst_told_db: float
    noise_db: float


def snap_cost(
    asked: Schedule, planned: Schedule, task: Task, *, order: tuple[int, ...], patients: int = 4, seed: int = 0
) -> list[SnapCost]:
    """Measure and reconstruct test patients of a task at asked and at planned angles.

    Flux, its share per view and the noise's seed are the same for both, and the views are in the same order.

    Args:
        asked: The schedule as it was asked for; its geometry must be one that svct knows, in 2D.
        planned: The schedule that a device was given.
        task: Whose patients, grid and flux to take.
        order: Which frame of `asked` stands at each place of `planned`.
        patients: How many test patients.
        seed: Seed of the noise.

    Raises:
        InputError: The geometry is unknown or not 2D, or there are fewer patients.
    """
    chosen = task.cohort.split("test")[:patients]
    if len(chosen) < patients:
        raise InputError(f"patients: expected at most {len(chosen)}, the task's test patients, got {patients}")
    truth = task.cohort.images(chosen)
    places = planned.projections
    wished = Projector(_scan(asked, [asked.angles_deg[order[i]] for i in places]), task.grid)
    driven = Projector(_scan(planned, [planned.angles_deg[i] for i in places]), task.grid)
    flux = float(np.mean(task.acquisition.photons))
    acquisition = replace(task.acquisition, photons=tuple(flux * planned.relative_load[i] for i in places))
    y_wished, y_driven = (acquisition.measure(A(truth), seed=seed) for A in (wished, driven))
    y_again = acquisition.measure(wished(truth), seed=seed + 1)
    methods: dict[str, Callable[[Any, Projector], Any]] = {"fbp": fbp, "unrolled": load_backbone()}
    rows = []
    with torch.inference_mode():
        for name, method in methods.items():
            at_asked = _psnr(method(y_wished, wished), truth)
            told = _psnr(method(y_driven, driven), truth)
            untold = _psnr(method(y_driven, wished), truth)
            mean_asked, mean_told, mean_untold = (float(values.mean()) for values in (at_asked, told, untold))
            noise = abs(float(_psnr(method(y_again, wished), truth).mean()) - mean_asked)
            rows.append(SnapCost(name, mean_asked, mean_told, mean_untold, float((told - at_asked).min()), noise))
    return rows


def _scan(schedule: Schedule, angles_deg: list[float]) -> Scan:
    scan = scan_from_dict({**schedule.geometry, "angles": [math.radians(angle) for angle in angles_deg]})
    if scan.ndim != 2:
        raise InputError(f"geometry: expected a scan in 2D to judge image quality, got {scan.ndim}D")
    return scan


def _psnr(x: Float[Tensor, "patient y x"], truth: Float[Tensor, "patient y x"]) -> Float[Tensor, " patient"]:
    return 10 * torch.log10(RANGE**2 / (x - truth).double().square().mean(dim=(-2, -1)))
