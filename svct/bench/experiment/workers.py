"""Who does the work: this process, processes of this machine, or a cluster."""

import multiprocessing
import signal
from abc import ABC, abstractmethod
from collections import deque
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from svct.bench.experiment.execute import execute
from svct.bench.experiment.node import Choices, Node
from svct.bench.experiment.outcome import Outcome


class Workers(ABC):
    """Takes work and gives back what came of it, in any order; a context manager that ends what it began."""

    @property
    @abstractmethod
    def room(self) -> int:
        """How much more to hand out now."""

    @abstractmethod
    def start(self, node: Node, choices: Choices) -> None:
        """Hand out work."""

    @abstractmethod
    def next(self) -> Outcome:
        """Wait for the next piece of work that has ended."""

    def __enter__(self) -> "Workers":
        return self

    @abstractmethod
    def __exit__(self, *_: object) -> None:
        """End what was begun."""


class ThisProcess(Workers):
    """One piece of work after another, here."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Node, Choices]] = deque()

    @property
    def room(self) -> int:
        """One."""
        return 1 - len(self._waiting)

    def start(self, node: Node, choices: Choices) -> None:
        """See `Workers.start`."""
        self._waiting.append((node, choices))

    def next(self) -> Outcome:
        """See `Workers.next`."""
        return execute(*self._waiting.popleft())

    def __exit__(self, *_: object) -> None:
        """End nothing: what was begun was done."""


class Processes(Workers):
    """Processes of this machine; one that dies takes its work alone with it.

    Args:
        count: How many.
    """

    def __init__(self, count: int) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._idle: list[_Worker] = [_Worker(self._context) for _ in range(count)]
        self._busy: dict[Any, _Worker] = {}

    @property
    def room(self) -> int:
        """How many are idle."""
        return len(self._idle)

    def start(self, node: Node, choices: Choices) -> None:
        """See `Workers.start`."""
        worker = self._idle.pop()
        worker.key = node.key
        worker.pipe.send((node, choices))
        self._busy[worker.pipe] = worker

    def next(self) -> Outcome:
        """See `Workers.next`."""
        pipe = wait(list(self._busy))[0]
        worker = self._busy.pop(pipe)
        try:
            found: Outcome = worker.pipe.recv()
        except EOFError:
            worker.process.join()
            self._idle.append(_Worker(self._context))
            return Outcome(worker.key, error=_ending(worker.process.exitcode))
        self._idle.append(worker)
        return found

    def __exit__(self, *_: object) -> None:
        """Stop the processes."""
        for worker in (*self._idle, *self._busy.values()):
            worker.process.terminate()
        for worker in (*self._idle, *self._busy.values()):
            worker.process.join()
            worker.pipe.close()


class _Worker:
    def __init__(self, context: Any) -> None:
        self.pipe, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(target=_serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self.key = ""


def _serve(pipe: Connection) -> None:
    """Work until the pipe closes; Ctrl-C is for the process that hands out the work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            node, choices = pipe.recv()
            pipe.send(execute(node, choices))
        except (EOFError, OSError):  # whoever handed out the work is gone
            return


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return f"its process was ended by {signal.Signals(-code).name}; memory may have run out"
    return f"its process ended with code {code}"


def workers_of(count: int, scheduler: str | None) -> Workers:
    """Return who does the work.

    Args:
        count: Processes of this machine; 1 for this process alone.
        scheduler: Address of a Dask scheduler, or None.

    Raises:
        BackendUnavailable: dask.distributed is not installed.
        SvctError: No scheduler answers.
    """
    if scheduler is not None:
        from svct.bench.experiment.cluster import Cluster

        return Cluster(scheduler)
    return Processes(count) if count > 1 else ThisProcess()
