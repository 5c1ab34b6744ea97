"""Files of trained networks, and the backbone that comes with svct."""

import hashlib
import json
import os
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from svct.errors import DataFileError
from svct.files import atomic_path
from svct.recon.rivals import ItNet, LearnedPrimalDual, PostUNet
from svct.recon.uncertainty import Uncertainty
from svct.recon.unrolled import UnrolledNet

NETWORKS: dict[str, type[nn.Module]] = {
    "unrolled": UnrolledNet,
    "post-unet": PostUNet,
    "itnet": ItNet,
    "lpd": LearnedPrimalDual,
    "uncertainty": Uncertainty,
}
"""Each kind of network by its name in files and recipes; all are called ``(y, A)``."""

SHIPPED = "weights/backbone-3.safetensors"
"""The trained backbone in the package, beside its card."""


def load_backbone(path: str | os.PathLike[str] | None = None) -> UnrolledNet:
    """Load a trained backbone, frozen and ready to reconstruct.

    Args:
        path: A file that `save_network` wrote. Default: the one that comes with svct.

    Returns:
        The network in evaluation mode; none of its weights asks for a gradient.

    Raises:
        DataFileError: The file is missing, damaged, or not a backbone.

    Example:
        >>> from svct.geometry import Grid, ParallelBeam, Projector
        >>> net = load_backbone()
    """
    net = load_network(backbone_path(path))
    if not isinstance(net, UnrolledNet):
        raise DataFileError(f"{path}: expected the weights of a backbone, got those of a {type(net).__name__}")
    return net


def load_network(path: str | os.PathLike[str]) -> nn.Module:
    """Load a trained network of any kind in `NETWORKS`, frozen; float32.

    Args:
        path: A file that `save_network` wrote.

    Raises:
        DataFileError: The file is missing, damaged, or holds no such network.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about = _about(file)
            state = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        net = NETWORKS[about["network"]](**about["settings"])
        net.load_state_dict(state)
    except FileNotFoundError as error:
        raise DataFileError(f"{path}: expected the weights of a network, found no file") from error
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
        text = " ".join(str(error).split())[:160]
        raise DataFileError(f"{path}: expected the weights of a network, cannot be loaded ({text})") from error
    return net.eval().requires_grad_(False)


def about_network(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what a file of `save_network` tells of itself: the kind of network, its settings, and what was given.

    Raises:
        DataFileError: The file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return _about(file)
    except (SafetensorError, OSError, ValueError) as error:
        raise DataFileError(f"{path}: expected the weights of a network, cannot be read ({error})") from error


def _about(file: Any) -> dict[str, Any]:
    about: dict[str, Any] = json.loads((file.metadata() or {}).get("svct", "{}"))
    return about


def backbone_path(path: str | os.PathLike[str] | None = None) -> Path:
    """Return the file that `load_backbone` reads."""
    return Path(str(files("svct.recon") / SHIPPED)) if path is None else Path(path)


@cache
def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def save_network(
    net: nn.Module, path: str | os.PathLike[str], *, about: dict[str, Any], overwrite: bool = False
) -> None:
    """Write a network; its weights in half precision, which halves the file and changes images by less than 1 HU.

    Args:
        net: Of a kind in `NETWORKS`.
        path: A ``.safetensors`` file.
        about: What the file should tell of itself, such as the recipe; plain JSON.
        overwrite: Replace a file that is already there.

    Raises:
        OutputExistsError: The file exists and `overwrite` is false.
        DataFileError: The file cannot be written.
    """
    state = {name: value.detach().to(torch.float16).contiguous() for name, value in net.state_dict().items()}
    kind = next(name for name, cls in NETWORKS.items() if type(net) is cls)
    # safetensors keeps metadata in no fixed order, so that everything goes into one entry.
    content = save(state, {"svct": json.dumps({"network": kind, "settings": net.config, **about})})
    with atomic_path(path, overwrite=overwrite) as partial:
        partial.write_bytes(content)
