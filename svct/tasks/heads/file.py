"""Files of fitted heads: small, beside the frozen backbone, and bound to it by its hash."""

import json
import os
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from svct.errors import DataFileError
from svct.files import atomic_path
from svct.recon.networks import backbone_path, file_sha256
from svct.tasks.heads.base import Head, make_head

FORMAT = "svct.head/1"
"""What a head's file says of itself."""


def save_head(
    head: Head[Any],
    path: str | os.PathLike[str],
    *,
    backbone_sha256: str | None,
    about: dict[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a fitted head to a ``.safetensors`` file.

    Args:
        head: The head.
        path: The file.
        backbone_sha256: Of the backbone's file that its images or features came from, as
            `svct.recon.networks.file_sha256` gives it; None for images that no backbone made, such as FBP.
        about: What else the file should tell, such as the finding and the views; plain JSON.
        overwrite: Replace a file that is already there.

    Raises:
        InputError: The head is not fitted.
        OutputExistsError: The file exists and `overwrite` is false.
        DataFileError: The file cannot be written.
    """
    tensors = {name: value.detach().contiguous() for name, value in head.state().items()}
    told = {
        "format": FORMAT,
        "head": head.name,
        "settings": head.settings,
        "backbone_sha256": backbone_sha256,
        "about": about or {},
    }
    # safetensors keeps metadata in no fixed order, so that everything goes into one entry.
    content = save(tensors, {"svct": json.dumps(told, allow_nan=False)})
    with atomic_path(path, overwrite=overwrite) as partial:
        partial.write_bytes(content)


def load_head(path: str | os.PathLike[str], *, backbone: str | os.PathLike[str] | None = None) -> Head[Any]:
    """Load a fitted head.

    Args:
        path: A file that `save_head` wrote.
        backbone: File of the backbone that its images will come from. Default: the one that comes with svct.

    Raises:
        DataFileError: The file is missing, truncated or no head, or the head was fitted on another backbone.
        UnknownNameError: It holds a head that no installed package registers.
    """
    told = about_head(path)
    wanted, found = told["backbone_sha256"], file_sha256(backbone_path(backbone))
    if wanted is not None and wanted != found:
        raise DataFileError(
            f"{path}: expected a head of the backbone {found[:12]}, got one fitted on {wanted[:12]}; fit it again, or "
            "name the backbone that it was fitted on"
        )
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return make_head(told["head"], told["settings"]).load_state(tensors)
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise _unreadable(path, error) from error


def about_head(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what a head's file tells: ``head``, ``settings``, ``backbone_sha256`` and ``about``.

    Raises:
        DataFileError: The file is missing, truncated or no head.
    """
    try:
        with safe_open(path, framework="pt") as file:
            told: dict[str, Any] = json.loads((file.metadata() or {}).get("svct", "{}"))
    except FileNotFoundError as error:
        raise DataFileError(f"{path}: expected a fitted head, found no file") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise DataFileError(f"{path}: expected a fitted head ({FORMAT}), got another file of weights")
    return told


def _unreadable(path: str | os.PathLike[str], error: Exception) -> DataFileError:
    text = " ".join(str(error).split())[:160]
    return DataFileError(f"{path}: expected a fitted head, cannot be loaded ({text}); fit and save it again")
