"""Doing one piece of work wherever it lands: the same figures in every process, and errors kept as their cause."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import process_time

import torch

from svct.bench.cost import cost_of_step
from svct.bench.experiment.cell import angles_of, measure
from svct.bench.experiment.choose import choose
from svct.bench.experiment.node import CellNode, Choices, Node, ViewNode
from svct.bench.experiment.outcome import Measured, Outcome


def execute(node: Node, choices: Choices) -> Outcome:
    """Do a node's work on one thread, so that sums are added up in the same order everywhere.

    Args:
        node: What to do.
        choices: The views that it needs, by key.

    Returns:
        What came of it; where it failed, why.
    """
    processor = process_time()
    with one_thread(), cost_of_step() as cost:
        try:
            found = _done(node, choices)
        except Exception as error:
            found = Outcome(node.key, error=f"{type(error).__name__}: {error}")
    seconds = {**found.seconds, "all": cost.seconds, "processor": process_time() - processor}
    spent = (Measured("seconds", cost.seconds, "s"), Measured("peak_memory", cost.peak_memory_mib, "MiB"))
    figures = (*found.figures, *spent) if found.figures else ()
    return replace(found, figures=figures, seconds=seconds, peak_memory_mib=cost.peak_memory_mib)


def _done(node: Node, choices: Choices) -> Outcome:
    if isinstance(node, CellNode):
        return measure(node, choices[node.views.key])
    assert isinstance(node, ViewNode)
    choice = choose(node, choices)
    return Outcome(node.key, choice, angles_of(node.task.scan.angles, choice))


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch and the projectors use one thread for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
