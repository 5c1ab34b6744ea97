"""Whether a task works: one patient is drawn, scanned and given each finding."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from svct.errors import InputError, SvctError
from svct.geometry.projector import Projector
from svct.tasks.cases import CaseCohort
from svct.tasks.heads.base import make_head
from svct.tasks.task import Task

DARK_PHOTONS = 10.0
"""Rays that expect fewer photons are worth a note."""

CLEAR = 1e-3
"""Line integrals at the detector's ends above this part of the greatest mean that it does not see the whole object."""


@dataclass(frozen=True)
class Check:
    """One thing that was tried.

    Args:
        name: What.
        ok: Whether it went well.
        message: What was found and, where it is wrong, what was expected.
    """

    name: str
    ok: bool
    message: str


def check_task(task: Task, *, patient: int = 0) -> Iterator[Check]:
    """Try a task out, one thing after another.

    Args:
        task: The task.
        patient: Which patient is drawn.

    Returns:
        An iterator over the checks; what depends on one that failed is left out.

    Raises:
        InputError: The cohort has no such patient.
    """
    image: list[torch.Tensor] = []
    yield _try("patient", lambda: _draw(task, patient, image))
    if image:
        yield _try("scan", lambda: _project(task, image[0]))
    for name in task.findings:
        yield _try(f"finding {name}", lambda name=name: _place(task, name))  # type: ignore[misc]
    for name in task.heads:
        yield _try(f"head {name}", lambda name=name: f"its figure is {make_head(name).main}")  # type: ignore[misc]


def _try(name: str, work: Callable[[], str]) -> Check:
    """Run one check; what a plugin's own code raises is a finding about the task, not an end of the run."""
    try:
        return Check(name, True, work())
    except SvctError as error:
        return Check(name, False, str(error))
    except Exception as error:
        return Check(name, False, f"{type(error).__name__}: {error}")


def _draw(task: Task, index: int, image: list[torch.Tensor]) -> str:
    patient = task.cohort.patient(index)
    x = patient.image
    if tuple(x.shape) != task.grid.shape or not bool(x.isfinite().all()) or float(x.min()) < 0:
        raise InputError(
            f"image of patient {index}: expected finite attenuation of 0 or more, {task.grid.shape}, got "
            f"{float(x.min()):.3g} to {float(x.max()):.3g}/mm, {tuple(x.shape)}"
        )
    if not bool((x > 0).any()):
        raise InputError(f"image of patient {index}: expected something on the grid, got air alone")
    edge = float(torch.cat([x[0], x[-1], x[:, 0], x[:, -1]]).max())
    if edge > 0:
        raise InputError(
            f"image of patient {index}: expected air at the edge of the grid of {task.grid.extent_mm[0]:g} mm, got "
            f"{edge:.3g}/mm; the object is cut off, take a larger voxel_mm or shape"
        )
    image.append(x)
    wide, deep = (2 * half for half in patient.truth.half_axes_mm)
    return f"{task.cohort.anatomy}, {wide:.0f} by {deep:.0f} mm, up to {float(x.max()):.3g}/mm"


def _project(task: Task, image: torch.Tensor) -> str:
    y = Projector(task.scan, task.grid)(image)
    top = float(y.max())
    if not bool(y.isfinite().all()) or top <= 0:
        raise InputError(f"projections: expected finite line integrals above 0, got a largest one of {top:.3g}")
    ends = float(torch.maximum(y[..., 0], y[..., -1]).max())
    if ends > CLEAR * top:
        raise InputError(
            f"projections: expected air at both ends of the detector, got a line integral of {ends:.3g} there; "
            f"the detector of {y.shape[-1]} bins does not see the whole object, take more or wider bins"
        )
    data = task.acquisition.measure(y, seed=0)
    if not bool(data.isfinite().all()):
        raise InputError("log data: expected finite values, got NaN or infinity")
    flux = task.acquisition.photons
    darkest = (min(flux) if isinstance(flux, tuple) else flux) * math.exp(-top)
    note = f"; note: the darkest ray expects {darkest:.2g} photons" if darkest < DARK_PHOTONS else ""
    return f"{task.budget} of {len(task.scan)} views, line integrals up to {top:.3g}{note}"


def _place(task: Task, name: str) -> str:
    case = CaseCohort(task.cohort.anatomy, finding=name, grid=task.grid, seed=task.cohort.seed, size=10).case(0)
    place = case.record.place
    return f"{place.size_mm[0]:.3g} by {place.size_mm[1]:.3g} mm at {place.centre_mm} mm, {place.contrast_hu:+.0f} HU"
