"""The projector as a physics of deepinv."""

from functools import partial
from typing import Any

from torch import Tensor

from svct.geometry.projector import Adjoint, Projector
from svct.geometry.wrap.require import require


def as_deepinv(A: Projector) -> Any:
    """Return the projector as a `deepinv.physics.LinearPhysics`, for deepinv's solvers, losses and networks.

    Args:
        A: A projector.

    Returns:
        A physics whose `A` takes float32 tensors ``(batch, 1, *A.domain_shape)``, 1/mm, to
        ``(batch, 1, *A.range_shape)``, without unit, and whose `A_adjoint` goes back; both are differentiable. It has
        no noise; `set_noise_model` adds some.

    Raises:
        BackendUnavailable: deepinv is not installed.

    Example:
        >>> import torch
        >>> from svct.geometry import Grid, ParallelBeam
        >>> A = Projector(ParallelBeam([0.0, 0.7], bins=9), Grid(shape=(8, 8)))
        >>> physics = as_deepinv(A)
        >>> y = physics(torch.ones(3, 1, 8, 8))
        >>> y.shape, physics.A_adjoint(y).shape
        (torch.Size([3, 1, 2, 9]), torch.Size([3, 1, 8, 8]))

    Notes:
        The norm of A, which deepinv's step sizes depend on, is what the lengths in mm make it; `compute_sqnorm`
        estimates its square.
    """
    deepinv = require("deepinv", "pip install deepinv, with torch and torchvision of one build")
    return deepinv.physics.LinearPhysics(
        A=partial(_apply, A), A_adjoint=partial(_apply, A.T), img_size=(1, *A.domain_shape)
    )


def _apply(A: Projector | Adjoint, x: Tensor, **_: Any) -> Tensor:
    """Return A of `x`; deepinv hands over what is meant for its noise model too."""
    result: Tensor = A(x)
    return result
