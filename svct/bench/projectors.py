"""Speed, memory and accuracy of projectors, svct's beside those of other packages, in one sitting."""

import math
import multiprocessing
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from svct.bench.cases import Case
from svct.bench.peers import NATIVE
from svct.bench.worker import OPERATIONS, Quality, serve


@dataclass(frozen=True)
class Row:
    """One operation of one tool in one case.

    Args:
        case: Name of the case.
        operation: ``"forward"`` or ``"back"``.
        tool: Name of the tool.
        batch: Images per call.
        seconds: Per image, median over interleaved repetitions.
        ratio: `seconds` over those of svct's native kernels.
        memory_mb: Peak increase, the result and what setting up left behind included, MB.
        error: Of the projections of an ellipsoid against the exact ones, relative L2; none for back projection.
        adjoint_error: Relative, for noise of mean zero.
        setup_s: Setting up, seconds.
    """

    case: str
    operation: str
    tool: str
    batch: int
    seconds: float
    ratio: float
    memory_mb: float
    error: float | None
    adjoint_error: float
    setup_s: float


@dataclass(frozen=True)
class Refusal:
    """A tool that was not measured in a case, and why."""

    case: str
    tool: str
    reason: str


def bench_projectors(
    cases: Sequence[Case],
    *,
    peers: Sequence[str] = (),
    repeats: int = 9,
    report: Callable[[str], object] = lambda what: None,
) -> tuple[list[Row], list[Refusal]]:
    """Time forward and back projection of svct's native kernels and of other tools, in turns.

    Each tool runs in a process of its own, so that its memory can be told and its end does not end the measurement;
    only one of them works at a time.

    Args:
        cases: What to project.
        peers: Tools of `svct.bench.peers.PEERS` beside svct's.
        repeats: Repetitions, whose median counts.
        report: Called with what begins.

    Returns:
        A row for each operation of each tool in each case, and the tools that could not do a case.
    """
    rows: list[Row] = []
    refusals: list[Refusal] = []
    for case in cases:
        report(case.name)
        more, refused = _bench_case(case, [NATIVE, *peers], repeats)
        rows += more
        refusals += [Refusal(case.name, tool, reason) for tool, reason in refused.items()]
    return rows, refusals


def _bench_case(case: Case, tools: list[str], repeats: int) -> tuple[list[Row], dict[str, str]]:
    workers: dict[str, Worker] = {}
    qualities: dict[str, Quality] = {}
    samples: dict[tuple[str, str], list[float]] = {}
    refused: dict[str, str] = {}
    exact = case.exact_projections()
    try:
        for tool in tools:
            workers[tool] = Worker(tool, case, exact)
            answer = workers[tool].answer()
            if isinstance(answer, Quality):
                qualities[tool] = answer
            else:
                refused[tool] = str(answer)
        for turn in range(repeats + 1):
            for operation in OPERATIONS:
                for tool in [tool for tool in tools if tool not in refused]:
                    answer = workers[tool].answer(operation)
                    if not isinstance(answer, float):
                        refused[tool] = str(answer)
                    elif turn:  # the first warms up
                        samples.setdefault((tool, operation), []).append(answer)
    finally:
        for worker in workers.values():
            worker.close()
    return _rows(case, {tool: q for tool, q in qualities.items() if tool not in refused}, samples), refused


def _rows(case: Case, qualities: dict[str, Quality], samples: dict[tuple[str, str], list[float]]) -> list[Row]:
    seconds = {
        key: statistics.median(some) / qualities[key[0]].batch for key, some in samples.items() if key[0] in qualities
    }
    return [
        Row(
            case=case.name,
            operation=operation,
            tool=tool,
            batch=quality.batch,
            seconds=seconds[tool, operation],
            ratio=seconds[tool, operation] / seconds.get((NATIVE, operation), math.nan),
            memory_mb=quality.memory_mb[operation],
            error=quality.error if operation == "forward" else None,
            adjoint_error=quality.adjoint_error,
            setup_s=quality.setup_s,
        )
        for operation in OPERATIONS
        for tool, quality in qualities.items()
    ]


class Worker:
    """A process that runs one tool."""

    def __init__(self, tool: str, case: Case, exact: NDArray[np.float32]) -> None:
        # Forked from a process that has torch but no threads yet: quick to start, and unlike this one safe to fork.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["svct.bench.worker"])
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=serve, args=(theirs, tool, case, torch.get_num_threads(), exact), daemon=True
        )
        self.process.start()
        theirs.close()

    def answer(self, operation: str | None = None) -> object:
        """Return what the process says, to an operation if one is given; a string where it failed."""
        try:
            if operation is not None:
                self.pipe.send(operation)
            return self.pipe.recv()
        except (EOFError, OSError):
            self.process.join(timeout=5)
            return f"its process ended with code {self.process.exitcode}"

    def close(self) -> None:
        """End the process."""
        self.pipe.close()
        self.process.join(timeout=2)
        self.process.kill()
        self.process.join()
