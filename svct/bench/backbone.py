"""The backbone as a task needs it."""

from svct.recon.networks import load_backbone
from svct.recon.unrolled import UnrolledNet
from svct.tasks.task import Task


def backbone_for(task: Task, net: UnrolledNet | None = None) -> UnrolledNet:
    """Return a backbone that interpolates rays through metal first where the task's patients have metal.

    Args:
        task: The task.
        net: The backbone. Default: the one that comes with svct.
    """
    net = net or load_backbone()
    return net.without_metal() if task.metal else net
