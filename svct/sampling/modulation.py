"""The dose shared among views by one number: tube load as a power of how little a view lets through."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from svct.errors import InputError
from svct.geometry.projector import Projector
from svct.sampling.fixed import ViewSet
from svct.sampling.load import bounded
from svct.sampling.samplers.base import Choice, Problem
from svct.sampling.trial import measure_problem

TOUCHED = 0.1
"""Line integral from which a ray counts as one through the object: 5 mm of water."""


def mean_lines(A: Projector, images: Float[Tensor, "patient y x"]) -> Float64[Tensor, " view"]:
    """Return the mean line integral of the rays through the object, for each view, mean over the patients.

    Args:
        A: The projector of the candidates.
        images: Patients, 1/mm.
    """
    total = torch.zeros(A.range_shape[0], dtype=torch.float64)
    for image in images:
        lines = A(image[None])[0].double()
        through = lines > TOUCHED
        total += (lines * through).sum(dim=1) / through.sum(dim=1).clamp(min=1)
    return total / len(images)


def law_loads(
    lines: Float64[Tensor, " view"], exponent: float, *, least: float = 0.05, most: float = 4.0
) -> tuple[float, ...]:
    """Return loads ~ exp(exponent * lines), within bounds, of mean 1.

    Args:
        lines: Mean line integral of each chosen view, see `mean_lines`.
        exponent: 0 shares evenly; 1/2 is classic tube-current modulation; negative ones spare the thick views.
        least: Smallest load over the mean.
        most: Largest load over the mean.

    Example:
        >>> law_loads(torch.tensor([1.0, 1.0, 1.0]).double(), 0.5)
        (1.0, 1.0, 1.0)

    Notes:
        exp(-lines) is the geometric mean T of what a view lets through, so that the load goes as T^-a. With a = 1/2
        and the central ray, the variance in the middle of an FBP image is least for its dose (Gies, Kalender, Wolf,
        Suess and Madsen 1999, Med. Phys. 26:2235). The mean over rays does not follow a few of them through metal,
        which count nothing whatever the load.
    """
    return tuple(bounded((exponent * (lines - lines.max())).exp(), least, most).tolist())


@dataclass(frozen=True)
class LoadLaw:
    """Finds the exponent of `law_loads` that the backbone does best with.

    Args:
        patients: Training patients who are asked.
        exponents: Those that are tried; 0 is tried too.
        least: Smallest load over the mean.
        most: Largest load over the mean.

    Notes:
        One number out of a few from many patients: nothing to fit to noise. An exponent is taken where its mean gain
        in PSNR over even loads is more than twice its standard error over the patients; else the loads stay even.
    """

    patients: int = 16
    exponents: tuple[float, ...] = (-0.5, 0.25, 0.5, 0.75, 1.0, 1.5)
    least: float = 0.05
    most: float = 4.0

    def __post_init__(self) -> None:
        if self.patients < 4 or not self.exponents:
            raise InputError(
                f"load law: expected 4 or more patients and some exponents, got {self.patients} and {self.exponents}"
            )

    @property
    def measurements(self) -> int:
        """How many shares of the dose are measured at most."""
        return len(self.exponents) + 1

    def loaded(self, lines: Float64[Tensor, " view"], exponent: float, views: ViewSet) -> Choice:
        """Return views with the loads of an exponent; `lines` are those of all candidates."""
        return Choice(views, law_loads(lines[list(views)], exponent, least=self.least, most=self.most))

    def exponent(
        self,
        problem: Problem,
        view_sets: Sequence[ViewSet],
        *,
        seed: int = 0,
        each: Callable[[], object] | None = None,
    ) -> float:
        """Return the exponent that is best over all of some view sets, or 0 where none is sure to help.

        Args:
            problem: With training patients and the backbone.
            view_sets: The sets, at least one.
            seed: Seed of the noise.
            each: Called after each exponent.
        """
        trial = measure_problem(problem, "modulated", seed=seed, patients=self.patients)
        lines = self.lines(problem)

        def psnr(exponent: float) -> Float[Tensor, " patient"]:
            found = [trial.psnr_at(self.loaded(lines, exponent, views)) for views in view_sets]
            if each:
                each()
            return torch.stack(found).mean(dim=0)

        even = psnr(0.0)
        gains = {exponent: psnr(exponent) - even for exponent in self.exponents}
        best = max(gains, key=lambda e: float(gains[e].mean()))
        error = float(gains[best].std()) / len(even) ** 0.5
        return best if float(gains[best].mean()) > 2 * error else 0.0

    def lines(self, problem: Problem) -> Float64[Tensor, " view"]:
        """Return `mean_lines` of all candidates for the patients who are asked, mean over the problem's tasks."""
        return torch.stack([mean_lines(part.A, part.images[: self.patients]) for part in problem.parts]).mean(dim=0)

    def share(
        self,
        problem: Problem,
        view_sets: Sequence[ViewSet],
        *,
        seed: int = 0,
        each: Callable[[], object] | None = None,
    ) -> list[Choice]:
        """Share the dose among the views of each set, by the `exponent` that is best over all of them."""
        best, lines = self.exponent(problem, view_sets, seed=seed, each=each), self.lines(problem)
        return [self.loaded(lines, best, views) for views in view_sets]
