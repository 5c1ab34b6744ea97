"""The methods that `svct bench recon` compares, each at its best."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from svct.geometry.grid import Grid
from svct.geometry.parallel import ParallelBeam
from svct.geometry.projector import Projector
from svct.recon.fbp import fbp
from svct.recon.reconstructor import find_reconstructor, reconstructor_names
from svct.recon.tv import tv
from svct.sampling.importance import tissue_psnr
from svct.tasks.cohort import Cohort

CLASSIC = ("fbp", "tv")
"""The methods without weights."""

FILTERS = ("ramp", "hann")
STRENGTHS = tuple(0.0125 * 2 ** (step / 2) for step in range(17))
"""Those that TV may get, mm: 0.0125 to 3.2, each the square root of 2 times the one before."""

FIRST_GUESS = 6
"""Place in `STRENGTHS` where the tuning begins."""

AT_ONCE = 8
"""Images that a network gets in one call."""

Images = Float[Tensor, "image y x"]
Data = Float[Tensor, "image view col"]


@dataclass(frozen=True, eq=False)
class Reconstructed:
    """Images of one method.

    Args:
        images: ``(n, ny, nx)``, 1/mm.
        setting: What was chosen for it, in words.
    """

    images: Images
    setting: str = ""


def reconstruct(
    method: str, net: nn.Module | None, y: Data, A: Projector, *, truth: Tensor, strength: float, iterations: int
) -> Reconstructed:
    """Reconstruct with a method.

    Args:
        method: One of `CLASSIC`, the name of a network, or that of a registered method.
        net: The network, called ``(y, A)``, `AT_ONCE` images at a time.
        y: Log data.
        A: The projector of these views.
        truth: The true images of the first data; FBP gets the better of `FILTERS` for them, in its favour.
        strength: Of TV, mm.
        iterations: Of TV.

    Raises:
        UnknownNameError: Neither a network nor a registered method.
    """
    if method == "fbp":
        found = [Reconstructed(fbp(y, A, filter=name), name) for name in FILTERS]
        return max(found, key=lambda one: mean_psnr(one.images, truth))
    if method == "tv":
        return Reconstructed(tv(y, A, strength=strength, iterations=iterations), f"{strength:.3g} mm")
    if net is None:
        registered = find_reconstructor(method)
        parts = [
            registered.reconstruct(part, A, settings={}, each=lambda _: None, say=lambda _: None)
            for part in torch.split(y, AT_ONCE)
        ]
        return Reconstructed(torch.cat(parts), "defaults")
    return Reconstructed(torch.cat([net(part, A) for part in torch.split(y, AT_ONCE)]))


def tune_tv(
    y: Data,
    A: Projector,
    truth: Images,
    *,
    iterations: int,
    start: int = FIRST_GUESS,
    each: Callable[[], object] = lambda: None,
) -> int:
    """Return the place in `STRENGTHS` of the strength with the highest mean PSNR, found by climbing from a first guess.

    Args:
        y: Log data of the subjects of the tuning.
        A: The projector of these views.
        truth: Their true images.
        iterations: Of TV.
        start: Where to begin.
        each: Called after each strength that was tried.

    Notes:
        Steps by two places, then by one, to the better neighbour until there is none: over the strength PSNR has one
        maximum.
    """
    known: dict[int, float] = {}

    def score(place: int) -> float:
        if place not in known:
            known[place] = mean_psnr(tv(y, A, strength=STRENGTHS[place], iterations=iterations), truth)
            each()
        return known[place]

    best = start
    for step in (2, 1):
        while True:
            near = [place for place in (best, best - step, best + step) if 0 <= place < len(STRENGTHS)]
            following = max(near, key=score)
            if following == best:
                break
            best = following
    return best


def mean_psnr(images: Images, truth: Float[Tensor, "first y x"]) -> float:
    """Return the mean PSNR of the first images, as many as there are true ones, outside metal, dB."""
    return sum(tissue_psnr(x, t) for x, t in zip(images, truth, strict=False)) / len(truth)


def cost(method: str, A: Projector, *, iterations: int) -> float:
    """Return about how many seconds a method takes for one image on one core, for a progress bar."""
    pixels, views = A.domain_shape[0] * A.domain_shape[1] / 128**2, A.range_shape[0]
    if method == "fbp":
        return pixels * (0.002 + 4e-5 * views)
    if method == "tv":
        return pixels * iterations * (6e-4 + 1.4e-5 * views)
    if method != "unrolled" and method in reconstructor_names():
        return pixels * (0.01 + find_reconstructor(method).iterations * (6e-4 + 1.4e-5 * views))
    return pixels * (0.08 + 5e-4 * views)


def speed(net: nn.Module, *, repeats: int = 3) -> float:
    """Return the median seconds of one image of 256x256 from 24 views, on torch's threads, after a first call."""
    grid = Grid(shape=(256, 256), voxel_mm=1.6)
    A = Projector(ParallelBeam(np.arange(24) * np.pi / 24, bins=256, bin_mm=1.6), grid)
    y = A(Cohort("chest", grid).patient(8).image[None])
    times = []
    with torch.inference_mode():
        for _ in range(repeats + 1):
            begin = time.perf_counter()
            net(y, A)
            times.append(time.perf_counter() - begin)
    return float(np.median(times[1:]))
