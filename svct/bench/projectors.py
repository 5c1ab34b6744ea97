"""Speed of the projector beside ASTRA's, in one sitting."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from svct.geometry.grid import Grid
from svct.geometry.parallel import ParallelBeam
from svct.geometry.projector import Projector


@dataclass(frozen=True)
class Row:
    """Time of one operation per image.

    Args:
        operation: ``"forward"`` or ``"back"``.
        batch: Images per call.
        native_s: Median seconds per image, svct's kernels.
        astra_s: Median seconds per image, ASTRA's `linear` projector through its own interface, one image per call.
        difference: Relative difference of the two results.
    """

    operation: str
    batch: int
    native_s: float
    astra_s: float
    difference: float

    @property
    def ratio(self) -> float:
        """How many times as fast svct is."""
        return self.astra_s / self.native_s


def bench_projectors(*, size: int = 256, views: int = 360, batch: int = 16, repeats: int = 9) -> list[Row]:
    """Time forward and back projection in parallel beam against ASTRA's CPU projector.

    Args:
        size: Rows and columns of the image.
        views: Views over half a turn.
        batch: Images of the batched measurement.
        repeats: Interleaved repetitions, whose median counts.

    Returns:
        One row for each operation, single and batched.
    """
    import astra

    bins = int(np.ceil(size * np.sqrt(2))) + 4
    angles = np.arange(views) * np.pi / views
    A = Projector(ParallelBeam(angles, bins=bins), Grid(shape=(size, size)), backend="native")
    x = torch.rand((batch, size, size), generator=torch.Generator().manual_seed(0))
    y = A(x)
    peer = astra.create_projector(
        "linear", astra.create_proj_geom("parallel", 1.0, bins, angles), astra.create_vol_geom(size, size)
    )
    image, data = x[0].numpy(), y[0].numpy()
    projected, backprojected = np.zeros_like(data), np.zeros_like(image)
    jobs: dict[str, Callable[[], object]] = {
        "native forward 1": lambda: A(x[:1]),
        "native back 1": lambda: A.T(y[:1]),
        "native forward n": lambda: A(x),
        "native back n": lambda: A.T(y),
        "astra forward": lambda: astra.projector.direct_FP(peer, image, out=projected),
        "astra back": lambda: astra.projector.direct_BP(peer, data, out=backprojected),
    }
    times: dict[str, list[float]] = {name: [] for name in jobs}
    try:
        for _ in range(repeats + 1):
            for name, job in jobs.items():
                begin = time.perf_counter()
                job()
                times[name].append(time.perf_counter() - begin)
    finally:
        astra.projector.delete(peer)
    median = {name: statistics.median(values[1:]) for name, values in times.items()}  # the first warms up
    apart = {
        "forward": float(np.linalg.norm(projected - data) / np.linalg.norm(projected)),
        "back": float(np.linalg.norm(backprojected - A.T(y[0]).numpy()) / np.linalg.norm(backprojected)),
    }
    return [
        Row(what, count, median[f"native {what} {key}"] / count, median[f"astra {what}"], apart[what])
        for count, key in ((1, "1"), (batch, "n"))
        for what in ("forward", "back")
    ]
