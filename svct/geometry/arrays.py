"""Arrays of any kind in, the same kind out."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import torch
import torch.utils.dlpack

from svct.errors import InputError


def as_tensor(array: Any, what: str) -> tuple[torch.Tensor, Callable[[torch.Tensor], Any]]:
    """Return `array` as a float32 tensor that shares its memory, and a function that turns a result back.

    Args:
        array: A torch tensor, a NumPy array, or any array that speaks DLPack, such as CuPy's; float32.
        what: How errors name it, such as ``"x"``.

    Returns:
        The tensor, and a function from a tensor to an array of the kind that was given.

    Raises:
        InputError: Not an array, or not float32.
    """
    back: Callable[[torch.Tensor], Any]
    if isinstance(array, torch.Tensor):
        tensor, back = array, _same
    elif isinstance(array, np.ndarray):
        if array.dtype != np.float32:
            raise InputError(_wrong_dtype(what, array.dtype))
        contiguous = np.ascontiguousarray(array)
        tensor = torch.from_numpy(contiguous if contiguous.flags.writeable else contiguous.copy())
        back = _to_numpy
    elif hasattr(array, "__dlpack__"):
        tensor, back = (
            torch.utils.dlpack.from_dlpack(array),
            import_module(type(array).__module__.partition(".")[0]).from_dlpack,
        )
    else:
        raise InputError(f"{what}: expected a torch, NumPy or CuPy array, got {type(array).__name__}")
    if tensor.dtype != torch.float32:
        if not torch.is_autocast_enabled(tensor.device.type):
            raise InputError(_wrong_dtype(what, tensor.dtype))
        tensor = tensor.float()
    return tensor, back


def _same(tensor: torch.Tensor) -> torch.Tensor:
    return tensor


def _to_numpy(tensor: torch.Tensor) -> Any:
    return tensor.detach().numpy()


def _wrong_dtype(what: str, dtype: object) -> str:
    return (
        f"{what}: expected float32, got {str(dtype).removeprefix('torch.')}; convert it first, with .float() or .astype"
    )
