"""The backbone and the data as a task needs them."""

from jaxtyping import Float
from torch import Tensor

from svct.geometry.projector import Projector
from svct.physics.acquisition import Acquisition
from svct.recon.metal import interpolate_metal
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


def scanned_for(
    task: Task, physics: Acquisition, A: Projector, truth: Float[Tensor, "patient y x"], *, seed: int
) -> Float[Tensor, "patient view col"]:
    """Return log data for any method, rays through metal interpolated where the task's patients have metal.

    Args:
        task: The task.
        physics: Flux and noise of the projector's views.
        A: The projector.
        truth: True images, 1/mm.
        seed: Seed of the noise.
    """
    y: Tensor = physics.measure(A(truth), seed=seed)
    return interpolate_metal(y, A)[0] if task.metal else y
