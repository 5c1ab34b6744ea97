"""Files of trained backbones, and the one that comes with svct."""

import hashlib
import json
import os
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from svct.errors import DataFileError
from svct.files import atomic_path
from svct.recon.unrolled import UnrolledNet

SHIPPED = "weights/backbone-1.safetensors"
"""The trained network in the package, beside its card."""


def load_backbone(path: str | os.PathLike[str] | None = None) -> UnrolledNet:
    """Load a trained backbone, frozen and ready to reconstruct.

    Args:
        path: A file that `save_backbone` wrote. Default: the one that comes with svct.

    Returns:
        The network in evaluation mode; none of its weights asks for a gradient.

    Raises:
        DataFileError: The file is missing, damaged, or not a backbone.

    Example:
        >>> from svct.geometry import Grid, ParallelBeam, Projector
        >>> net = load_backbone()
    """
    source = backbone_path(path)
    try:
        with safe_open(source, framework="pt") as file:
            config = json.loads((file.metadata() or {}).get("config", "{}"))
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        net = UnrolledNet(**config)
        net.load_state_dict(state)
    except FileNotFoundError as error:
        raise DataFileError(f"{source}: expected the weights of a backbone, found no file") from error
    except (SafetensorError, OSError, ValueError, TypeError, RuntimeError) as error:
        text = " ".join(str(error).split())[:160]
        raise DataFileError(f"{source}: expected the weights of a backbone, cannot be loaded ({text})") from error
    return net.eval().requires_grad_(False)


def backbone_path(path: str | os.PathLike[str] | None = None) -> Path:
    """Return the file that `load_backbone` reads."""
    return Path(str(files("svct.recon") / SHIPPED)) if path is None else Path(path)


@cache
def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def save_backbone(
    net: UnrolledNet, path: str | os.PathLike[str], *, about: dict[str, Any], overwrite: bool = False
) -> None:
    """Write a backbone.

    Args:
        net: The network.
        path: A ``.safetensors`` file.
        about: What the file should tell of itself, such as the recipe; plain JSON.
        overwrite: Replace a file that is already there.

    Raises:
        OutputExistsError: The file exists and `overwrite` is false.
        DataFileError: The file cannot be written.
    """
    state = {name: value.detach().contiguous() for name, value in net.state_dict().items()}
    # safetensors keeps metadata in no fixed order, so that everything goes into one entry.
    content = save(state, {"config": json.dumps(net.config), **({"about": json.dumps(about)} if about else {})})
    with atomic_path(path, overwrite=overwrite) as partial:
        partial.write_bytes(content)
