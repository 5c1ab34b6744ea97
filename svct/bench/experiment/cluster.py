"""Work on a Dask cluster."""

from queue import SimpleQueue
from typing import Any

from svct.bench.experiment.execute import execute
from svct.bench.experiment.node import Choices, Node
from svct.bench.experiment.outcome import Outcome
from svct.bench.experiment.workers import Workers
from svct.errors import BackendUnavailable, SvctError

PATIENCE_S = 20
"""How long to wait for the scheduler."""

AHEAD = 4
"""Pieces of work handed out for each thread of the cluster, so that none waits."""


class Cluster(Workers):
    """The workers of a Dask scheduler; work of one that dies is done by another.

    Workers need svct of the same version, not the folder of the run: results come back to this process.

    Args:
        address: Such as ``"tcp://127.0.0.1:8786"``.

    Raises:
        BackendUnavailable: dask.distributed is not installed.
        SvctError: No scheduler answers.
    """

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise BackendUnavailable(
                "--scheduler: needs the package distributed, which is not installed; pip install 'svct[bench]'"
            ) from error
        try:
            connect: Any = Client  # it has no types
            self._client: Any = connect(address, timeout=PATIENCE_S, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise SvctError(
                f"--scheduler {address}: expected a Dask scheduler, none answers ({error}); start one with `dask "
                "scheduler`, and workers with `dask worker ADDRESS`"
            ) from error
        self._ended: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self._running: dict[str, Any] = {}

    @property
    def room(self) -> int:
        """Some more than the threads of the cluster."""
        threads: int = sum(self._client.nthreads().values())
        return max(1, AHEAD * threads) - len(self._running)

    def start(self, node: Node, choices: Choices) -> None:
        """See `Workers.start`."""
        future = self._client.submit(execute, node, choices, pure=False)
        self._running[node.key] = future
        future.add_done_callback(lambda ended, key=node.key: self._ended.put((key, ended)))

    def next(self) -> Outcome:
        """See `Workers.next`."""
        key, future = self._ended.get()
        del self._running[key]
        try:
            outcome: Outcome = future.result()
        except Exception as error:  # whatever the cluster has to say: the cell failed
            return Outcome(key, error=f"{type(error).__name__}: {error}")
        return outcome

    def __exit__(self, *_: object) -> None:
        """Take back what is not finished and leave the cluster."""
        self._client.cancel(list(self._running.values()))
        self._client.close()
