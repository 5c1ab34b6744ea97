"""About how long a piece of work takes on one core, for a progress bar."""

from functools import lru_cache

from svct.bench.diagnosis import EXTRA
from svct.bench.experiment.choose import EQUIDISTANT, offsets_of
from svct.bench.experiment.node import LEARNED, LEARNED_MAS, UNIVERSAL, CellNode, Node, ViewNode
from svct.bench.experiment.probes import PROBES
from svct.bench.recon_methods import cost
from svct.bench.share import LAW
from svct.geometry.grid import Grid
from svct.geometry.projector import Projector
from svct.geometry.scan import Scan
from svct.tasks.task import Task


def seconds_of(node: Node) -> float:
    """Return about how many seconds a node takes on one core."""
    if isinstance(node, CellNode):
        scans = 1 + sum(name in PROBES for name in node.metrics)
        images = scans * node.patients + node.training + (EXTRA if node.iterations and not node.settings else 0)
        return 0.5 + 0.02 * images + images * _image(node.method, node.task, node.iterations)
    assert isinstance(node, ViewNode)
    return 0.2 + sum(_searched(node) * _image("unrolled", task, 0) for task in (node.together or (node.task,)))


def _searched(node: ViewNode) -> int:
    """Return how many images the search for views reconstructs, for each task."""
    effort, budget = node.effort, node.task.budget
    if node.kind == EQUIDISTANT:
        return effort.validation * (len(offsets_of(len(node.task.scan), budget, 12)))
    if node.kind == UNIVERSAL and node.first:
        return 0
    if node.kind == LEARNED_MAS:
        return LAW.measurements * min(LAW.patients, effort.train) + 2 * effort.validation
    if node.kind in (LEARNED, UNIVERSAL):
        offsets = -(-len(node.task.scan) // budget)
        density = effort.warped.measurements * effort.warped.patients * effort.warped.offsets
        return 4 * budget + density + 16 * effort.gumbel_steps + effort.validation * (offsets + 4 + effort.swaps)
    return budget


def _image(method: str, task: Task, iterations: int) -> float:
    return _of_views(method, task.scan, task.grid, task.budget, iterations)


@lru_cache(maxsize=1024)
def _of_views(method: str, scan: Scan, grid: Grid, views: int, iterations: int) -> float:
    return cost(method, Projector(scan, grid)[list(range(views))], iterations=iterations)
