"""Which views an index means."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svct.errors import InputError

Views = int | slice | Iterable[int] | NDArray[Any]


def view_list(views: Views, count: int) -> list[int]:
    """Return the indices that `views` means among `count` views.

    Args:
        views: An index, a slice, indices in any order (repeats allowed), or a boolean mask of length `count`.
        count: How many views there are.

    Raises:
        InputError: No view is selected, or an index does not exist.

    Example:
        >>> view_list(slice(None, None, 2), 5)
        [0, 2, 4]
    """
    if isinstance(views, slice):
        chosen = list(range(count))[views]
    else:
        index = np.atleast_1d(
            np.asarray(views if hasattr(views, "__array__") or isinstance(views, int) else list(views))
        )
        if index.dtype == np.bool_:
            if index.shape != (count,):
                raise InputError(f"views: expected a mask of {count} booleans, got shape {index.shape}")
            index = np.flatnonzero(index)
        if index.ndim != 1 or (index.size and not np.issubdtype(index.dtype, np.integer)):
            raise InputError(f"views: expected indices, a slice or a mask, got {views!r}")
        outside = index[(index < -count) | (index >= count)]
        if outside.size:
            raise InputError(f"views: expected indices below {count}, the number of views, got {outside[0]}")
        chosen = (index % count).tolist()
    if not chosen:
        raise InputError(f"views: expected at least one of the {count} views, got none")
    return chosen
