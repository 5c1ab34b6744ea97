"""One tool at work in a process of its own: measured for one case, on demand."""

import math
import os
import time
import warnings
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from svct.bench.cases import ATTENUATION, Case, case_named
from svct.bench.cost import peak_mb
from svct.bench.peers import PEERS
from svct.bench.peers.base import Tool
from svct.ellipsoid import draw_ellipsoid, fit_ellipsoid

OPERATIONS = ("forward", "back")
SHORTEST_S = 0.05
"""A sample repeats an operation until it lasts about this long."""


@dataclass(frozen=True)
class Quality:
    """What a tool's first calls showed.

    Args:
        error: Of the projections of an ellipsoid against the exact ones, relative L2.
        adjoint_error: ``|<A x, A x> - <x, A.T A x>| / <A x, A x>`` for noise of mean zero.
        memory_mb: By operation: what setting up left behind and the peak above what was there, result included.
        setup_s: Setting up.
        batch: Images per call.
    """

    error: float
    adjoint_error: float
    memory_mb: dict[str, float]
    setup_s: float
    batch: int


def serve(pipe: Connection, name: str, case: Case, threads: int, exact: NDArray[np.float32]) -> None:
    """Answer with a `Quality`, then with the seconds of each operation asked for, until the pipe closes.

    Args:
        pipe: To the process that asks; it gets a string where something fails.
        name: Of a tool in `svct.bench.peers.PEERS`.
        case: What to project.
        threads: To use.
        exact: Projections of the ellipsoid.
    """
    os.dup2(2, 1)  # what packages print must not mix with the results
    warnings.simplefilter("ignore")
    torch.set_num_threads(threads)
    try:
        tool = PEERS[name].load()
        refusal = tool.refusal(case)
        if refusal is not None:
            pipe.send(refusal)
            return
        # Packages load parts when they are first used: that is neither time nor memory of the case.
        Measured(tool, case_named(f"{case.scan.kind}-16", views=4), threads).warm_up()
        measured = Measured(tool, case, threads)
        pipe.send(measured.quality(exact))
        while True:
            pipe.send(measured.seconds(pipe.recv()))
    except (EOFError, BrokenPipeError):
        return
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {error}")


class Measured:
    """A tool with images and projections of noise."""

    def __init__(self, tool: type[Tool], case: Case, threads: int) -> None:
        self.batch = case.batch if tool.batched else 1
        shape = (self.batch, *case.grid.shape)
        self.x = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
        before = peak_mb()
        begin = time.perf_counter()
        self.tool = tool(case, threads)
        self.setup_s = time.perf_counter() - begin
        self.kept_mb = peak_mb() - before
        self.calls: dict[str, int] = {}
        self.data: dict[str, Any] = {"forward": self.tool.to_image(self.x)}

    def warm_up(self) -> None:
        """Call each operation once."""
        y = self.tool.from_projections(self.tool.forward(self.data["forward"]))
        self.tool.back(self.tool.to_projections(np.ascontiguousarray(y)))

    def quality(self, exact: NDArray[np.float32]) -> Quality:
        """Call each operation for the first time and judge it."""
        tool, memory = self.tool, {}
        result, memory["forward"] = self._first_call("forward")
        y = np.ascontiguousarray(tool.from_projections(result))
        del result
        self.data["back"] = tool.to_projections(y)
        result, memory["back"] = self._first_call("back")
        z = tool.from_image(result)
        square = float(np.square(y, dtype=np.float64).sum())
        adjoint_error = abs(square - float(np.multiply(self.x, z, dtype=np.float64).sum())) / square
        del result, y, z
        return Quality(self._error(exact), adjoint_error, memory, self.setup_s, self.batch)

    def seconds(self, operation: str) -> float:
        """Return the time of one call, the mean over a short while, after one that finds the caches cold."""
        job, data = getattr(self.tool, operation), self.data[operation]
        calls = self.calls.get(operation, 1)
        job(data)
        begin = time.perf_counter()
        for _ in range(calls):
            job(data)
        took = (time.perf_counter() - begin) / calls
        self.calls.setdefault(operation, max(1, math.ceil(SHORTEST_S / took)))
        return took

    def _first_call(self, operation: str) -> tuple[Any, float]:
        before = peak_mb()
        result = getattr(self.tool, operation)(self.data[operation])
        return result, max(0.0, self.kept_mb) + peak_mb() - before

    def _error(self, exact: NDArray[np.float32]) -> float:
        grid = self.tool.grid
        centre, axes = fit_ellipsoid(self.tool.case.grid)
        x = draw_ellipsoid(grid, centre_mm=centre, axes_mm=axes, value=ATTENUATION)
        image = self.tool.to_image(np.repeat(x[None], self.batch, axis=0))
        y = self.tool.from_projections(self.tool.forward(image))[0]
        return float(np.linalg.norm(y - exact) / np.linalg.norm(exact))
