"""What it costs to ask for views one by one."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from svct.bench.cases import Case
from svct.bench.worker import OPERATIONS
from svct.geometry.projector import Projector


@dataclass(frozen=True)
class OneByOne:
    """One operation on many views, in one call and in a call for each.

    Args:
        case: Name of the case.
        operation: ``"forward"`` or ``"back"``.
        views: How many, spread over the scan.
        together_s: One call of all of them, median seconds.
        one_by_one_s: A call for each, ``A[i]`` included, median seconds.
    """

    case: str
    operation: str
    views: int
    together_s: float
    one_by_one_s: float

    @property
    def ratio(self) -> float:
        """How many times as long the single calls take."""
        return self.one_by_one_s / self.together_s


def bench_one_by_one(case: Case, *, views: int = 100, repeats: int = 9) -> list[OneByOne]:
    """Time svct's native kernels on some views in one call and view by view, in turns.

    Args:
        case: What to project; its batch is not looked at.
        views: How many of its views, at most all.
        repeats: Repetitions, whose median counts.

    Returns:
        A row for each operation.
    """
    whole = Projector(case.scan, case.grid, backend="native")
    count = min(views, len(case.scan))
    A = whole[[i * len(case.scan) // count for i in range(count)]]
    x = torch.rand(case.grid.shape, generator=torch.Generator().manual_seed(0))
    y = A(x)
    parts = [y[..., i : i + 1, :].contiguous() for i in range(count)]
    jobs: dict[tuple[str, bool], Callable[[], object]] = {
        ("forward", False): lambda: A(x),
        ("forward", True): lambda: [A[i](x) for i in range(count)],
        ("back", False): lambda: A.T(y),
        ("back", True): lambda: [A[i].T(part) for i, part in enumerate(parts)],
    }
    samples: dict[tuple[str, bool], list[float]] = {key: [] for key in jobs}
    for _ in range(repeats + 1):
        for key, job in jobs.items():
            begin = time.perf_counter()
            job()
            samples[key].append(time.perf_counter() - begin)
    median = {key: statistics.median(some[1:]) for key, some in samples.items()}  # the first warms up
    return [OneByOne(case.name, what, count, median[what, False], median[what, True]) for what in OPERATIONS]
