"""What data must satisfy before a reconstruction starts."""

from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError
from svct.geometry.projector import Projector


def check_data(y: Float[Tensor, "..."], A: Projector) -> None:
    """Check that log data fit an operator and are finite.

    Raises:
        InputError: Wrong shape, NaN or infinity.
    """
    if tuple(y.shape[-2:]) != A.range_shape:
        views, bins = A.range_shape
        raise InputError(
            f"y: expected {views} views of {bins} bins, as the operator has, got shape {tuple(y.shape)}; "
            "take the same views of both, y[..., views, :] and A[views]"
        )
    if not bool(y.isfinite().all()):
        raise InputError("y: expected finite log data, got NaN or infinity; mend or leave out the bad bins first")
