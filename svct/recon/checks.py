"""What data must satisfy before a reconstruction starts."""

import math

from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError
from svct.geometry.projector import Projector


def check_data(y: Float[Tensor, "..."], A: Projector, *, volumes: bool = False) -> None:
    """Check that log data fit an operator and are finite.

    Args:
        y: Log data.
        A: The operator.
        volumes: Whether the method takes 3D scans too.

    Raises:
        InputError: Wrong shape, NaN or infinity, or a 3D scan for a method that takes only 2D.
    """
    if len(A.range_shape) == 3 and not volumes:
        raise InputError(
            "A: expected a 2D scan for this method, got a 3D one; fbp, the iterative methods and the backbone take "
            "volumes"
        )
    if tuple(y.shape[-len(A.range_shape) :]) != A.range_shape:
        *rows, views, bins = A.range_shape
        dots = "".join(f"{n} rows, " for n in rows)
        raise InputError(
            f"y: expected {dots}{views} views of {bins} bins, as the operator has, got shape {tuple(y.shape)}; "
            "take the same views of both, y[..., views, :] and A[views]"
        )
    if not bool(y.isfinite().all()):
        raise InputError("y: expected finite log data, got NaN or infinity; mend or leave out the bad bins first")


def check_nonnegative(name: str, value: float) -> None:
    """Check that a setting is a finite number of 0 or more.

    Raises:
        InputError: It is not.
    """
    if not 0 <= value < math.inf:
        raise InputError(f"{name}: expected a finite number of 0 or more, got {value}")
