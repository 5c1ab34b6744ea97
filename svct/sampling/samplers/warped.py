"""Equidistant views, spread by a smooth density of views that is learned through the backbone."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svct.sampling.fit import spread
from svct.sampling.fixed import ViewSet
from svct.sampling.samplers.base import Choice, Problem
from svct.sampling.trial import measure_problem


@dataclass(frozen=True)
class Warped:
    """Views at equal shares of a smooth density over the scan's range.

    Args:
        harmonics: Cosines and sines that the density consists of.
        patients: Training patients who are asked.
        offsets: Offsets that each density is averaged over, so that what is learned is the density and not one offset.
        step: Amplitude that is tried of each cosine and sine.

    Notes:
        The mean PSNR is measured through the frozen backbone with each amplitude up and down in turn, and a parabola
        is laid through the three: a response surface (Box and Wilson 1951, J. R. Stat. Soc. B 13:1). A slope within
        twice its standard error over the patients is taken as none, and of all amplitudes together the full, half, a
        quarter or nothing is taken, whichever does best. Few numbers are learned from many patients, which
        single views moved one by one are not: what one of them gains lies below the noise between patients. Where a
        device sets constraints, the range is what can be taken.
    """

    harmonics: int = 3
    patients: int = 20
    offsets: int = 4
    step: float = 0.3
    name: str = "warped"

    @property
    def measurements(self) -> int:
        """How many densities are measured."""
        return 4 * self.harmonics + 5

    def choose(self, problem: Problem, *, seed: int = 0, each: Callable[[], object] | None = None) -> Choice:
        """Choose views; `each` is called once per measured density."""
        return self.spread(problem, Choice, seed=seed, each=each)

    def spread(
        self,
        problem: Problem,
        load: Callable[[ViewSet], Choice],
        *,
        seed: int = 0,
        each: Callable[[], object] | None = None,
    ) -> Choice:
        """Choose views that do not share the dose evenly.

        Args:
            problem: What is asked.
            load: Shares the dose among views.
            seed: Seed of the noise.
            each: Called once per measured density.
        """
        trial = measure_problem(problem, self.name, seed=seed, patients=self.patients)
        even = np.zeros(2 * self.harmonics)

        def place(amplitudes: NDArray[np.float64], offset: int) -> ViewSet:
            def among(places: int, views: int) -> ViewSet:
                return warped_set(amplitudes, offset / self.offsets, candidates=places, views=views)

            return spread(problem.rules, among, candidates=problem.candidates, budget=problem.budget)

        def psnr(amplitudes: NDArray[np.float64]) -> NDArray[np.float64]:
            """Return the PSNR ``(offset, patient)`` of a density."""
            found = [trial.psnr_of(load(place(amplitudes, o))).numpy() for o in range(self.offsets)]
            if each:
                each()
            return np.stack(found)

        base = psnr(even).mean(axis=0)
        learned = even.copy()
        for i in range(len(even)):
            there = np.zeros_like(even)
            there[i] = self.step
            up, down = psnr(there).mean(axis=0) - base, psnr(-there).mean(axis=0) - base
            slopes, curve = (up - down) / 2, float((up + down).mean()) / 2
            slope, error = float(slopes.mean()), float(slopes.std(ddof=1)) / np.sqrt(len(slopes))
            if abs(slope) > 2 * error:
                most = slope / (-2 * curve) if curve < 0 else np.sign(slope)
                learned[i] = self.step * float(np.clip(most, -1, 1))
        shares = [s * learned for s in (1.0, 0.5, 0.25, 0.0)]
        found = [psnr(amplitudes).mean(axis=1) for amplitudes in shares]
        best = max(range(len(shares)), key=lambda i: float(found[i].mean()))
        return load(place(shares[best], int(found[best].argmax())))


def warped_set(amplitudes: NDArray[np.float64], offset: float, *, candidates: int, views: int) -> ViewSet:
    """Return the views at equal shares of a density 1 + sum_k a_k cos(2 pi k u) + b_k sin(2 pi k u), u over the range.

    Args:
        amplitudes: All a_k, then all b_k; the density is raised to a tenth of its mean where it is below.
        offset: Where in its share each view stands, 0 to 1.
        candidates: Number of candidates, evenly over the range.
        views: How many.

    Returns:
        The views, ascending; where two fall on one candidate the later moves to the next free one.

    Example:
        >>> warped_set(np.array([0.0, 0.0]), 0.0, candidates=12, views=4)
        (0, 3, 6, 9)
    """
    u = np.linspace(0, 1, 16 * candidates + 1)
    half = len(amplitudes) // 2
    turns = 2 * np.pi * np.arange(1, half + 1)[:, None] * u
    density = (1 + amplitudes[:half] @ np.cos(turns) + amplitudes[half:] @ np.sin(turns)).clip(min=0.1)
    share = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
    places = np.interp((np.arange(views) + offset) / views, share / share[-1], u) * candidates
    chosen: set[int] = set()
    for place in np.round(places).astype(int):
        while int(place) % candidates in chosen:
            place += 1
        chosen.add(int(place) % candidates)
    return tuple(sorted(chosen))
