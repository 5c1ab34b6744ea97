"""Running a plan: what is finished is left alone, what failed is tried again, the rest is done."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from svct.bench.experiment.node import CellNode, Choices, Node, ViewNode
from svct.bench.experiment.outcome import Outcome
from svct.bench.experiment.store import Store
from svct.bench.experiment.workers import Workers


@dataclass(frozen=True)
class Summary:
    """What a run did.

    Args:
        cells: How many the plan has.
        kept: How many of them were finished before.
        failed: Those that failed, with the cause.
    """

    cells: int
    kept: int
    failed: tuple[tuple[CellNode, str], ...]


def nodes_of(cells: Iterable[CellNode]) -> list[Node]:
    """Return cells and the choices that they need, each once and after what it needs."""
    found: dict[str, Node] = {}

    def add(node: Node) -> None:
        if node.key not in found:
            for needed in node.needs:
                add(needed)
            found[node.key] = node

    for cell in cells:
        add(cell)
    return list(found.values())


def run_cells(
    cells: Iterable[CellNode],
    store: Store,
    workers: Workers,
    *,
    done: Callable[[Node], object] = lambda node: None,
    say: Callable[[str], object] = lambda what: None,
    fail: Callable[[Node, str], object] = lambda node, cause: None,
) -> Summary:
    """Do all work that is not in the store.

    Args:
        cells: The plan's.
        store: Holds what is finished; nothing else is written.
        workers: Who does it.
        done: Called with each node that this run has finished or failed.
        say: Told what is being begun.
        fail: Called with a node that failed, and its cause.
    """
    nodes = nodes_of(cells)
    store.ask_for([node.key for node in nodes])
    waiting = {node.key: node for node in nodes if not store.finished(node)}
    kept = sum(isinstance(node, CellNode) for node in nodes) - sum(isinstance(n, CellNode) for n in waiting.values())
    wanted = _wanted(waiting.values())
    waiting = {key: node for key, node in waiting.items() if key in wanted}
    running: dict[str, Node] = {}
    causes: dict[str, str] = {}

    def end(node: Node, outcome: Outcome) -> None:
        store.keep(node, outcome)
        if outcome.error:
            causes[node.key] = outcome.error
            fail(node, outcome.error)
        done(node)

    while waiting or running:
        for node in list(waiting.values()):
            if workers.room < 1:
                break
            if any(needed.key in causes for needed in node.needs):
                del waiting[node.key]
                cause = next(causes[needed.key] for needed in node.needs if needed.key in causes)
                end(node, Outcome(node.key, error=f"its views could not be chosen: {cause}"))
            elif not any(needed.key in waiting or needed.key in running for needed in node.needs):
                del waiting[node.key]
                running[node.key] = node
                say(node.label)
                workers.start(node, _choices(store, node.needs))
        if running:
            outcome = workers.next()
            end(running.pop(outcome.key), outcome)
    failed = tuple((node, causes[node.key]) for node in nodes if isinstance(node, CellNode) and node.key in causes)
    return Summary(sum(isinstance(node, CellNode) for node in nodes), kept, failed)


def _choices(store: Store, needs: Iterable[ViewNode]) -> Choices:
    return {node.key: store.choice(node) for node in needs}


def _wanted(nodes: Iterable[Node]) -> set[str]:
    """Return the keys of unfinished cells and of the choices that they need."""
    return {node.key for node in nodes_of(node for node in nodes if isinstance(node, CellNode))}
