"""Doing one piece of work wherever it lands: the same figures in every process, and errors kept as their cause."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

import torch

from svct.bench.experiment.cell import angles_of, measure
from svct.bench.experiment.choose import choose
from svct.bench.experiment.memory import peak_mib, restart_peak
from svct.bench.experiment.node import CellNode, Choices, Node, ViewNode
from svct.bench.experiment.outcome import Outcome


def execute(node: Node, choices: Choices) -> Outcome:
    """Do a node's work on one thread, so that sums are added up in the same order everywhere.

    Args:
        node: What to do.
        choices: The views that it needs, by key.

    Returns:
        What came of it; where it failed, why.
    """
    restart_peak()
    with one_thread():
        try:
            if isinstance(node, CellNode):
                return measure(node, choices[node.views.key])
            assert isinstance(node, ViewNode)
            begin = perf_counter()
            choice = choose(node, choices)
            took = {"choosing": perf_counter() - begin}
            angles = angles_of(node.task.scan.angles, choice)
            return Outcome(node.key, choice, angles, seconds=took, peak_memory_mib=peak_mib())
        except Exception as error:
            return Outcome(node.key, error=f"{type(error).__name__}: {error}")


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch and the projectors use one thread for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
