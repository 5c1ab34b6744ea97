"""All figures of image quality of one method on one scan."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from svct.bench.cost import cost_of_step
from svct.bench.image_quality.detectability import DiscTask, npw_detectability
from svct.bench.image_quality.noise_power import noise_power
from svct.bench.image_quality.phantom import QualityPhantom
from svct.bench.image_quality.regions import hu_errors
from svct.bench.image_quality.transfer import edge_transfer
from svct.bench.recon_methods import AT_ONCE
from svct.errors import InputError
from svct.geometry.projector import Projector
from svct.metrics import psnr, ssim
from svct.recon.reconstructor import find_reconstructor
from svct.sampling.fixed import equidistant_sets
from svct.tasks.phantoms.truth import ORGANS
from svct.tasks.task import Task
from svct.units import MU_WATER, mu_to_hu

DEFAULT_DISC = DiscTask(diameter_mm=10.0, contrast_hu=20.0)
SMALLEST_ORGAN = 30
"""Pixels that an organ needs for its bias to be stated."""


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Args:
        repeats: Noisy scans of the phantom.
        patients: Of the task's test split.
        contrast_hu: Of the phantom's insert, at which transfer is measured.
        disc: What is to be detected.
        seed: Of the noise.
    """

    repeats: int = 40
    patients: int = 8
    contrast_hu: float = 100.0
    disc: DiscTask = DEFAULT_DISC
    seed: int = 0


DEFAULT_EFFORT = Effort()


@dataclass(frozen=True)
class Quality:
    """Image quality of one method on one scan.

    Args:
        task: Name of the task.
        method: Name of the method.
        settings: What was set for it.
        views: Number of views.
        photons: Per ray.
        psnr_db: Of each patient, range 2000 HU.
        ssim: Of each patient, the same range.
        rmse_hu: Of each patient, HU.
        bias_hu: Mean error of each patient, HU.
        organ_bias_hu: Mean error by organ, the mean over patients who have it, HU.
        insert_bias_hu: Mean error in the inner half of the phantom's insert, HU.
        water_bias_hu: Mean error in its plain water, HU.
        noise_hu: Standard deviation of a pixel of plain water over repeated scans, HU.
        noise_frequency: Mean frequency of the noise power, 1/mm.
        noise_power: Frequencies, 1/mm, and radial means, HU^2 mm^2.
        transfer: Frequencies, 1/mm, and the insert's transfer function.
        transfer_50: Frequency at which it is 0.5, 1/mm; NaN where it stays above up to half the sampling rate.
        transfer_10: Frequency at which it is 0.1, 1/mm; likewise.
        contrast_hu: Of the insert as reconstructed, HU.
        detectability: d' of the disc for the non-prewhitening observer.
        seconds: Of one reconstruction, wall clock.
        peak_memory_mib: Of the reconstruction of all patients, `AT_ONCE` at a time, MiB.
    """

    task: str
    method: str
    settings: Mapping[str, Any]
    views: int
    photons: float
    psnr_db: tuple[float, ...]
    ssim: tuple[float, ...]
    rmse_hu: tuple[float, ...]
    bias_hu: tuple[float, ...]
    organ_bias_hu: Mapping[str, float]
    insert_bias_hu: float
    water_bias_hu: float
    noise_hu: float
    noise_frequency: float
    noise_power: tuple[list[float], list[float]]
    transfer: tuple[list[float], list[float]]
    transfer_50: float
    transfer_10: float
    contrast_hu: float
    detectability: float
    seconds: float
    peak_memory_mib: float

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain JSON; one that is not defined as None."""
        return {k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in asdict(self).items()}


def measure_quality(
    task: Task,
    method: str,
    views: int,
    *,
    effort: Effort = DEFAULT_EFFORT,
    settings: Mapping[str, Any] | None = None,
    tick: Callable[[int], object] = lambda images: None,
) -> Quality:
    """Scan patients and the phantom with equidistant views, reconstruct, and measure.

    Args:
        task: Whose cohort, grid, scan and acquisition are taken.
        method: A registered method that gives images.
        views: How many of the task's candidates.
        effort: How much is measured.
        settings: Of the method, such as ``{"filter": "hann"}``. Default: its own.
        tick: Called with the number of images that are done.

    Raises:
        UnknownNameError: No such method.
        InputError: A setting that the method has not, a scan of volumes, or too few repeats or patients.
    """
    found = find_reconstructor(method)
    given = dict(settings or {})
    if not found.gives_image or task.scan.ndim != 2 or set(given) - set(found.options):
        raise InputError(
            f"quality of {method!r}: expected a method of images with settings among {', '.join(found.options)}, and a "
            f"scan of images, got settings {', '.join(given) or 'none'} and a scan in {task.scan.ndim}D"
        )
    patients = task.cohort.split("test")[: effort.patients]
    if effort.repeats < 2 or not patients:
        raise InputError(f"quality: expected 2 or more repeats and a patient, got {effort.repeats} and {len(patients)}")

    def reconstruct(y: Float[Tensor, "n view col"]) -> Float[Tensor, "n y x"]:
        parts = []
        for part in torch.split(y, AT_ONCE):
            with torch.inference_mode():
                parts.append(found.reconstruct(part, A, settings=given, each=lambda _: None, say=lambda _: None).cpu())
            tick(len(part))
        return torch.cat(parts)

    A = Projector(task.scan, task.grid)[list(equidistant_sets(len(task.scan), views)[0])]
    drawn = [task.cohort.patient(i) for i in patients]
    truth = torch.stack([patient.image for patient in drawn])
    y = task.acquisition.measure(A(truth), seed=1_000_003 * effort.seed + 20)
    reconstruct(y[:1])  # what a first call sets up is no cost of the method
    with cost_of_step() as cost:
        images = reconstruct(y)
    x, t = images.numpy(), truth.numpy()
    errors = [hu_errors(*pair) for pair in zip(x, t, strict=True)]

    phantom = QualityPhantom.that_fits(task.grid, effort.contrast_hu)
    ideal = phantom.projections(A.scan).expand(effort.repeats, -1, -1)
    scans = reconstruct(task.acquisition.measure(ideal.contiguous(), seed=1_000_003 * effort.seed + 21)).numpy()
    hu = mu_to_hu(scans.astype(np.float64))
    mean, insert = hu.mean(axis=0), phantom.insert
    inner = insert.distance_mm(task.grid) < insert.radius_mm / 2
    transfer = edge_transfer(mean, task.grid, insert)
    noise = noise_power(hu[:, *phantom.plain_square(task.grid)], voxel_mm=task.grid.voxel_mm)
    f, power = noise.radial()
    return Quality(
        task=task.name,
        method=method,
        settings=given,
        views=views,
        photons=float(np.mean(task.acquisition.photons)),
        psnr_db=tuple(psnr(*pair) for pair in zip(x, t, strict=True)),
        ssim=tuple(ssim(*pair) for pair in zip(x, t, strict=True)),
        rmse_hu=tuple(e.rmse for e in errors),
        bias_hu=tuple(e.bias for e in errors),
        organ_bias_hu=_by_organ((x - t) * (1000 / MU_WATER), [patient.truth.labels for patient in drawn]),
        insert_bias_hu=float(mean[inner].mean()) - effort.contrast_hu,
        water_bias_hu=float(mean[phantom.plain.mask(task.grid)].mean()),
        noise_hu=float(np.sqrt(noise.variance)),
        noise_frequency=noise.mean_frequency,
        noise_power=(f.tolist(), power.tolist()),
        transfer=(transfer.frequencies.tolist(), transfer.values.tolist()),
        transfer_50=transfer.frequency_at(0.5),
        transfer_10=transfer.frequency_at(0.1),
        contrast_hu=transfer.contrast_hu,
        detectability=npw_detectability(effort.disc, transfer, noise),
        seconds=cost.seconds / len(y),
        peak_memory_mib=cost.peak_memory_mib,
    )


def as_text(rows: list[Quality]) -> list[str]:
    """Return the lines of a table of finished rows; means over patients."""
    lines = [
        "method      views PSNR dB  SSIM  RMSE HU bias HU | noise HU mean f  TTF50  TTF10 contrast HU    d' |  s/image"
        "   MiB"
    ]
    lines += [
        f"{r.method:<12}{r.views:5d} {np.mean(r.psnr_db):7.2f} {np.mean(r.ssim):5.3f} {np.mean(r.rmse_hu):8.1f} "
        f"{np.mean(r.bias_hu):+7.1f} | {r.noise_hu:8.1f} {r.noise_frequency:6.3f} {r.transfer_50:6.3f} "
        f"{r.transfer_10:6.3f} {r.contrast_hu:+11.1f} {r.detectability:5.2f} | {r.seconds:8.3f} "
        f"{r.peak_memory_mib:5.0f}"
        for r in rows
    ]
    return lines


def _by_organ(error_hu: NDArray[np.floating], labels: list[NDArray[np.int16]]) -> dict[str, float]:
    means: dict[str, list[float]] = {}
    for error, label in zip(error_hu, labels, strict=True):
        for index in np.unique(label):
            inside = label == index
            if inside.sum() >= SMALLEST_ORGAN:
                means.setdefault(ORGANS[index], []).append(float(error[inside].mean()))
    return {organ: float(np.mean(values)) for organ, values in sorted(means.items())}
