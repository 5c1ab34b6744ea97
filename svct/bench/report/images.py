"""Images of a run as 16-bit PNG in Hounsfield units."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svct.bench.report.load import Result, Run
from svct.bench.report.tables import RECONSTRUCTORS, SAMPLERS, in_order, panel_of
from svct.errors import DataFileError
from svct.units import mu_to_hu

INTERCEPT = -8192
"""What a stored 0 stands for, HU; one step is 1 HU."""

LARGEST = 256
"""Pixels along an edge at most; larger images are averaged over blocks."""

ROOM = 8_000_000
"""Characters that all images together may take."""


@dataclass(frozen=True)
class Group:
    """The images of one patient at one number of views.

    Args:
        panel: Task, with the protocol where the run has several.
        patient: Number of the patient.
        views: How many views.
        size: Rows and columns of every image.
        pixel_mm: Edge of a pixel.
        truth: PNG, base64.
        images: PNG, base64, by ``reconstructor|sampler``.
        about: PSNR and SSIM of each in words, by the same keys.
        photons: Per ray.
    """

    panel: str
    patient: int
    views: int
    size: tuple[int, int]
    pixel_mm: float
    truth: str
    images: dict[str, str]
    about: dict[str, str]
    photons: float


@dataclass(frozen=True)
class Gallery:
    """The images that fit into a page.

    Args:
        groups: As many as there is room for.
        left_out: How many more groups the run has.
        reduced: By how much edges were divided, at most.
    """

    groups: tuple[Group, ...]
    left_out: int
    reduced: int


def gallery_of(run: Run, *, room: int = ROOM) -> Gallery:
    """Choose and encode images: for every task and patient those of all samplers and reconstructions.

    They are of the first seed and of the photons that most cells have. First come the first patient of every task at
    the middle number of views, then the other numbers of views, then the next patients.

    Args:
        run: The run.
        room: Characters that all together may take.

    Raises:
        DataFileError: A file of images cannot be read.
    """
    cells = _cells(run)
    ranks = {panel: _ranks({views for p, views in cells if p == panel}) for panel in {panel for panel, _ in cells}}
    queue = []
    for (panel, views), own in cells.items():
        stored = {key: _read(run.folder / "images" / f"{r.key}.npz") for key, r in own.items()}
        patients = sorted(set.intersection(*(set(map(int, one["patients"])) for one in stored.values())))
        queue += [(place, ranks[panel][views], panel, views, patient) for place, patient in enumerate(patients)]
    groups, reduced, used, left_out = [], 1, 0, 0
    psnr = _psnr(run)
    for _, _, panel, views, patient in sorted(queue):
        group, factor = _group(run, cells[panel, views], panel=panel, views=views, patient=patient, psnr=psnr)
        size = len(group.truth) + sum(map(len, group.images.values()))
        if used + size > room:
            left_out += 1
            continue
        groups.append(group)
        used += size
        reduced = max(reduced, factor)
    return Gallery(tuple(groups), left_out, reduced)


def as_png(hu: NDArray[Any]) -> bytes:
    """Encode an image ``(y, x)`` in HU as greyscale PNG of 16 bits, 1 HU a step from -8192 HU.

    Example:
        >>> as_png(np.zeros((2, 2)))[1:4]
        b'PNG'
    """
    from PIL import Image

    stored = np.clip(np.rint(hu) - INTERCEPT, 0, 65535).astype(np.uint16)
    stream = io.BytesIO()
    Image.fromarray(stored).save(stream, format="PNG", optimize=True)
    return stream.getvalue()


def _cells(run: Run) -> dict[tuple[str, int], dict[str, Result]]:
    """Return a result of each cell to show, by panel and views, then by ``reconstructor|sampler``."""
    several = len({r.protocol for r in run.results}) > 1
    by_key: dict[str, Result] = {}
    for r in run.results:
        by_key.setdefault(r.key, r)
    rows = [r for r in by_key.values() if (run.folder / "images" / f"{r.key}.npz").is_file()]
    usual: dict[str, float] = {}
    for task in {r.task for r in rows}:
        fluxes = [r.photons for r in rows if r.task == task]
        usual[task] = max(set(fluxes), key=lambda photons: (fluxes.count(photons), photons))
    samplers = in_order((r.sampler for r in rows), SAMPLERS)
    reconstructors = in_order((r.reconstructor for r in rows), RECONSTRUCTORS)
    found: dict[tuple[str, int], dict[str, Result]] = {}
    order = {(a, b): i for i, (a, b) in enumerate((a, b) for a in reconstructors for b in samplers)}
    for r in sorted(rows, key=lambda r: (order[r.reconstructor, r.sampler], r.seed, r.key)):
        if r.photons == usual[r.task]:
            panel = panel_of(r.task, r.protocol, several=several)
            found.setdefault((panel, r.views), {}).setdefault(f"{r.reconstructor}|{r.sampler}", r)
    return found


def _ranks(views: set[int]) -> dict[int, int]:
    """Return the place of each number of views, from the middle outwards."""
    ordered = sorted(views)
    middle = (len(ordered) - 1) // 2
    return {count: abs(2 * (i - middle) + (i < middle)) for i, count in enumerate(ordered)}


def _group(
    run: Run, own: dict[str, Result], *, panel: str, views: int, patient: int, psnr: dict[tuple[str, int], str]
) -> tuple[Group, int]:
    images, about, truth, size, pixel_mm, factor = {}, {}, "", (0, 0), 0.0, 1
    for key, r in own.items():
        stored = _read(run.folder / "images" / f"{r.key}.npz")
        i = list(map(int, stored["patients"])).index(patient)
        factor = max(1, -(-max(stored["image"].shape[-2:]) // LARGEST))
        images[key] = _encode(stored["image"][i], factor)
        about[key] = psnr.get((r.key, patient), "")
        if not truth:
            truth = _encode(stored["truth"][i], factor)
            size = (stored["image"].shape[-2] // factor, stored["image"].shape[-1] // factor)
            pixel_mm = float(stored["pixel_mm"]) * factor
    photons = next(iter(own.values())).photons
    return Group(panel, patient, views, size, pixel_mm, truth, images, about, photons), factor


def _encode(mu: NDArray[Any], factor: int) -> str:
    rows, columns = (length // factor for length in mu.shape)
    blocks = mu[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor).mean(axis=(1, 3))
    return base64.b64encode(as_png(mu_to_hu(blocks))).decode("ascii")


def _psnr(run: Run) -> dict[tuple[str, int], str]:
    return {(r.key, r.patient): f"{r.value:.1f} dB" for r in run.results if r.metric == "psnr"}


def _read(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path) as stored:
            return {name: stored[name] for name in ("patients", "truth", "image", "pixel_mm")}
    except (OSError, ValueError, KeyError) as error:
        raise DataFileError(f"{path}: expected images of a cell, could not read them ({error}); remove it") from error
